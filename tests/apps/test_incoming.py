"""Completing events as they arrived."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipeline.apps.incoming import complete
from pipeline.apps.togai import app
from pipeline.apps.zohobooks import app as zohobooks
from pipeline.errors import Undecodable
from pipeline.schemas.envelope import Event

APPS: Any = {"togai": app, "zohobooks": zohobooks}
DATA = {"id": "inv.1", "ownerId": "acme-prod", "updatedAt": "2024-08-03T00:05:12.5Z"}
WHOLE = Event(
    id="1",
    source="togai/main",
    type="togai.invoice.generated",
    subject="inv.1",
    connection="main",
    party="acme-prod",
    sourceversion="7",
    data=DATA,
)


def without(**more: Any) -> Event:
    return msgspec.structs.replace(WHOLE, **more)


def test_a_whole_event_is_passed_on_as_the_same_object() -> None:
    assert complete(WHOLE, APPS) is WHOLE


def test_what_is_missing_is_filled_in_from_envelope_and_data() -> None:
    event = complete(Event(source="togai/main", type="togai.invoice.generated", data=DATA), APPS)
    assert (event.connection, event.subject, event.party) == ("main", "inv.1", "acme-prod")
    assert event.sourceversion == "2024-08-03T00:05:12.500000Z"
    assert event.id


def test_the_subject_is_found_by_the_name_that_the_app_gives_its_ids() -> None:
    data = {"creditnote_id": "72", "customer_id": "26", "id": "no id of Zoho's"}
    event = complete(Event(source="zohobooks/books", type="zohobooks.credit_note.created", data=data), APPS)
    assert (event.subject, event.party) == ("72", "26")


def test_what_is_there_is_kept() -> None:
    event = complete(without(id=""), APPS)
    assert msgspec.structs.replace(event, id="1") == WHOLE


def test_the_same_version_of_an_object_gives_the_same_id_and_another_does_not() -> None:
    first, again, later = (
        complete(without(id="", sourceversion="", data={**DATA, **more}), APPS)
        for more in ({}, {"paidAmount": 5}, {"updatedAt": "2024-08-04T00:00:00Z"})
    )
    assert first.id == again.id != later.id


def test_without_a_version_the_content_tells_ids_apart() -> None:
    event = Event(source="togai/main", type="togai.account.created", data={"id": "a", "name": "A"})
    renamed = msgspec.structs.replace(event, data={"id": "a", "name": "B"})
    assert complete(event, APPS).id == complete(event, APPS).id != complete(renamed, APPS).id


def test_the_source_follows_from_the_connection() -> None:
    assert complete(without(source=""), APPS).source == "togai/main"


def test_a_connection_that_is_named_needs_no_source_of_our_form() -> None:
    assert complete(without(source="urn:billing"), APPS).connection == "main"


def test_a_hint_without_data_has_its_subject_as_party() -> None:
    assert complete(without(party="", data=None, hint=True), APPS).party == "inv.1"


def test_a_time_without_a_zone_is_utc() -> None:
    naive = datetime(2024, 8, 3)  # noqa: DTZ001
    assert complete(without(time=naive), APPS).time == datetime(2024, 8, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "code", "says"),
    [
        (without(type="shop.order.created"), "unknown_app", "togai"),
        (without(type="togai.order.created"), "unknown_trigger", "togai.account.created"),
        (without(connection="", source=""), "no_connection", "togai/<connection>"),
        (without(connection="", source="zohobooks/main"), "no_connection", "togai/<connection>"),
        (without(subject="", data={}), "no_subject", "id"),
        (without(subject="", data={"id": 7}), "no_subject", "id"),
        (without(subject="", data=None), "no_subject", "id"),
    ],
)
def test_an_event_that_cannot_be_placed_says_what_is_missing(event: Event, code: str, says: str) -> None:
    with pytest.raises(Undecodable) as caught:
        complete(event, APPS)
    assert caught.value.code == code
    assert says in str(caught.value)
