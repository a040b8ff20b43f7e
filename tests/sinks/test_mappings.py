"""The mapping table: both directions, clashes, tombstones, and taking back what did not commit."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.apps.base import Pair
from pipeline.errors import Undecodable
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key, mapping_scope
from pipeline.settings import Encoding
from pipeline.sinks.mappings import MappingTable

SCOPE = mapping_scope("togai-main", "books-main")
ACCOUNT = ObjectRef(app="togai", type="account", id="acme/prod")
CONTACT = ObjectRef(app="zohobooks", type="contact", id="460000000026049")
PAIR = Pair(ACCOUNT, CONTACT, hash="cafe", version="2026-01-01T00:00:00Z", theirs="7")


def test_either_id_gives_the_other() -> None:
    table = MappingTable()
    table.put(SCOPE, PAIR)
    for one, other, version in ((ACCOUNT, CONTACT, "2026-01-01T00:00:00Z"), (CONTACT, ACCOUNT, "7")):
        found = table.get(SCOPE, one)
        assert found is not None
        assert (found.other, found.hash, found.version) == (other, "cafe", version)


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


def rows_of(pair: Pair, codec: Codec) -> list[tuple[bytes, bytes]]:
    return [
        (mapping_key(SCOPE, one).encode(), codec.encode(Mapping(other=other, hash=pair.hash, version=pair.version)))
        for one, other in ((pair.source, pair.destination), (pair.destination, pair.source))
    ]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_base_read_in_bulk_is_found_and_what_comes_later_goes_over_it(encoding: Encoding) -> None:
    codec = Codec(encoding)
    table = MappingTable(codec)
    with table.bulk():
        for key, value in (*rows_of(Pair(ACCOUNT, CONTACT, hash="old"), codec), *rows_of(PAIR, codec)):
            table.load(key, value)
        for number in range(1000):
            here, there = (ObjectRef(app=app, type="x", id=str(number)) for app in ("togai", "zohobooks"))
            for key, value in rows_of(Pair(here, there), codec):
                table.load(key, value)
    found = table.get(SCOPE, CONTACT)
    assert found is not None
    assert (found.other, found.hash) == (ACCOUNT, "cafe")
    assert table.get(SCOPE, ObjectRef(app="togai", type="x", id="1000")) is None
    undo = table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash="beef"))
    table.undo(undo)
    back = table.get(SCOPE, ACCOUNT)
    assert back is not None
    assert back.hash == "cafe"
    table.load(mapping_key(SCOPE, ACCOUNT).encode(), None)
    assert table.get(SCOPE, ACCOUNT) is None
    assert not table.has(mapping_key(SCOPE, ACCOUNT))


@pytest.mark.parametrize(
    ("spoilt", "by_itself"),
    [(None, True), (b"{}\n{}", False), (b"", False), (b"not JSON", False), (b'{\n"other": 1}', False)],
)
def test_rows_that_do_not_go_all_at_once_go_one_by_one_and_none_takes_the_place_of_another(
    spoilt: bytes | None, by_itself: bool
) -> None:
    table, codec = MappingTable(), Codec()
    (here, there), key = rows_of(PAIR, codec), mapping_key(SCOPE, ObjectRef(app="togai", type="x", id="1")).encode()
    with table.bulk():
        assert table.load_all([here[0], there[0]], [here[1], there[1]])
        assert not table.load_all([here[0], key, there[0]], [rows_of(PAIR, codec)[0][1], spoilt, b""])
        if by_itself:
            table.load(key, spoilt)
        else:
            with pytest.raises((ValueError, Undecodable)):
                table.load(key, spoilt)
    for one, other in ((ACCOUNT, CONTACT), (CONTACT, ACCOUNT)):
        found = table.get(SCOPE, one)
        assert found is not None
        assert found.other == other
    assert not table.has(key.decode())


def test_ids_may_hold_any_character() -> None:
    table, codec = MappingTable(), Codec()
    odd = Pair(ObjectRef(app="togai", type="account", id="a/\x1f\x1e\nü\u20ac"), CONTACT, hash="\x1f", version="\n")
    table.put(SCOPE, odd)
    loaded = MappingTable()
    with loaded.bulk():
        assert loaded.load_all(*zip(*rows_of(odd, codec), strict=True))
    for known in (table, loaded):
        found, back = known.get(SCOPE, odd.source), known.get(SCOPE, CONTACT)
        assert found is not None
        assert back is not None
        assert (found.other, found.hash, found.version, back.other) == (CONTACT, "\x1f", "\n", odd.source)


def test_older_rows_of_ours_that_come_back_do_not_overwrite_newer_ones() -> None:
    table, codec = MappingTable(), Codec()
    for hash_ in ("first", "second"):
        table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash=hash_))
    for hash_ in ("first", "second"):
        for key, value in rows_of(Pair(ACCOUNT, CONTACT, hash=hash_), codec):
            table.load(key, value)
        found = table.get(SCOPE, ACCOUNT)
        assert found is not None
        assert found.hash == "second"
    for key, value in rows_of(Pair(ACCOUNT, CONTACT, hash="by another"), codec):
        table.load(key, value)
    found = table.get(SCOPE, ACCOUNT)
    assert found is not None
    assert found.hash == "by another"


def test_what_was_taken_back_shows_what_the_topic_said_meanwhile() -> None:
    table, codec = MappingTable(), Codec()
    undo = table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash="ours"))
    for key, value in rows_of(Pair(ACCOUNT, CONTACT, hash="by another"), codec):
        table.load(key, value)
    table.undo(undo)
    found = table.get(SCOPE, ACCOUNT)
    assert found is not None
    assert found.hash == "by another"


def test_a_pair_that_came_back_from_the_topic_is_not_put_over_it_again_by_taking_back_a_later_one() -> None:
    table, codec = MappingTable(), Codec()
    table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash="first"))
    undo = table.put(SCOPE, Pair(ACCOUNT, CONTACT, hash="second"))
    for key, value in rows_of(Pair(ACCOUNT, CONTACT, hash="first"), codec):
        table.load(key, value)
    table.undo(undo)
    for key, value in rows_of(Pair(ACCOUNT, CONTACT, hash="by another"), codec):
        table.load(key, value)
    found = table.get(SCOPE, ACCOUNT)
    assert found is not None
    assert found.hash == "by another"


def test_what_was_in_flight_is_forgotten_when_a_run_ends() -> None:
    table = MappingTable()
    table.put(SCOPE, PAIR)
    table.forget()
    assert table.get(SCOPE, ACCOUNT) is None
