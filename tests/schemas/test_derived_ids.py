from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from pipeline.schemas.envelope import NAMESPACE, derive_id


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_a_derived_id_is_the_uuid5_of_its_parts(parts: list[str]) -> None:
    assert derive_id(*parts) == str(uuid.uuid5(NAMESPACE, "\n".join(parts)))
