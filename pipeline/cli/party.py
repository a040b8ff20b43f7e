"""`pipeline party`: parties that were set aside, and how each goes on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Yes

if TYPE_CHECKING:
    from pipeline.operations.parties import Aside, Said, Verb
    from pipeline.schemas.records import Result

Names = Annotated[list[str] | None, typer.Argument(help="Parties, as `pipeline party list` names them.")]
All = Annotated[bool, typer.Option("--all", help="All that are set aside (at --connection, where it is given).")]
Connection = Annotated[str, typer.Option("--connection", help="At this connection.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until it has a result; exit code 1 where that is a refusal.")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that --wait lasts for one party.")]

COLUMNS = ["connection", "party", "since", "action", "subject", "kind", "code", "message", "behind"]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Parties that wait for a person, because a command of theirs was refused.", no_args_is_help=True
    )
    group.command("list")(list_)
    group.command("release")(release)
    group.command("skip")(skip)
    app.add_typer(group, name="party")


def list_(connection: Connection = "", json: Json = False) -> None:
    """Which party waits, since when, behind which refused command and why, and how many commands wait behind it."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.parties import Parties

    output = Output(json=json)
    with installation(say=output.note) as here:
        found = Parties(here.access, here.topics, here.codec).aside(connection)
    output.table("Parties set aside", COLUMNS, [_row(aside) for aside in found])


def release(
    parties: Names = None,
    *,
    all_: All = False,
    connection: Connection = "",
    wait: Wait = False,
    timeout: Timeout = 60.0,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Try the refused command again, once its cause is mended; then what is queued behind it, in order."""
    _say("release", parties or [], all_, connection, timeout if wait else 0.0, yes, json)


def skip(
    parties: Names = None,
    *,
    all_: All = False,
    connection: Connection = "",
    wait: Wait = False,
    timeout: Timeout = 60.0,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Leave the refused command refused, and go on with what is queued behind it."""
    _say("skip", parties or [], all_, connection, timeout if wait else 0.0, yes, json)


def _say(  # noqa: PLR0917
    verb: "Verb", names: list[str], everyone: bool, connection: str, timeout: float, yes: bool, json: bool
) -> None:
    """`timeout` 0 waits for nothing."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.errors import ConfigurationError
    from pipeline.operations.parties import Parties

    if bool(names) == everyone:
        raise ConfigurationError("name the parties, or say --all, and not both")
    output = Output(json=json)
    with installation(say=output.note) as here:
        source = Parties(here.access, here.topics, here.codec)
        chosen = source.aside(connection) if everyone else source.chosen(names, connection)
        said = source.say(verb, chosen) if yes else []
        results = {each.command: source.result(each, timeout) for each in said} if timeout else {}
    rows = [{**_row(aside), "verb": verb, "sent": yes} for aside in chosen]
    if results:
        rows = [{**row, **_came(each, results[each.command])} for row, each in zip(rows, said, strict=True)]
    shown = ["connection", "party", "action", "code", "behind", *(["status", "result"] if results else [])]
    title = {"release": "Released", "skip": "Skipped"}[verb]
    output.table(title if yes else f"{title}, if --yes is added", shown, rows)
    if any(result is None for result in results.values()):
        raise typer.Exit(Exit.TIMED_OUT)
    if any(row.get("status") == "refused" for row in rows):
        raise typer.Exit(Exit.SOME_FAILED)


def _row(aside: "Aside") -> dict[str, Any]:
    return {
        "connection": aside.connection,
        "party": aside.party,
        "since": aside.since,
        "command": aside.command,
        "action": aside.action,
        "subject": aside.subject,
        "kind": aside.cause.kind,
        "code": aside.cause.code,
        "message": aside.cause.message,
        "round": aside.round,
        "behind": aside.behind,
    }


def _came(said: "Said", result: "Result | None") -> dict[str, str]:
    if result is None:
        return {"status": "", "result": f"none yet; `pipeline results --command {said.party.command}` shows it"}
    text = result.cause.message if result.cause else "; ".join(result.warnings) or result.operation
    return {"status": str(result.status), "result": text}
