"""Connections are added to flows, switched on and off, moved and removed; what is wrong is said by its part."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.control.places import Faults
from pipeline.errors import Conflict, NotThere
from tests.control.manage.shelf import BOTH, OWN, Shelf


@pytest.fixture
def shelf() -> Shelf:
    made = Shelf()
    made.flows.create(OWN, "orders.yaml", made)
    return made


def faults(shelf: Shelf, **given: Any) -> list[tuple[str, str]]:
    before = shelf.rows.snapshot().revision
    with pytest.raises(Faults) as caught:
        shelf.links.add("orders", given.pop("connections", BOTH), shelf, **given)
    assert shelf.rows.snapshot().revision == before, "nothing is written"
    return [(fault.place, fault.message.partition(";")[0]) for fault in caught.value.faults]


def test_a_flow_has_several_links_each_with_its_connections_and_options(shelf: Shelf) -> None:
    shelf.links.add("orders", BOTH, shelf)
    shelf.links.add("orders", {"togai": "shop-2", "book": "book-1"}, shelf, options={"send": True})
    shelf.links.add("orders", {"togai": "shop-2", "book": "book-2"}, shelf, options={"mark": False}, enabled=False)

    cards = shelf.links.cards({"orders": {"success": 3}}, flow="orders")
    assert [(card.id, card.state, card.latest, card.runs) for card in cards] == [
        ("orders", "on", True, {"success": 3}),
        ("orders-2", "on", True, {}),
        ("orders-3", "off", True, {}),
    ]
    assert (cards[1].connections["togai"], cards[1].options) == ("shop-2", {"send": True})
    assert shelf.links.cards({}, flow="others") == []


def test_everything_wrong_with_a_link_is_said_at_once_by_its_part(shelf: Shelf) -> None:
    wrong = {"togai": "book-1", "book": "nowhere", "mail": "x"}
    assert faults(shelf, connections=wrong, options={"sned": True, "missing": "maybe"}) == [
        ("connections.togai", "connection 'book-1' is one of app 'book', not of 'togai'"),
        ("connections.book", "no connection 'nowhere'"),
        ("connections.mail", "flow 'orders' has no app 'mail'"),
        ("options.sned", "option sned: there is no such option"),
        ("options.missing", "option missing: must be one of create, skip, not 'maybe'"),
    ]
    assert faults(shelf, connections={"togai": "shop-1"}) == [
        ("connections", "flow 'orders' needs a connection for app 'book'")
    ]
    assert [place for place, _ in faults(shelf, id="a link")] == ["id"]
    with pytest.raises(NotThere):
        shelf.links.add("nothing", BOTH, shelf)


def test_a_link_that_would_write_what_another_one_writes_is_refused_when_it_is_switched_on(shelf: Shelf) -> None:
    shelf.links.add("orders", BOTH, shelf)
    [(place, message)] = faults(shelf, id="again", options={"mark": False})
    assert place == "flow"
    assert message.startswith("link 'again' would write the same object as link 'orders'")

    shelf.links.add("orders", BOTH, shelf, id="again", enabled=False)
    with pytest.raises(Faults):
        shelf.links.enable("again", shelf)
    shelf.links.disable("orders", shelf)
    assert shelf.links.enable("again", shelf)[0].what == "update"
    assert shelf.links.enable("again", shelf)[0].what == "unchanged"


def test_a_flow_of_the_catalogue_is_stored_when_its_first_link_is_made(shelf: Shelf) -> None:
    made = shelf.links.add("ready-orders", {"togai": "shop-2", "book": "book-1"}, shelf)
    assert [(one.kind, one.id, one.what) for one in made] == [
        ("flow", "ready-orders", "create"),
        ("link", "ready-orders", "create"),
    ]
    assert shelf.flows.shown("ready-orders").card.stored


def test_a_link_changes_in_place_and_moves_to_another_version_only_when_told(shelf: Shelf) -> None:
    [first] = shelf.links.add("orders", BOTH, shelf)
    edited = OWN.replace("data.total > 0", "data.total > 1")
    [second] = shelf.flows.edit("orders", edited, "", shelf, move_links=False)

    shelf.links.change("orders", shelf, options={"send": True})
    link = shelf.links.link("orders")
    assert (link.flow_version, link.options, link.connections) == (first.version, {"send": True}, BOTH)
    shelf.links.change("orders", shelf, latest=True)
    assert shelf.links.link("orders").flow_version == second.version
    assert shelf.links.link("orders").options == {"send": True}
    shelf.links.change("orders", shelf, version=first.version, connections=BOTH | {"book": "book-2"})
    assert not shelf.links.cards({})[0].latest
    with pytest.raises(Faults, match="version: flow 'orders' has no version 'ff'; there are"):
        shelf.links.change("orders", shelf, version="ff")
    with pytest.raises(Faults, match="option sned: there is no such option"):
        shelf.links.change("orders", shelf, options={"sned": 1})


def test_a_link_says_why_it_does_not_work_and_can_be_switched_off_even_then(shelf: Shelf) -> None:
    shelf.links.add("orders", BOTH, shelf)
    book = shelf.rows.snapshot().connections["book-1"]
    shelf.write([msgspec.structs.replace(book, paused=True)])
    assert [(card.state, card.why) for card in shelf.links.cards({})] == [("waiting", "paused: book-1")]
    shelf.remove([book])
    [card] = shelf.links.cards({})
    assert (card.state, card.why) == ("broken", "there is no connection 'book-1' of that app")

    assert shelf.links.disable("orders", shelf)[0].what == "update"
    assert not shelf.links.link("orders").enabled
    with pytest.raises(Faults, match="no connection 'book-1'"):
        shelf.links.enable("orders", shelf)


def test_a_link_whose_options_broke_stands_in_nobodys_way(shelf: Shelf) -> None:
    shelf.links.add("orders", BOTH, shelf)
    shelf.write([msgspec.structs.replace(shelf.links.link("orders"), options={"send": "maybe"})])
    assert [(card.state, card.why) for card in shelf.links.cards({})] == [
        ("broken", "option send: must be true or false, not 'maybe'")
    ]
    assert shelf.links.add("orders", BOTH, shelf, id="again")[0].what == "create"


def test_a_link_is_not_removed_under_its_open_runs_unless_told(shelf: Shelf) -> None:
    shelf.links.add("orders", BOTH, shelf)
    with pytest.raises(Conflict, match="2 runs of link 'orders' have not ended: disable it"):
        shelf.links.removed("orders", 2)
    assert shelf.links.removed("orders", 2, force=True) == shelf.links.removed("orders", 0)
    with pytest.raises(Conflict, match="there is a link 'orders' already"):
        shelf.links.add("orders", BOTH, shelf, id="orders")
    with pytest.raises(NotThere, match="no link 'nothing'; there are: orders"):
        shelf.links.enable("nothing", shelf)
