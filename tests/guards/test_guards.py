"""The list of guards fits the source: a guard that was moved is missed at once, not when the proof is run next."""

from __future__ import annotations

import re

import pytest

from tests.guards.guards import GUARDS, Guard
from tests.guards.prove import REPOSITORY


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_is_where_the_list_says_and_its_test_exists(guard: Guard) -> None:
    assert (REPOSITORY / guard.file).read_text(encoding="utf-8").count(guard.old) == 1
    file, _, name = guard.test.partition("::")
    assert re.search(
        rf"^(async )?def {name}\(", (REPOSITORY / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE
    )


def test_no_name_is_there_twice() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
