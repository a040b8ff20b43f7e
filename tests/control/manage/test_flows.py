"""Flows are found, written, copied and deleted; every fault is said at once, and no run loses its version."""

from __future__ import annotations

import pytest

from pipeline.control.manage.changes import Changed
from pipeline.control.manage.copies import copied
from pipeline.control.manage.flows import Kind
from pipeline.control.places import Faults
from pipeline.errors import Conflict, NotThere
from pipeline.flows.parse import parse_flow
from tests.control.manage.shelf import BOTH, OWN, READY, Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_the_list_is_searched_by_every_word_and_filtered_by_who_may_see_it(shelf: Shelf) -> None:
    shelf.flows.create(OWN, "orders.yaml", shelf)
    shelf.links.add("orders", BOTH, shelf, id="mine")

    def found(search: str = "", kind: Kind = Kind.ALL) -> list[str]:
        return [card.id for card in shelf.flows.cards(search, kind)]

    assert found() == ["orders", "ready-orders"]
    assert found(kind=Kind.PUBLIC) == found("each ORDER money") == found("shop") == ["ready-orders"]
    assert found(kind=Kind.PRIVATE) == found("own") == ["orders"]
    assert found("own money") == []

    own, ready = shelf.flows.cards()
    assert (own.stored, own.links, own.type, own.trigger) == (True, ["mine"], "outbound", "togai.order.created")
    assert own.actions == ["book.put_party", "book.book", "togai.label"]
    assert (ready.stored, ready.links, ready.tags) == (False, [], ["shop", "money"])


def test_a_flow_is_shown_with_its_text_options_and_the_links_of_each_version(shelf: Shelf) -> None:
    [made] = shelf.flows.create(OWN, "orders.yaml", shelf)
    shelf.links.add("orders", BOTH, shelf, id="mine")
    shelf.flows.edit("orders", OWN + "tags: [new]\n", "", shelf, move_links=False)

    shown = shelf.flows.shown("orders")
    assert shown.text == OWN + "tags: [new]\n"
    option = shown.options[0]
    assert (option.name, option.default, option.required) == ("send", False, False)
    assert list(shown.versions.values()) == [["mine"], []]
    assert list(shown.versions) == [made.version, shown.card.version]
    with pytest.raises(NotThere, match="no flow 'nothing'; there are: orders, ready-orders"):
        shelf.flows.shown("nothing")


def test_all_that_is_wrong_with_a_new_flow_is_said_at_once_with_its_places_and_nothing_is_written(shelf: Shelf) -> None:
    wrong = OWN.replace("type: outbound", "type: inbound").replace("data.total > 0", "data.totl > 0")
    wrong = wrong.replace("${steps.contact.contact_id}", "${steps.label.id}").replace("amount:", "amont:")

    with pytest.raises(Faults) as caught:
        shelf.flows.create(wrong, "mine.yaml", shelf)

    places = [(fault.place.rpartition("/")[2], fault.message.partition(";")[0]) for fault in caught.value.faults]
    assert places == [
        ("mine.yaml:3:7", "a flow that starts in togai is outbound, not inbound"),
        ("mine.yaml:7:5", "data.totl: there is no 'totl'"),
        ("mine.yaml:24:5", "needs 'amount'"),
        ("mine.yaml:25:19", "steps.label.id: 'label' is a later action: only what earlier ones gave can be read"),
        ("mine.yaml:26:7", "there is no input 'amont'"),
    ]
    assert not shelf.rows.snapshot().flows


def test_an_edit_is_a_new_version_to_which_the_links_move_or_not(shelf: Shelf) -> None:
    [made] = shelf.flows.create(OWN, "orders.yaml", shelf)
    shelf.links.add("orders", BOTH, shelf, id="mine")
    edited = OWN.replace("data.total > 0", "data.total > 1")

    [stayed] = shelf.flows.edit("orders", edited, "", shelf, move_links=False)
    assert (stayed.what, shelf.links.link("mine").flow_version) == ("update", made.version)
    again = OWN.replace("data.total > 0", "data.total > 2")
    flow, link = shelf.flows.edit("orders", again, "", shelf)
    assert link == Changed("link", "mine", "update", flow.version)
    assert set(shelf.rows.snapshot().flows) == {("orders", v) for v in (made.version, stayed.version, flow.version)}

    back, moved = shelf.flows.edit("orders", OWN, "", shelf)
    assert (back.version, moved.version) == (made.version, made.version), "an earlier text is its own version again"
    assert [one.what for one in shelf.flows.edit("orders", OWN, "", shelf)] == ["unchanged"]


def test_an_edit_that_a_link_cannot_run_or_under_another_id_is_refused(shelf: Shelf) -> None:
    shelf.flows.create(OWN, "orders.yaml", shelf)
    shelf.links.add("orders", BOTH, shelf, id="mine", options={"label": "X"})
    without = OWN.replace("  label: {type: string, default: BookId}\n", "").replace("${options.label}", "x")
    with pytest.raises(Faults, match="link 'mine' cannot run this version: option label: there is no such option"):
        shelf.flows.edit("orders", without, "", shelf)
    with pytest.raises(Faults, match="this is flow 'others', not 'orders'"):
        shelf.flows.edit("orders", OWN.replace("id: orders", "id: others"), "", shelf)
    with pytest.raises(Conflict, match="is of the catalogue: copy it"):
        shelf.flows.edit("ready-orders", READY, "", shelf)
    with pytest.raises(Conflict, match="there is a flow 'ready-orders' already"):
        shelf.flows.create(READY, "x.yaml", shelf)


def test_a_copy_of_the_catalogue_is_private_under_an_id_of_its_own(shelf: Shelf) -> None:
    shelf.flows.copy("ready-orders", "eu-orders", shelf, name='Orders of the "EU"')

    shown = shelf.flows.shown("eu-orders")
    assert (shown.card.visibility, shown.card.name, shown.card.stored) == ("private", 'Orders of the "EU"', True)
    assert shown.text.splitlines()[3:] == [line.replace("public", '"private"') for line in READY.splitlines()[3:]]
    with pytest.raises(Conflict):
        shelf.flows.copy("ready-orders", "eu-orders", shelf)
    with pytest.raises(Faults, match="must match"):
        shelf.flows.copy("ready-orders", "EU orders", shelf)


@pytest.mark.parametrize("text", [OWN, OWN + "visibility: public\n", "{id: orders, " + '"name": "x"}', "# a\nid: a\n"])
def test_a_copied_text_changes_nothing_but_what_it_is_called_and_for_whom(text: str) -> None:
    made = copied(text, "copy", "Other")
    values = [line for line in made.splitlines() if not line.startswith(("id:", "name:", "visibility:", "{"))]
    assert values == [line for line in text.splitlines() if not line.startswith(("id:", "name:", "visibility:", "{"))]
    if text is OWN:
        spec = parse_flow(made).spec
        assert (spec.id, spec.name, spec.visibility) == ("copy", "Other", "private")


def test_a_flow_is_not_deleted_while_links_use_it_or_runs_read_it(shelf: Shelf) -> None:
    shelf.flows.create(OWN, "orders.yaml", shelf)
    shelf.flows.edit("orders", OWN + "tags: [new]\n", "", shelf)
    shelf.links.add("orders", BOTH, shelf, id="mine")
    with pytest.raises(Conflict, match="flow 'orders' is used by link mine: remove it first"):
        shelf.flows.deleted("orders", 0)
    shelf.remove([shelf.links.removed("mine", 0)])
    with pytest.raises(Conflict, match="3 runs of flow 'orders' have not ended"):
        shelf.flows.deleted("orders", 3)

    shelf.remove(shelf.flows.deleted("orders", 0))

    assert not shelf.rows.snapshot().flows
    with pytest.raises(Conflict, match="is of the catalogue"):
        shelf.flows.deleted("ready-orders", 0)
    with pytest.raises(NotThere):
        shelf.flows.deleted("orders", 0)


def test_a_stored_flow_that_no_longer_compiles_is_listed_with_its_fault(shelf: Shelf) -> None:
    shelf.flows.create(OWN, "orders.yaml", shelf)
    del shelf.apps["book"]
    shelf.check.cache_clear()  # type: ignore[attr-defined]  # as a process that starts anew
    card = shelf.flows.cards("orders")[0]
    assert (card.id, card.name, "there is no app 'book'" in card.fault) == ("orders", "", True)
    assert shelf.flows.shown("orders").text == OWN
