"""Avro with a schema registry, end to end, through an outage of it."""

from __future__ import annotations

from pathlib import Path

from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.records import Result
from pipeline.schemas.registry import SchemaRegistry
from pipeline.schemas.registry_client import RegistryAccess
from tests.e2e.conftest import running
from tests.e2e.events import Backlog
from tests.e2e.judge import all_promises_hold
from tests.faults.schema_registry import schema_registry

ACCOUNTS = 3


def test_records_are_in_the_confluent_format_and_an_outage_of_the_registry_holds_only_what_starts(
    kafka: KafkaAccess, tmp_path: Path
) -> None:
    with schema_registry() as registry:
        environment = {"PIPELINE_ENCODING": "avro", "SCHEMA_REGISTRY_URL": registry.url}
        with running(kafka, tmp_path, environment=environment) as machine:
            machine.here.codec.ready()
            machine.connect()
            _, sinks = machine.start(Role.AGENTS, Role.SINKS)
            backlog = Backlog(machine, ACCOUNTS)
            first, second, third = (backlog.events[at : at + 5] for at in (0, 5, 10))
            machine.send(first)
            machine.until(lambda: len(machine.record.results) >= 2 * ACCOUNTS, "the first events are carried out")

            registry.away = "reset"
            before = len(machine.record.results)
            machine.send(second)
            machine.until(lambda: len(machine.record.results) > before, "those that run know their schemas")
            sinks.kill()
            machine.send(third)
            machine.until(lambda: len(machine.record.decisions) == len(backlog.events), "agents decide on")
            machine.until(lambda: "the schema registry" in sinks.last_words(), "the next life of the sinks waits")
            registry.away = None
            machine.until(lambda: len(machine.record.results) == backlog.commands, "every command has a result")
            machine.stop()

            all_promises_hold(machine, backlog)
            values = [each.value() or b"" for each in scan(kafka, Scan(machine.here.topics.results))]
        ids = {int.from_bytes(value[1:5], "big") for value in values if value[0] == 0}
        assert len(values) == backlog.commands
        assert len(ids) == 1
        assert SchemaRegistry(RegistryAccess.of(registry.url, {})).schema(*ids)["name"] == f"pipeline.{Result.__name__}"
