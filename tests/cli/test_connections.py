"""Connections from the command line: paused and resumed, and listed with what keeps them from working."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.control.snapshot import credentials_hash
from pipeline.schemas.records import Connection, ConnectionState
from pipeline.sinks.breaker import LIMIT
from tests.cli.conftest import Cli

BOOKS = Connection(id="books-main", app="zohobooks", settings={"organization_id": "1"}, secrets={"x": "v1:a:x"})


@pytest.fixture
def books(here: Installation) -> Connection:
    here.store().write([BOOKS])
    return BOOKS


def remember(here: Installation, state: ConnectionState) -> None:
    """As the owner of a connection does."""
    producer: Producer = here.access.producer()
    producer.produce(here.topics.state, here.codec.encode(state), state.connection.encode())
    assert producer.flush(20) == 0


def test_a_pause_is_written_once_and_a_resume_takes_it_back(cli: Cli, here: Installation, books: Connection) -> None:
    before = here.control().revision

    assert cli("connections", "pause", "books-main", "--json").rows == [
        {"id": "books-main", "paused": True, "changed": True, "stopped": ""}
    ]
    assert cli("connections", "pause", "books-main", "--json").rows[0]["changed"] is False
    assert here.control().connection("books-main").paused
    assert here.control().revision == before + 1, "the second one wrote nothing"

    assert "its commands go on" in cli("connections", "resume", "books-main").out
    assert "as before" in cli("connections", "resume", "books-main").out
    assert here.control().connection("books-main") == books


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_an_unknown_connection_is_one_clear_mistake_that_lists_those_there_are(
    cli: Cli, here: Installation, books: Connection, verb: str
) -> None:
    ran = cli("connections", verb, "book-main")

    assert ran.code == Exit.MISTAKE
    assert ran.err.strip() == "pipeline: no connection 'book-main'; there are: books-main"
    assert not here.control().connection("books-main").paused


def test_the_list_says_what_is_paused_and_what_is_stopped_and_why(
    cli: Cli, here: Installation, books: Connection
) -> None:
    assert cli("connections", "list", "--json").rows[0]["state"] == "running"

    remedy = "invalid_code: make a new self client code"
    remember(here, ConnectionState(connection="books-main", stopped=remedy, credentials=credentials_hash(books)))
    [stopped] = cli("connections", "list", "--json").rows
    assert (stopped["state"], stopped["why"]) == ("stopped", remedy)
    assert remedy in cli("connections", "list").out

    before = here.control().revision
    assert "it was stopped, and is tried again" in cli("connections", "resume", "books-main").out
    assert here.control().revision == before + 1, "a row for its owner to see"
    cli("connections", "pause", "books-main")
    [paused] = cli("connections", "list", "--json").rows
    assert (paused["state"], paused["paused"], paused["stopped"]) == ("paused", True, remedy)
    assert "pipeline connections resume books-main" in paused["why"]


def test_the_list_says_what_an_app_that_fails_or_blocks_is_waited_for(
    cli: Cli, here: Installation, books: Connection
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    remember(here, ConnectionState(connection="books-main", failures=LIMIT + 2, breaker_until=later))
    [failing] = cli("connections", "list", "--json").rows
    assert (failing["state"], failing["breaker"]) == ("failing", "open")
    assert f"{LIMIT + 2} calls in a row" in failing["why"]

    remember(here, ConnectionState(connection="books-main", blocked_until=later))
    [waiting] = cli("connections", "list", "--json").rows
    assert (waiting["state"], waiting["breaker"]) == ("waiting", "closed")
    assert f"{later:%H:%M:%S}" in waiting["why"]


def test_a_stop_of_credentials_that_were_replaced_since_is_not_shown(
    cli: Cli, here: Installation, books: Connection
) -> None:
    remember(here, ConnectionState(connection="books-main", stopped="dead token", credentials="of others"))

    assert cli("connections", "list", "--json").rows[0]["state"] == "running"


def test_the_addresses_of_an_app_that_signs_hold_no_secret_and_say_when_to_call_each(
    cli: Cli, here: Installation, books: Connection
) -> None:
    rows = {row["kind"]: row for row in cli("connections", "hooks", "books-main", "--json").rows}
    told = cli("connections", "hooks", "books-main").out

    assert rows.keys() == here.apps["zohobooks"].triggers.keys()
    assert rows["payment.recorded"]["url"].endswith("/hooks/zohobooks/books-main?event=payment.recorded")
    assert rows["payment.recorded"]["when"] == "Payments Received, when created"
    assert all(row["signed"] and row["when"] for row in rows.values())
    assert "I want to secure this webhook" in told
    assert "has no webhook_secret yet" in told
