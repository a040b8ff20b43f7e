"""A pause holds every call of its connection back, also those that were armed before it."""

from __future__ import annotations

import msgspec
import pytest

from tests.sinks.toy import owner


@pytest.mark.parametrize("check", [True, False])
def test_what_was_armed_before_a_pause_is_held_back_the_checks_too(check: bool) -> None:
    each = owner()
    assert not each.held_up(check=check)
    each.state.configure(msgspec.structs.replace(each.state.connection, paused=True))
    assert each.held_up(check=check)


def test_the_checks_of_a_stopped_connection_are_not_held_back() -> None:
    each = owner()
    each.state.stop("the token is dead")
    assert each.held_up(check=False)
    assert not each.held_up(check=True)
