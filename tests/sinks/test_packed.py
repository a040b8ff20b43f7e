"""Rows packed by key: nothing is lost, mixed up or found that was not put there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks import packed
from pipeline.sinks.packed import PackedIndex, decode, encode

KEYS = st.binary(max_size=4)
ROWS = st.text(max_size=20) | st.sampled_from(["", "a\udcfeb", "\x1e\x1f\n"])


@given(st.lists(st.lists(st.tuples(KEYS, ROWS), max_size=20), max_size=5), KEYS)
def test_the_last_row_of_each_key_is_found_and_no_other(blocks: list[list[tuple[bytes, str]]], asked: bytes) -> None:
    index, expected = PackedIndex(), dict[bytes, str]()
    for block in blocks:
        index.extend([key for key, _ in block], [row for _, row in block])
        expected |= dict(block)
    index.seal()
    for key in (*expected, asked):
        assert index.get(key) == (encode(expected.get(key, "")) or None)


def test_keys_of_the_same_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "hash", len, raising=False)
    index = PackedIndex()
    index.extend([b"one", b"two", b"one", b"three"], ["1", "2", "one", "3"])
    index.seal()
    assert [index.get(key) for key in (b"one", b"two", b"three", b"six")] == [b"one", b"2", b"3", None]


def test_a_row_reads_as_it_was_written() -> None:
    assert decode(encode("0cafe\udcfe2026\udcfeid/ü")) == "0cafe\udcfe2026\udcfeid/ü"


def test_a_row_that_is_no_text_is_not_taken() -> None:
    index = PackedIndex()
    with pytest.raises(UnicodeEncodeError):
        index.extend([b"a", b"b"], ["fine", "\ud800"])
    index.seal()
    assert index.get(b"a") is None
