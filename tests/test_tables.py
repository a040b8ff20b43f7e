"""The README's tables of the apps are those of the registry."""

from __future__ import annotations

from tests.tables import BEGIN, END, README, written


def test_the_readme_lists_every_event_and_action_there_is() -> None:
    """If it fails: `make docs`."""
    text = README.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert written(text) == text
