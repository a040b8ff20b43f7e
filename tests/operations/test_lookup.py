"""Either id gives the other; results and decisions are found by what they name, and followed as they come."""

from __future__ import annotations

import threading

from pipeline.operations.lookup import Filter, Watch
from pipeline.schemas.records import Decision, Mapping, ObjectRef, Result, Status, Verdict, mapping_key
from tests.operations.conftest import House, command, result

ACCOUNT = ObjectRef(app="togai", type="account", id="acc/with/slashes")
CONTACT = ObjectRef(app="zohobooks", type="contact", id="460000000000026017")
SCOPE = "books-main+togai-main"


def test_either_id_gives_the_other(house: House) -> None:
    house.put(
        house.topics.mappings,
        [
            (mapping_key(SCOPE, ACCOUNT), Mapping(other=CONTACT, hash="h", version="3")),
            (mapping_key(SCOPE, CONTACT), Mapping(other=ACCOUNT, hash="h", version="3")),
        ],
    )

    [there] = house.lookup.mapping(ACCOUNT.id)
    [back] = house.lookup.mapping(CONTACT.id)

    assert (there.scope, there.this, there.other, there.version) == (SCOPE, ACCOUNT, CONTACT, "3")
    assert (back.this, back.other) == (CONTACT, ACCOUNT)
    assert house.lookup.mapping("slashes") == [], "the end of an id is no id"
    assert len(list(house.lookup.mappings())) == 2


def test_a_removed_pair_is_not_found_and_the_last_row_of_a_key_counts(house: House) -> None:
    key = mapping_key(SCOPE, CONTACT)
    house.put(
        house.topics.mappings, [(key, Mapping(other=ACCOUNT, version="1")), (key, Mapping(other=ACCOUNT, version="2"))]
    )
    assert [pair.version for pair in house.lookup.mapping(CONTACT.id)] == ["2"]

    house.put(house.topics.mappings, [(key, None)])
    assert house.lookup.mapping(CONTACT.id) == []


def test_results_are_found_by_their_fields_and_an_unreadable_record_stops_nothing(house: House) -> None:
    house.put(
        house.topics.results,
        [
            ("acc-1", result(command("c-1"))),
            ("acc-1", b"{broken"),
            ("acc-1", result(command("c-2"), Status.REFUSED)),
            ("acc-1", result(command("c-3", replay="r-1"))),
        ],
    )

    def found(**fields: str) -> list[str]:
        return [one.command for one in house.lookup.results(Filter(fields))]

    assert found() == ["c-1", "c-2", "c-3"]
    assert found(status="refused") == ["c-2"]
    assert found(replay="r-1", status="succeeded") == ["c-3"]
    assert found(event_id="c-1", party="") == ["c-1"]
    assert found(command="c-9") == []


def test_decisions_are_found_by_verdict(house: House) -> None:
    def decision(id: str, verdict: Verdict) -> Decision:
        return Decision(
            event_id=id,
            event_type="togai.account.created",
            connection="togai-main",
            party="p",
            subject="s",
            verdict=verdict,
        )

    house.put(house.topics.decisions, [("p", decision("1", Verdict.MATCHED)), ("p", decision("2", Verdict.NO_LINK))])

    assert [one.event_id for one in house.lookup.decisions(Filter({"verdict": "no_link"}))] == ["2"]


def test_following_gives_what_comes_later_until_it_is_stopped(house: House) -> None:
    house.put(house.topics.results, [("acc-1", result(command("old")))])
    seen: list[Result] = []
    stop = threading.Event()
    started = threading.Event()

    def follow() -> None:
        for one in house.lookup.results(Filter(), Watch(follow=True, stop=stop.is_set)):
            seen.append(one)
            started.set()
            if len(seen) == 2:
                return

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert started.wait(20)
        house.put(house.topics.results, [("acc-1", result(command("new")))])
        thread.join(20)
    finally:
        stop.set()
        thread.join(20)

    assert [one.command for one in seen] == ["old", "new"]
