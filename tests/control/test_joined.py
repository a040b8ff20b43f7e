"""One pair of places is joined by one pair of connections."""

from __future__ import annotations

import pytest

from pipeline.apps.registry import load_apps
from pipeline.control.joined import joined_otherwise, place_of
from pipeline.schemas.records import Link

BOOKS = {"books-main": "organization 1", "books-too": "organization 1", "books-other": "organization 2"}


def link(id: str, togai: str = "togai-main", books: str = "books-main", *, enabled: bool = True) -> Link:
    connections = {"togai": togai, "zohobooks": books}
    return Link(id=id, flow="f", flow_version="v", connections=connections, options={}, enabled=enabled)


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        (link("b", books="books-too"), True),
        (link("b"), False),
        (link("b", books="books-other"), False),
        (link("b", togai="togai-too", books="books-too"), False),
        (link("b", books="books-too", enabled=False), False),
    ],
    ids=["same organization", "same connections", "another organization", "another account", "switched off"],
)
def test_a_second_way_between_two_places_is_refused(other: Link, refused: bool) -> None:
    found = list(joined_otherwise([link("a"), other], {"b"}, BOOKS))

    assert [id for id, _ in found] == (["b"] if refused else [])
    assert all("'books-too' and 'books-main' of zohobooks" in message for _, message in found)


def test_what_is_switched_on_already_is_not_refused_for_a_third_link_elsewhere() -> None:
    links = [link("a"), link("b", books="books-too"), link("c", books="books-other")]
    assert list(joined_otherwise(links, {"c"}, BOOKS)) == []


def test_two_connections_to_one_organization_lead_to_one_place_and_nonsense_leads_to_itself() -> None:
    app = load_apps()["zohobooks"]
    assert place_of(app, "one", {"organization_id": "7"}) == place_of(app, "two", {"organization_id": "7"})
    assert place_of(app, "one", {"organization_id": "7"}) != place_of(app, "two", {"organization_id": "8"})
    assert place_of(app, "one", {"organization_id": [7]}) == "one"
    assert place_of(None, "one", {}) == "one"
