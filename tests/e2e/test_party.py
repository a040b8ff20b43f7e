"""A party whose command a person must settle waits in order while others flow; an operator releases or skips it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.cli.run import Role
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import Status
from tests.e2e.control import BOOKS
from tests.e2e.events import account_created
from tests.e2e.machine import Machine

pytestmark = pytest.mark.slow


class Namesakes:
    """Two accounts of one name, of which Zoho Books takes but one, and a third that has nothing to do with them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        made = machine.twins.bulk(3, 0, seed=1).contacts
        self.first, self.second, self.third = (machine.twins.account(id_) for id_ in made)

    def send(self, account: Json, number: int, name: str) -> str:
        event = account_created(account, id_=f"{account['id']}-{number}", name=name)
        self._machine.send([event])
        return str(event["id"])

    def ends(self, event: str, *statuses: Status) -> None:
        def ended() -> bool:
            return [each.status for each in self._machine.record.results_of(event)] == list(statuses)

        self._machine.until(ended, f"{event} ends")

    def clash(self) -> list[str]:
        """The second takes the first's name, then another one; gives these two events, the first of them refused."""
        self.ends(self.send(self.first, 1, "Same"), Status.SUCCEEDED, Status.SUCCEEDED)
        events = [self.send(self.second, 1, "Same"), self.send(self.second, 2, "Own")]
        self.ends(events[0], Status.REFUSED)
        self.ends(self.send(self.third, 1, "Third"), Status.SUCCEEDED, Status.SUCCEEDED)
        assert not self._machine.record.results_of(events[1]), "it waits behind the refused one"
        return events


def test_a_released_party_tries_the_refused_command_first_and_then_goes_on_in_order(machine: Machine) -> None:
    machine.connect()
    machine.start(Role.AGENTS, Role.SINKS)
    accounts = Namesakes(machine)
    events = accounts.clash()
    party = accounts.second["id"]

    (row,) = said(machine, "party", "list")
    assert (row["connection"], row["party"], row["code"], row["behind"]) == (BOOKS, party, "3062", 1)
    assert [line["sent"] for line in said(machine, "party", "release", party)] == [False]
    (again,) = said(machine, "party", "release", party, "--yes", "--wait", code=1)
    assert (again["status"], again["sent"]) == ("refused", True), "its cause is not mended yet"

    accounts.ends(accounts.send(accounts.first, 2, "Moved"), Status.SUCCEEDED, Status.UNCHANGED)
    (done,) = said(machine, "party", "release", party, "--yes", "--wait")
    assert done["status"] == "succeeded"
    machine.until(lambda: len(machine.record.results_of(events[1])) == 2, "what was queued goes on")
    assert said(machine, "party", "list") == []
    machine.stop()

    assert machine.twins.versions()[party] == ["Same", "Own"]
    rounds = [(each.status, each.redrive) for each in machine.record.results_of(events[0]) if each.step == "contact"]
    assert rounds == [(Status.REFUSED, 0), (Status.REFUSED, 1), (Status.SUCCEEDED, 2)]


def test_a_skipped_party_leaves_the_refused_command_and_goes_on_behind_it(machine: Machine) -> None:
    machine.connect()
    machine.start(Role.AGENTS, Role.SINKS)
    accounts = Namesakes(machine)
    events = accounts.clash()
    party = accounts.second["id"]

    (done,) = said(machine, "party", "skip", party, "--connection", BOOKS, "--yes", "--wait")
    assert (done["status"], done["result"]) == ("succeeded", "skipped")
    accounts.ends(events[1], Status.SUCCEEDED, Status.SUCCEEDED)
    assert machine.twins.versions()[party] == ["Own"]
    assert said(machine, "party", "list") == []
    late = machine.pipeline("party", "skip", party, "--yes")
    assert late.returncode == 2
    assert f"party '{party}' is not set aside" in late.stderr


def said(machine: Machine, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    done = machine.pipeline(*arguments, "--json")
    assert done.returncode == code, done.stderr + done.stdout
    return [json.loads(line) for line in done.stdout.splitlines()]
