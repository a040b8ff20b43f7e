"""Parties set aside, from the command line: listed from the ledger, and spoken to by a command a party."""

from __future__ import annotations

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.operations.reader import Scan, scan
from pipeline.schemas.records import Cause, Command, LedgerRow, LedgerState, Run
from tests.cli.conftest import Cli

CAUSE = Cause(kind="conflict", code="3062", message="the name is taken; rename one of the two")


def open_(here: Installation, id_: str, party: str, state: LedgerState, connection: str = "books-main") -> None:
    """A row of the ledger, as an owner writes it."""
    run = Run(
        id=f"run-{id_}",
        link="accounts",
        flow="f",
        flow_version="1",
        event_id=f"event-{id_}",
        event_type="togai.account.created",
        source_connection="togai-main",
        subject=party,
        party=party,
    )
    command = Command(
        id=id_,
        connection=connection,
        app="zohobooks",
        action="upsert_contact",
        party=party,
        input={},
        run=run,
        step="contact",
        index=0,
        last=True,
        scope="s",
    )
    cause = CAUSE if state is LedgerState.ASIDE else None
    row = LedgerRow(state=state, command=command, topic="t", offset=0, cause=cause)
    producer = here.access.producer()
    producer.produce(here.topics.ledger, here.codec.encode(row), f"{connection}/{id_}".encode())
    assert producer.flush(20) == 0


def sent(here: Installation) -> list[Command]:
    topic = here.topics.commands("zohobooks", bulk=True)
    return [here.codec.decode(Command, message.value() or b"") for message in scan(here.access, Scan(topic))]


@pytest.fixture
def aside(here: Installation) -> None:
    open_(here, "c1", "acc-1", LedgerState.ASIDE)
    open_(here, "c2", "acc-1", LedgerState.QUEUED)
    open_(here, "c3", "acc-2", LedgerState.WAITING)
    open_(here, "c4", "acc-3", LedgerState.ASIDE, "books-a")
    open_(here, "c5", "acc-3", LedgerState.ASIDE, "books-b")


@pytest.mark.usefixtures("aside")
def test_the_list_names_each_party_with_its_cause_and_how_many_wait_behind(cli: Cli) -> None:
    rows = {(row["connection"], row["party"]): row for row in cli("party", "list", "--json").rows}

    assert set(rows) == {("books-main", "acc-1"), ("books-a", "acc-3"), ("books-b", "acc-3")}
    row = rows["books-main", "acc-1"]
    assert (row["command"], row["kind"], row["code"], row["behind"]) == ("c1", "conflict", "3062", 1)
    assert CAUSE.message in cli("party", "list").out
    assert [row["party"] for row in cli("party", "list", "--connection", "books-a", "--json").rows] == ["acc-3"]


@pytest.mark.usefixtures("aside")
@pytest.mark.parametrize("verb", ["release", "skip"])
def test_a_verb_is_a_dry_run_until_told_and_then_one_command_a_party(cli: Cli, here: Installation, verb: str) -> None:
    assert [row["sent"] for row in cli("party", verb, "acc-1", "--json").rows] == [False]
    assert sent(here) == []

    assert cli("party", verb, "acc-1", "--yes").code == Exit.GOOD
    assert cli("party", verb, "acc-3", "--connection", "books-b", "--yes").code == Exit.GOOD
    commands = sent(here)
    assert sorted((each.connection, each.party) for each in commands) == [("books-b", "acc-3"), ("books-main", "acc-1")]
    assert {(each.action, each.last, each.emit) for each in commands} == {(f"party.{verb}", True, None)}

    cli("party", verb, "--all", "--yes")
    assert len(sent(here)) == 5


@pytest.mark.usefixtures("aside")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["acc-2"], "party 'acc-2' is not set aside; `pipeline party list`"),
        (["acc-1", "--connection", "books-a"], "party 'acc-1' is not set aside at books-a"),
        (["acc-3"], "is set aside at books-a, books-b: choose one with --connection"),
        ([], "name the parties, or say --all"),
        (["acc-1", "--all"], "name the parties, or say --all"),
    ],
)
def test_a_party_that_is_not_meant_clearly_is_one_mistake_and_nothing_is_sent(
    cli: Cli, here: Installation, arguments: list[str], message: str
) -> None:
    ran = cli("party", "release", *arguments, "--yes")

    assert ran.code == Exit.MISTAKE
    assert message in ran.err
    assert sent(here) == []


@pytest.mark.usefixtures("aside")
def test_a_wait_that_comes_to_nothing_says_so_with_its_own_code(cli: Cli) -> None:
    ran = cli("party", "release", "acc-1", "--yes", "--wait", "--timeout", "1", "--json")

    assert ran.code == Exit.TIMED_OUT
    assert ran.rows[0]["result"] == "none yet; `pipeline results --command c1` shows it"
