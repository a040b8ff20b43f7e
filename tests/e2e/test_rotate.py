"""Keys are replaced while everything runs: nothing stops, nothing is lost, and without the old key all still opens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.cli.run import Role
from pipeline.control.secrets import load_secret_box, sealed_under
from pipeline.kafka.clients import KafkaAccess
from tests.e2e.conftest import running
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.events import Backlog, account_created
from tests.e2e.judge import all_promises_hold
from tests.e2e.machine import Machine

pytestmark = pytest.mark.slow

ACCOUNTS = 40
SLOW = 0.1
OLD, NEW = (f"{name}:{base64.b64encode(bytes([number] * 32)).decode()}" for name, number in (("old", 1), ("new", 2)))


@pytest.fixture
def machine(kafka: KafkaAccess, tmp_path: Path) -> Iterator[Machine]:
    """With the key file of its state directory."""
    with running(kafka, tmp_path, environment={"PIPELINE_SECRETS_KEYS": ""}) as made:
        yield made


@pytest.fixture
def handed(kafka: KafkaAccess, tmp_path: Path) -> Iterator[Machine]:
    """With a key of the environment."""
    with running(kafka, tmp_path, environment={"PIPELINE_SECRETS_KEYS": OLD}) as made:
        yield made


def test_a_rotation_in_the_middle_stops_nothing_and_the_old_key_is_needed_no_more(machine: Machine) -> None:
    machine.connect()
    machine.twins.books.twin.latency = SLOW
    address = hooks(machine)["account.created"]
    _, sinks = machine.start(Role.AGENTS, Role.SINKS)
    backlog = Backlog(machine, ACCOUNTS)
    machine.send(backlog.events)
    machine.until(lambda: len(machine.record.results) >= ACCOUNTS, "the sink is in the middle")
    running_since, refreshes = sinks.pid, len(machine.record.states[BOOKS].refreshes)

    old = load_secret_box(machine.here.settings).ids[0]
    assert {row["sealed"] for row in said(machine, "secrets", "rotate", "--yes")} == {True}
    new = load_secret_box(machine.here.settings).ids[0]
    assert len(machine.record.results) < backlog.commands, "it is still in the middle"
    machine.until(lambda: sealed_under(machine.record.states[BOOKS].token) == new, "the owner seals its token anew")
    assert said(machine, "secrets", "remove", old, "--yes") == [{"key": old, "removed": True}]
    machine.twins.books.twin.latency = 0.0
    machine.until(lambda: len(machine.record.results) >= backlog.commands, "every command has a result")
    assert sinks.pid == running_since, "no role was restarted"
    assert len(machine.record.states[BOOKS].refreshes) == refreshes, "no token was asked for anew"

    assert {row["key"] for row in said(machine, "secrets", "list")} == {new}
    assert all(row["works"] for row in said(machine, "connections", "test"))
    machine.stop()
    all_promises_hold(machine, backlog)

    machine.start(Role.GATEWAY)
    machine.until_ready()
    assert hooks(machine)["account.created"] == address
    body = {"payload": {"id": backlog.accounts[0]}}
    assert httpx.post(machine.gateway + address, json=body).status_code == 202, "an address of before is good"


def test_a_key_of_the_environment_is_replaced_by_restarting_one_role_after_the_other(handed: Machine) -> None:
    machine = handed
    machine.connect()
    (sinks, _) = machine.start(Role.SINKS, Role.AGENTS)
    flows(machine, 1)

    sinks.leave()
    (sinks,) = machine.start(Role.SINKS, environment={"PIPELINE_SECRETS_KEYS": f"{OLD},{NEW}"})
    rotate = {"PIPELINE_SECRETS_KEYS": f"{NEW},{OLD}"}
    assert machine.pipeline("secrets", "rotate", "--yes", environment=rotate).returncode == 0
    flows(machine, 2)
    assert machine.record.states[BOOKS].stopped == ""

    sinks.leave()
    machine.start(Role.SINKS, environment={"PIPELINE_SECRETS_KEYS": NEW})
    flows(machine, 3)
    machine.stop()
    assert {state.stopped for state in machine.record.states.values()} == {""}
    assert {sealed_under(state.token) for state in machine.record.states.values() if state.token} == {"new"}
    assert not machine.record.dead_letters


def flows(machine: Machine, seed: int) -> None:
    """One account through both apps."""
    (account,) = machine.twins.bulk(1, 0, seed=seed).contacts
    event = account_created(machine.twins.account(account))
    machine.send([event])
    machine.until(lambda: len(machine.record.results_of(event["id"])) == 2, f"account {seed} arrives")


def hooks(machine: Machine) -> dict[str, str]:
    """The webhook addresses of Togai's connection, without host."""
    rows = said(machine, "connections", "hooks", TOGAI)
    return {row["kind"]: "/hooks/" + row["url"].partition("/hooks/")[2] for row in rows}


def said(machine: Machine, *arguments: str) -> list[dict[str, Any]]:
    done = machine.pipeline(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
