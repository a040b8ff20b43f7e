"""A shadow decides what comes with both versions, tells what differs, has no effect, and is promoted by its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.control.places import Faults
from pipeline.errors import Conflict, NotThere
from pipeline.operations import shadow
from pipeline.operations.installation import Parts
from pipeline.operations.reader import ends_of
from pipeline.schemas.records import Connection, Mapping, ObjectRef, mapping_key
from pipeline.settings import Settings
from tests.operations.conftest import APPS, House, event

FLOW = "togai-account-to-zohobooks-contact"
TEXT = (Path(__file__).parents[2] / "configs" / "flows" / f"{FLOW}.yaml").read_text()
STRICT = TEXT.replace('!has(data.status) || data.status == "ACTIVE"', 'data.status == "ACTIVE"')
BOTH = {"togai": "togai-main", "zohobooks": "books-main"}


@pytest.fixture
def parts(house: House, tmp_path: Path) -> Parts:
    made = Parts(Settings(state_dir=tmp_path), APPS, house.topics, house.codec, house.access)
    made.store().write([Connection(id="togai-main", app="togai"), Connection(id="books-main", app="zohobooks")])
    made.links(made.control()).add(FLOW, BOTH, made.store(), id="accounts")
    return made


def start(parts: Parts, text: str) -> Any:
    return shadow.start(parts, FLOW, text, "new.yaml", stored=parts.control(), store=parts.store())


def account(id: str, **data: Any) -> Any:
    return event(f"e-{id}", id, data={"id": id, "name": id.title(), **data})


def test_what_a_new_version_decides_otherwise_is_counted_and_shown_from_where_it_began(
    house: House, parts: Parts
) -> None:
    house.send([account("before")])
    made = start(parts, STRICT)
    running = parts.control().flow(FLOW)
    house.send([account("active", status="ACTIVE"), account("silent"), account("gone", status="ARCHIVED")])
    house.send([msgspec.structs.replace(account("silent"), replay="again"), account("active", status="ACTIVE")])
    house.send(
        [event("e-hint", "hint", hint=True), event("e-other", "x", connection="togai-2", source="togai/togai-2")]
    )
    watched = [spec.name for spec in house.topics.specs()]
    before = ends_of(house.access, watched)

    seen = shadow.show(parts, FLOW, parts.control())

    assert (seen.version, seen.live) == (made.version, running.version if running else "")
    assert (seen.events, seen.compared, seen.same, seen.more) == (3, 3, 2, False)
    assert seen.differ == {"verdict: matched, then not_matched": 1}
    [sample] = seen.samples
    assert (sample.event.subject, sample.link, sample.what) == ("silent", "accounts", ["verdict"])
    assert (sample.live.verdict, [action.id for action in sample.live.actions]) == ("matched", ["contact", "setting"])
    assert (sample.shadow.verdict, sample.shadow.clause) == ("not_matched", 'data.status == "ACTIVE"')
    assert ends_of(house.access, watched) == before, "it decides nothing"
    assert shadow.show(parts, FLOW, parts.control(), most=1).more
    assert parts.control().flow(FLOW) == running
    assert {link.flow_version for link in parts.control().links.values()} == {seen.live}


def test_requests_differ_by_what_they_say_though_the_object_was_written_since(house: House, parts: Parts) -> None:
    start(parts, TEXT.replace("default: ZohoBooksCustomerId", "default: BooksId"))
    house.send([account("acme")])
    theirs = ObjectRef(app="zohobooks", type="contact", id="7")
    own = ObjectRef(app="togai", type="account", id="acme")
    rows = [(mapping_key("books-main+togai-main", a), Mapping(other=b)) for a, b in ((own, theirs), (theirs, own))]
    house.put(house.topics.mappings, rows)

    seen = shadow.show(parts, FLOW, parts.control())

    assert (seen.same, seen.differ) == (0, {"action: setting": 1})
    [sample] = seen.samples
    now, then = (next(one for one in side.actions if one.id == "setting") for side in (sample.live, sample.shadow))
    assert [one.input and one.input["id"] for one in (now, then)] == ["ZohoBooksCustomerId", "BooksId"]
    assert [one.request is not None for one in (now, then)] == [True, True]
    assert next(one for one in sample.live.actions if one.id == "contact").plan == "create"


def test_it_is_promoted_by_the_hash_that_was_looked_at_and_by_no_other(parts: Parts) -> None:
    made = start(parts, STRICT)

    def promote(version: str) -> Any:
        return shadow.promote(parts, FLOW, version, parts.control(), parts.store())

    with pytest.raises(Conflict, match=f"version {made.live} of flow '{FLOW}' is not the one that is shadowed"):
        promote(made.live)
    assert [(one.kind, one.version) for one in promote(made.version)] == [
        ("flow", made.version),
        ("link", made.version),
    ]
    after = parts.control()
    assert (after.links["accounts"].flow_version, dict(after.shadows)) == (made.version, {})
    with pytest.raises(NotThere):
        promote(made.version)

    again = start(parts, TEXT)
    store = parts.store()
    edited = parts.flows(parts.control()).replacing(FLOW, TEXT.replace("tags: [togai", "tags: [x"), "x.yaml")
    store.write(change.record for change in (*edited.flows, *edited.links))
    with pytest.raises(Conflict, match="has been changed since: it was compared with"):
        promote(again.version)
    shadow.stop(FLOW, parts.control(), store)
    assert not parts.control().shadows


def test_what_cannot_be_compared_is_refused_before_it_begins(parts: Parts) -> None:
    with pytest.raises(Faults, match="there is no 'stats'"):
        start(parts, TEXT.replace("has(data.status)", "has(data.stats)"))
    with pytest.raises(Faults, match="a flow keeps its id"):
        start(parts, TEXT.replace(f"id: {FLOW}", "id: other"))
    with pytest.raises(Conflict, match="this is the version that runs"):
        start(parts, TEXT + "# a comment\n")
    with pytest.raises(Conflict, match="no event meets both"):
        start(parts, TEXT.replace("event: account.created", "event: account.updated"))
    with pytest.raises(NotThere, match=r"no version of flow .* is shadowed; those that are: none"):
        shadow.show(parts, FLOW, parts.control())
    start(parts, STRICT)
    with pytest.raises(Conflict, match="is shadowed already: stop that first"):
        start(parts, STRICT)
    parts.links(parts.control()).disable("accounts", parts.store())
    shadow.stop(FLOW, parts.control(), parts.store())
    with pytest.raises(Conflict, match=r"no link of flow .* is on"):
        start(parts, STRICT)
