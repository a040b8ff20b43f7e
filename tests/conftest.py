"""One real Kafka for the whole test run: embedded by default, in Docker or an existing one by choice."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.broker_config import SETTINGS
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java
from pipeline.kafka.ports import free_port
from pipeline.kafka.wait import wait_for_broker
from tests.apicurio import apicurio, unpacked

# No test fails because a machine is slow.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

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


@pytest.fixture(scope="session")
def schema_registry(jars: JarSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real schema registry that lives as long as the test run. Put `topic_prefix` before subjects."""
    try:
        unpacked(jars)
        find_java()
    except KafkaStartError as error:
        pytest.skip(f"no schema registry: {error}")
    with apicurio(jars, tmp_path_factory.mktemp("registry") / "apicurio.log") as url:
        yield url


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Put before topics, groups and transactional ids: tests never meet on the shared broker."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:40].strip("-")
    return f"{name}-{uuid.uuid4().hex[:8]}."


def _in_docker() -> Iterator[KafkaAccess]:
    """The official image, with the settings of the embedded broker."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    settings = {
        **SETTINGS,
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://localhost:{port}",
    }
    container = DockerContainer(DOCKER_IMAGE).with_bind_ports(9092, port)
    for name, value in settings.items():
        container = container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with container:
        access = KafkaAccess(f"{container.get_container_host_ip()}:{port}")
        wait_for_broker(access, 60)
        yield access
