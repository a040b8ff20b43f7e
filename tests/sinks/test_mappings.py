"""The mapping table: both directions, clashes, tombstones, and taking back what did not commit."""

from __future__ import annotations

import msgspec

from pipeline.apps.base import Pair
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key, mapping_scope
from pipeline.sinks.mappings import MappingTable

SCOPE = mapping_scope("togai-main", "books-main")
ACCOUNT = ObjectRef(app="togai", type="account", id="acme/prod")
CONTACT = ObjectRef(app="zohobooks", type="contact", id="460000000026049")
PAIR = Pair(ACCOUNT, CONTACT, hash="cafe", version="2026-01-01T00:00:00Z")


def test_either_id_gives_the_other() -> None:
    table = MappingTable()
    table.put(SCOPE, PAIR)
    for one, other in ((ACCOUNT, CONTACT), (CONTACT, ACCOUNT)):
        found = table.get(SCOPE, one)
        assert found is not None
        assert (found.other, found.hash, found.version) == (other, "cafe", "2026-01-01T00:00:00Z")


def test_rows_of_the_topic_give_what_was_put() -> None:
    table = MappingTable()
    for one, other in ((ACCOUNT, CONTACT), (CONTACT, ACCOUNT)):
        row = Mapping(other=other, hash="cafe", version="v", command="c", link="l")
        table.load(mapping_key(SCOPE, one).encode(), msgspec.json.encode(row))
    found = table.get(SCOPE, ACCOUNT)
    assert found is not None
    assert found.other == CONTACT
    table.load(mapping_key(SCOPE, ACCOUNT).encode(), None)
    assert table.get(SCOPE, ACCOUNT) is None


def test_a_second_counterpart_for_either_side_is_a_clash() -> None:
    table = MappingTable()
    table.put(SCOPE, PAIR)
    elsewhere = ObjectRef(app="zohobooks", type="contact", id="1")
    assert "acme/prod" in table.clash(SCOPE, Pair(ACCOUNT, elsewhere))
    assert "460000000026049" in table.clash(SCOPE, Pair(ObjectRef(app="togai", type="account", id="x"), CONTACT))
    assert table.clash(SCOPE, PAIR) == ""
    assert table.clash("another+scope", Pair(ACCOUNT, elsewhere)) == ""


def test_undo_gives_back_what_was_there_before() -> None:
    table = MappingTable()
    table.put(SCOPE, PAIR)
    undo = table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash="beef"))
    table.undo(undo)
    found = table.get(SCOPE, ACCOUNT)
    assert found is not None
    assert found.hash == "cafe"
    fresh = MappingTable()
    fresh.undo(fresh.put(SCOPE, PAIR))
    assert fresh.get(SCOPE, ACCOUNT) is None
    assert not fresh.has(mapping_key(SCOPE, CONTACT))
