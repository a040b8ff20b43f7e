"""One real Kafka for the whole test run: embedded by default, in Docker or an existing one by choice."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from pipeline.kafka.wait import wait_for_broker

REPOSITORY = Path(__file__).parent.parent
DOCKER_IMAGE = "apache/kafka:4.3.1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kafka",
        default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or "embedded",
        help="embedded (default), docker, or bootstrap servers (default from KAFKA_BOOTSTRAP_SERVERS)",
    )


@pytest.fixture(scope="session")
def jars() -> JarSource:
    """The broker's jars, kept in the repository's state directory from run to run."""
    return JarSource.from_environment(REPOSITORY / ".state")


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, jars: JarSource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaAccess]:
    """Access to a broker that lives as long as the test run. Use `topic_prefix` for every name on it."""
    chosen: str = request.config.getoption("--kafka")
    if chosen == "embedded":
        with EmbeddedKafka(tmp_path_factory.mktemp("broker"), jars=jars) as broker:
            yield KafkaAccess(broker.bootstrap_servers)
    elif chosen == "docker":
        yield from _in_docker()
    else:
        access = KafkaAccess.from_environment(chosen)
        wait_for_broker(access)
        yield access


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Put before topics, groups and transactional ids: tests never meet on the shared broker."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:40].strip("-")
    return f"{name}-{uuid.uuid4().hex[:8]}."


def _in_docker() -> Iterator[KafkaAccess]:
    from testcontainers.kafka import KafkaContainer

    container = KafkaContainer(DOCKER_IMAGE).with_kraft()
    for name, value in _DOCKER_SETTINGS.items():
        container = container.with_env(name, value)
    with container:
        access = KafkaAccess(container.get_bootstrap_server())
        wait_for_broker(access, 60)
        yield access


_DOCKER_SETTINGS = {
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "100",
    "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
}
