"""One running worker and what may come its way: lost answers, quotas, dead tokens, missing mappings, bad input."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.faults import Fault, blocked
from pipeline.schemas.records import Status
from tests.e2e.record import counted
from tests.sinks.harness import Bench, backlog, bench, keyed_to, second_organization, upsert

CONTACTS = "/books/v3/contacts*"
STRANGER, NEIGHBOUR = keyed_to(1, 2, "stranger"), keyed_to(1, 2, "neighbour")
UNREADABLE = b'{"id": "no command"}'


def name(start: str) -> str:
    """Of a connection on the partition that all tests but one share."""
    return keyed_to(0, 2, start)


@pytest.fixture(scope="module")
def sinks(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A worker at work. What takes long to end is sent before the first test; at the end nothing is there twice."""
    directory = tmp_path_factory.mktemp("sinks")
    with bench(
        kafka, f"sinks-{uuid.uuid4().hex[:8]}.", directory, partitions=2, organizations=[second_organization()]
    ) as made:
        made.connect(NEIGHBOUR)
        made.send_raw([(NEIGHBOUR.encode(), UNREADABLE)])
        made.send([upsert("strange", 0, STRANGER), *backlog(2, 2, NEIGHBOUR)])
        made.start()
        made.until_results(4, NEIGHBOUR)
        yield made
        made.end()
        assert not counted(result.command for result in made.results())


def test_a_lost_answer_is_settled_by_a_repeat_and_leaves_one_object(sinks: Bench) -> None:
    books = name("lost")
    sinks.connect(books)
    sinks.twins.books.place(Fault(effect="lose_answer", method="PUT", path=CONTACTS, nth=3))
    calls = sinks.calls()

    sinks.send(backlog(5, 1, books))
    sinks.until_results(5, books)

    sinks.ended_once(books)
    assert sinks.settled(books) == {"answer": 4, "repeat": 1}
    assert sinks.calls() == calls + 6


def test_a_blocked_organization_stops_its_connection_and_no_other_on_the_partition(sinks: Bench) -> None:
    here, there = name("free"), name("blocked")
    sinks.connect(here)
    sinks.connect(there, organization_id=second_organization().id)
    sinks.twins.books.place(blocked(method="PUT", path=CONTACTS, organization=second_organization().id))
    sinks.send([upsert("first", 0, there)])
    sinks.until(lambda: bool(_blocked(sinks, there)), "the block is written down")

    sinks.send([*backlog(20, 2, there), *backlog(10, 2, here)])
    sinks.until_results(20, here)

    sinks.ended_once(here)
    assert not sinks.results(there)
    assert sinks.calls(second_organization().id) == 1


def _blocked(sinks: Bench, connection: str) -> object:
    state = sinks.state(connection)
    return state and state.blocked_until


def test_many_rejected_calls_at_once_cost_one_token_request(sinks: Bench) -> None:
    books = name("tokens")
    sinks.connect(books)
    commands = backlog(20, 3, books)
    sinks.send(commands[:20])
    sinks.until_results(20, books)
    asked, rejected = _token_requests(sinks), _rejected(sinks)

    sinks.twins.books.call(sinks.twins.books.twin.revoke_tokens)
    sinks.send(commands[20:])
    sinks.until_results(60, books)

    sinks.ended_once(books)
    assert _rejected(sinks) >= rejected + 3
    assert _token_requests(sinks) == asked + 1


def _token_requests(sinks: Bench) -> int:
    return sum(entry.kind == "oauth.token" for entry in sinks.twins.books.ledger.entries)


def _rejected(sinks: Bench) -> int:
    return sum(entry.status == 401 for entry in sinks.twins.books.ledger.entries)


def test_a_parked_command_is_released_by_its_mapping(sinks: Bench) -> None:
    books = name("parked")
    sinks.connect(books)
    needs = upsert("needs", 0, books, source="wanted", action="ensure_contact")
    needs = upsert(
        "needs", 0, books, source="wanted", action="ensure_contact", input={**needs.input, "missing": "park"}
    )
    sinks.send([needs, upsert("other", 0, books)])
    sinks.until_results(1, books)
    assert [result.party for result in sinks.results(books)] == ["other"]

    sinks.send([upsert("maker", 1, books, source="wanted")])
    sinks.until_results(3, books)

    assert {result.party: result.status for result in sinks.results(books)} == {
        "other": Status.SUCCEEDED,
        "maker": Status.SUCCEEDED,
        "needs": Status.UNCHANGED,
    }


def test_an_unknown_connection_and_an_unreadable_command_are_dead_letters_and_stop_nothing(sinks: Bench) -> None:
    sinks.until_results(4, NEIGHBOUR)
    sinks.until_results(1, STRANGER)

    sinks.ended_once(NEIGHBOUR)
    (refused,) = sinks.results(STRANGER)
    assert refused.cause is not None
    assert (refused.status, refused.cause.kind, refused.cause.code) == (Status.REFUSED, "unknown", "connection")
    letters = {letter.cause.kind: letter for letter in sinks.record.dead_letters}
    assert set(letters) == {"unknown", "undecodable"}
    assert letters["undecodable"].value == UNREADABLE
    assert letters["undecodable"].key == NEIGHBOUR.encode()


def test_a_revoked_refresh_token_stops_the_connection_and_new_credentials_end_its_commands(sinks: Bench) -> None:
    books = name("revoked")
    sinks.connect(books)
    sinks.send([upsert("before", 0, books)])
    sinks.until_results(1, books)

    sinks.twins.books.call(sinks.twins.books.twin.state.oauth.revoke_refresh)
    sinks.send(backlog(3, 2, books))
    sinks.until(lambda: _stopped(sinks, books), "it is stopped")
    assert len(sinks.results(books)) == 1
    sinks.connect(books)
    sinks.until_results(7, books)

    sinks.ended_once(books)
    assert not _stopped(sinks, books)


def _stopped(sinks: Bench, connection: str) -> bool:
    state = sinks.state(connection)
    return state is not None and "invalid_code" in state.stopped
