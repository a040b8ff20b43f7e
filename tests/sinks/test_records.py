"""The records that end a command."""

from __future__ import annotations

from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Emit, Run, Status, mapping_scope
from pipeline.sinks.records import Ending, fetched


def fetched_by(delivery: str, version: str = "", occurrence: str = "") -> Event:
    """The event that came of the fetch after one delivery of a webhook; the object is always the same."""
    run = Run(
        id=f"run-{delivery}",
        link="",
        flow="",
        flow_version="",
        event_id=delivery,
        event_type="togai.account.created",
        source_connection="togai-main",
        subject="acc-1",
        party="acc-1",
    )
    command = Command(
        id=f"fetch-{delivery}",
        connection="togai-main",
        app="togai",
        action="get_account",
        party="acc-1",
        input={"id": "acc-1"},
        run=run,
        step="fetch",
        index=0,
        last=True,
        scope=mapping_scope("togai-main", "togai-main"),
        emit=Emit(type="togai.account.created", source_connection="togai-main"),
    )
    ending = Ending(status=Status.SUCCEEDED, data={"id": "acc-1", "name": "One"}, sourceversion=version)
    return fetched(command, ending, "account.created", "acc-1", "", occurrence)


def test_a_version_that_is_fetched_twice_is_one_event() -> None:
    assert fetched_by("first", version="7").id == fetched_by("second", version="7").id
    assert fetched_by("first", version="7").id != fetched_by("second", version="8").id


def test_a_version_that_may_come_back_is_an_event_of_its_own_each_time() -> None:
    first, again = (fetched_by(each, version="7", occurrence=f"@{each}") for each in ("first", "second"))
    assert first.id != again.id
    assert first.sourceversion == again.sourceversion == "7"


def test_an_object_without_a_version_is_an_event_of_its_own_each_time_for_it_may_have_changed_between() -> None:
    assert fetched_by("first").id != fetched_by("second").id
    assert fetched_by("first").id == fetched_by("first").id
