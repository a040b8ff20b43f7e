"""What the README says of the apps, written from the registry: `make docs`, or `python -m tests.tables`.

A test compares, so that no trigger and no action is missing there or made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.apps.base import App
from pipeline.apps.registry import load_apps

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- apps: written by `make docs` -->\n", "<!-- end of apps -->\n"


def tables() -> str:
    """Of every installed app: its events and how they are found, its actions and why each may be repeated."""
    return "\n".join(line for app in load_apps().values() for line in _app(app))


def written(text: str) -> str:
    """`text` with the tables between the marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _app(app: App) -> Iterator[str]:
    polled = {trigger for poll in app.polls.values() for trigger in poll.triggers}
    yield f"**{app.title}, events** ({len(app.triggers)})"
    yield ""
    yield "| event | when | found by |"
    yield "| --- | --- | --- |"
    for trigger in app.triggers.values():
        ways = [*(["webhook"] if trigger.fetch else []), *(["poll"] if trigger.name in polled else [])]
        yield _row(f"`{trigger.name}`", trigger.title, ", ".join(ways) or "whoever sends it")
    yield ""
    yield f"**{app.title}, actions** ({len(app.actions)})"
    yield ""
    yield "| action | what it does | calls | why it may be repeated |"
    yield "| --- | --- | --- | --- |"
    for action in app.actions.values():
        yield _row(f"`{action.name}`", action.title, action.calls, action.safe)
    yield ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
