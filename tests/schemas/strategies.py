"""Hypothesis strategies: an instance of any record, from its type alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(0, 4_000_000_000_000_000).map(lambda micros: EPOCH + timedelta(microseconds=micros))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | LONGS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def records(record: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Instances with every field drawn. Open fields hold JSON without fractions, which come back as they went."""
    return _of(inspect.type_info(record))


def _of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return st.builds(kind.cls, **{field.name: _of(field.type) for field in kind.fields})
        case inspect.UnionType():
            return st.one_of([_of(one) for one in kind.types])
        case inspect.ListType():
            return st.lists(_of(kind.item_type), max_size=3)
        case inspect.TupleType():
            return st.tuples(*map(_of, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(_of(kind.key_type), _of(kind.value_type), max_size=3)
        case inspect.EnumType():
            return st.sampled_from(list(kind.cls))
        case inspect.FloatType():
            return st.floats(0, 2**31, width=32)
    plain: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
        inspect.NoneType: st.none(),
        inspect.StrType: TEXT,
        inspect.IntType: LONGS,
        inspect.BoolType: st.booleans(),
        inspect.BytesType: st.binary(max_size=12),
        inspect.DateTimeType: TIMES,
        inspect.AnyType: JSON,
    }
    return plain[type(kind)]
