"""`pipeline doubts` and `open`: what is not done yet."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.schemas.records import LedgerRow

COLUMNS = ["command", "connection", "party", "action", "state", "since", "due", "attempts", "waits for", "why"]


def register(app: typer.Typer) -> None:
    app.command()(doubts)
    app.command(name="open")(opened)


def doubts(json: Json = False) -> None:
    """Calls whose answer was lost: since when, why, and when each will be settled by repeating the keyed call."""
    _show("Calls in doubt", json, "doubt", "intent")


def opened(
    state: Annotated[str, typer.Option("--state", help="intent, queued, waiting, parked, doubt or aside.")] = "",
    json: Json = False,
) -> None:
    """All commands that are not over, and what each waits for; `aside` are those that wait for a person."""
    _show("Open commands", json, *([state] if state else []))


def _show(title: str, json: bool, *states: str) -> None:
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.errors import ConfigurationError
    from pipeline.operations.opened import Opened
    from pipeline.schemas.records import LedgerState

    try:
        asked = [LedgerState(state) for state in states]
    except ValueError:
        raise ConfigurationError(f"--state is one of {', '.join(LedgerState)}") from None
    output = Output(json=json)
    with installation(say=output.note) as here:
        rows = Opened(here.access, here.topics, here.codec).rows(*asked)
        paused = {id_ for id_, connection in here.control().connections.items() if connection.paused}
    output.table(title, COLUMNS, [_row(row, paused) for row in rows])


def _row(row: "LedgerRow", paused: set[str]) -> dict[str, object]:
    command = row.command
    return {
        "command": command.id,
        "connection": command.connection,
        "party": command.party,
        "action": command.action,
        "state": row.state,
        "since": row.since,
        "due": row.due,
        "attempts": row.attempts,
        "waits for": row.waits_for,
        "why": row.reason or ("its connection is paused" if command.connection in paused else ""),
    }
