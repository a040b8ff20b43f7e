"""`pipeline results`, `decisions` and `mapping`: what happened, why it did not, and what is mapped to what."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Since

if TYPE_CHECKING:
    from pipeline.operations.lookup import Filter
    from pipeline.schemas.records import Decision, Result

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until ctrl-c.")]
Event = Annotated[str, typer.Option("--event", help="Of this event id.")]
Subject = Annotated[str, typer.Option("--subject", help="Of this object's id.")]
Party = Annotated[str, typer.Option("--party", help="Of this account or contact.")]
Connection = Annotated[str, typer.Option("--connection", help="At this connection.")]
Replay = Annotated[str, typer.Option("--replay", help="Of this replay.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most this many, the first ones found.")]

_NO_LIMIT = 1_000_000_000


def register(app: typer.Typer) -> None:
    app.command()(results)
    app.command()(decisions)
    group = typer.Typer(help="Mapped ids: either side gives the other.", no_args_is_help=True)
    group.command("get")(get)
    group.command("list")(list_)
    app.add_typer(group, name="mapping")


def results(
    *,
    follow: Follow = False,
    event: Event = "",
    subject: Subject = "",
    party: Party = "",
    connection: Connection = "",
    status: Annotated[str, typer.Option("--status", help="succeeded, unchanged, superseded, skipped, refused.")] = "",
    link: Annotated[str, typer.Option("--link", help="Of this link.")] = "",
    command: Annotated[str, typer.Option("--command", help="Of this command id.")] = "",
    replay: Replay = "",
    since: Since = "",
    limit: Limit = _NO_LIMIT,
    json: Json = False,
) -> None:
    """The results of commands: one a command, each the end of it."""
    fields = {"event_id": event, "subject": subject, "party": party, "connection": connection, "replay": replay}
    _watch(
        "results", _filter({**fields, "status": status, "link": link, "command": command}, since), follow, limit, json
    )


def decisions(
    *,
    follow: Follow = False,
    event: Event = "",
    subject: Subject = "",
    party: Party = "",
    connection: Connection = "",
    verdict: Annotated[str, typer.Option("--verdict", help="matched, not_matched, no_link, fetching, duplicate.")] = "",
    replay: Replay = "",
    since: Since = "",
    limit: Limit = _NO_LIMIT,
    json: Json = False,
) -> None:
    """What each link decided about each event; for a non-match the clause that was false, and what it read."""
    fields = {"event_id": event, "subject": subject, "party": party, "connection": connection, "replay": replay}
    _watch("decisions", _filter({**fields, "verdict": verdict}, since), follow, limit, json)


def get(id: Annotated[str, typer.Argument(help="An id of either app.")], json: Json = False) -> None:
    """The counterpart of an object. Exit code 1 where there is none."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        pairs = here.lookup().mapping(id)
    for pair in pairs:
        this, other = pair.this, pair.other
        output.row(pair, f"{this.app} {this.type} {this.id} = {other.app} {other.type} {other.id}  ({pair.scope})")
    if not pairs:
        output.note(f"{id} is mapped to nothing")
        raise typer.Exit(Exit.SOME_FAILED)


def list_(json: Json = False, limit: Limit = _NO_LIMIT) -> None:
    """All mapped pairs, each once."""
    from itertools import islice

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        once = (
            pair for pair in here.lookup().mappings() if (pair.this.app, pair.this.id) < (pair.other.app, pair.other.id)
        )
        for pair in islice(once, limit):
            this, other = pair.this, pair.other
            output.row(pair, f"{this.app} {this.type} {this.id} = {other.app} {other.type} {other.id}  ({pair.scope})")


def _filter(fields: dict[str, str], since: str) -> "Filter":
    from pipeline.cli.options import read_time
    from pipeline.operations.lookup import Filter

    return Filter(fields, read_time(since, "--since"))


def _watch(what: str, wanted: "Filter", follow: bool, limit: int, json: bool) -> None:
    from itertools import islice

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.lookup import Watch

    output = Output(json=json)
    with installation(say=output.note) as here:
        lookup, watch = here.lookup(), Watch(follow=follow)
        found: Any = lookup.results(wanted, watch) if what == "results" else lookup.decisions(wanted, watch)
        line: Any = _result_line if what == "results" else _decision_line
        for record in islice(found, limit):
            output.row(record, line(record))


def _result_line(result: "Result") -> str:
    ended = result.ended.astimezone().strftime("%H:%M:%S") if result.ended else "--:--:--"
    made = f" {result.object.type} {result.object.id}" if result.object else ""
    cause = f": {result.cause.code} {result.cause.message}" if result.cause else ""
    operation = f" ({result.operation})" if result.operation else ""
    return (
        f"{ended} {result.status:10} {result.subject} {result.event_type} -> "
        f"{result.app} {result.action}{operation}{made}{cause}"
    )


def _decision_line(decision: "Decision") -> str:
    decided = decision.decided.astimezone().strftime("%H:%M:%S") if decision.decided else "--:--:--"
    said = [f"{decided} {decision.verdict:11} {decision.subject} {decision.event_type} {decision.message}".rstrip()]
    for link in decision.links:
        why = f" because {link.clause} is false; it read {_values(link.read)}" if link.clause else ""
        said.append(f"         {link.verdict:11} at {link.link}{why} {link.message}".rstrip())
    return "\n".join(said)


def _values(read: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in read.items()) or "nothing"
