"""The command line in this process, on an installation of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from pipeline.cli.installation import Installation, installation
from pipeline.cli.main import main
from pipeline.kafka.clients import KafkaAccess


@dataclass(frozen=True)
class Ran:
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Cli:
    """Runs `pipeline ...` with an environment of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], environment: pytest.MonkeyPatch, state: Path) -> None:
        self._capsys = capsys
        self.environment = environment
        self.state = state

    def __call__(self, *arguments: str | Path) -> Ran:
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = self._capsys.readouterr()
        return Ran(code, said.out, said.err)


@pytest.fixture
def bare_cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cli]:
    """Without Kafka: for what is decided before it is needed."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "PIPELINE_TOPIC_PREFIX", "PIPELINE_SECRETS_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIPELINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield Cli(capsys, monkeypatch, tmp_path / "state")
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def cli(bare_cli: Cli, kafka: KafkaAccess, topic_prefix: str) -> Cli:
    """With the broker of the tests and its own topics."""
    bare_cli.environment.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    bare_cli.environment.setenv("PIPELINE_TOPIC_PREFIX", topic_prefix)
    bare_cli.environment.setenv("PIPELINE_PARTITIONS", "2")
    bare_cli.environment.setenv("PIPELINE_REPLICATION_FACTOR", "1")
    assert bare_cli("topics", "create").code == 0
    return bare_cli


@pytest.fixture
def here(cli: Cli) -> Iterator[Installation]:
    """The same installation, by hand."""
    with installation() as made:
        yield made
