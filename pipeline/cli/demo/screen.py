"""What the demo shows: a live table while it runs, tables of results and mappings, or one JSON object."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.operations.lookup import Pair

if TYPE_CHECKING:
    from pipeline.cli.demo.progress import Progress
    from pipeline.cli.demo.story import Report


class Screen:
    """`live` redraws in place; without it, acts and tables are printed as they come."""

    def __init__(self, *, json: bool, live: bool) -> None:
        self._json = json
        self._is_live = live
        self._console = Console(highlight=False, stderr=json)
        self._live: Live | None = None
        self._progress: Progress | None = None

    def note(self, text: str) -> None:
        self._console.print(f"  {text}", style="dim", markup=False)

    def act(self, text: str) -> None:
        self._console.print(f"\n[bold]>[/bold] {text}")

    @contextmanager
    def following(self, progress: Progress) -> Iterator[None]:
        """Show the counts of `progress` as they grow."""
        self._progress = progress
        if not self._is_live:
            yield
            self._console.print(self._counts())
            return
        with Live(self._counts(), console=self._console, refresh_per_second=8) as self._live:
            yield
            self._live.update(self._counts())
        self._live = None

    def update(self) -> None:
        if self._live is not None:
            self._live.update(self._counts())

    def results(self, progress: Progress) -> None:
        rows = Counter((each.app, each.action, each.status.value) for each in progress.results.values())
        table = _table("Results", "app", "action", "status", "commands")
        for (app, action, status), count in sorted(rows.items()):
            table.add_row(app, action, status, str(count))
        self._console.print(table)

    def mappings(self, pairs: Sequence[Pair]) -> None:
        table = _table("Mapped ids", "Togai", "id", "Zoho Books", "id ")
        for pair in sorted(pairs, key=lambda each: (each.this.type, each.this.id)):
            if pair.this.app == "togai" and pair.other.app == "zohobooks" and pair.other.type in ("contact", "invoice"):
                table.add_row(pair.this.type, pair.this.id, pair.other.type, pair.other.id)
        self._console.print(table)

    def both_ways(self, account: str, there: Pair | None, back: Pair | None, setting: str) -> None:
        self.act("one id, looked up from either side")
        if there is not None:
            self._console.print(f"  pipeline mapping get {account}  ->  {there.other.type} {there.other.id}")
        if back is not None:
            self._console.print(f"  pipeline mapping get {back.this.id}  ->  {back.other.type} {back.other.id}")
        self._console.print(f"  setting of account {account} in Togai: ZohoBooksCustomerId = {setting or '(none)'}")

    def finish(self, report: Report) -> None:
        if self._json:
            fields: dict[str, Any] = {
                name: getattr(report, name) for name in report.__dataclass_fields__ if name != "wrong"
            }
            sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
        else:
            table = _table("The twins' own count", "what", "count")
            for name in report.__dataclass_fields__:
                if name != "wrong":
                    table.add_row(name.replace("_", " "), str(getattr(report, name)))
            self._console.print(table)
        for what in report.wrong:
            self._console.print(f"[red]wrong:[/red] {what}")
        if report.right:
            self._console.print(
                "[green]Every count is right:[/green] one object, one result a command, no write twice."
            )

    def _counts(self) -> Table:
        table = Table.grid(padding=(0, 2))
        progress = self._progress
        if progress is None:
            return table
        verdicts = ", ".join(f"{count} {verdict.value}" for verdict, count in sorted(progress.verdicts.items()))
        statuses = Counter(result.status.value for result in progress.results.values())
        table.add_row("  events", str(progress.events))
        table.add_row("  decisions", f"{len(progress.decisions)}  ({verdicts})")
        table.add_row("  commands", str(len(progress.commands)))
        ended = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        table.add_row("  results", f"{len(progress.results)}  ({ended})")
        return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table
