"""What a command prints: tables and lines for a person, JSON lines for a program. Never both."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDE = 200
"""Columns of a table that goes into a pipe or a file."""


class Output:
    """Standard output is for results, standard error for what happens on the way."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        width = None if sys.stdout.isatty() else WIDE
        self._console = Console(soft_wrap=True, highlight=False, width=width)
        self._errors = Console(stderr=True, soft_wrap=True, highlight=False)

    def row(self, value: object, text: str | None = None) -> None:
        """One result: a JSON line, or `text`. Flushed, so that a pipe sees it at once."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
            sys.stdout.flush()
        elif text is not None:
            self._console.print(_harmless(text), markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Results that are known at once. In JSON each is a line with all its fields, columns or not."""
        if self.json:
            for row in rows:
                self.row(row)
            return
        table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(column, "")) for column in columns))
        self._console.print(table if rows else f"{title}: none")

    def say(self, text: str) -> None:
        """For a person alone; nothing in JSON."""
        if not self.json:
            self._console.print(text, markup=False)

    def note(self, text: str) -> None:
        """What happens on the way, on standard error in both forms."""
        self._errors.print(text, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        value = [f"{name}: {each}" for name, each in value.items()]
    if isinstance(value, list | tuple):
        return escape(_harmless(", ".join(map(str, value))))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(_harmless(str(value)))


def _harmless(text: str) -> str:
    """Control characters made visible: what others sent must not steer the terminal of whoever looks at it."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)
