"""`pipeline runs`: the activity log. What became of each event at each link, step by step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Since, Yes

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.cli.installation import Installation
    from pipeline.cli.output import Output
    from pipeline.operations.views.answers import Lag, RunAnswer, RunDetail, RunStatus, StepAnswer
    from pipeline.operations.views.database import Database
    from pipeline.operations.views.projector import Projector
    from pipeline.operations.views.views import Views

COLUMNS = ["started", "status", "event", "subject", "party", "link", "run", "why"]
MANY = 20_000
"""Records from which on it is said that they are taken in first."""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The activity log: what became of events.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("rebuild")(rebuild)
    app.add_typer(group, name="runs")


def list_(
    *,
    link: Annotated[str, typer.Option("--link", help="Of this link.")] = "",
    flow: Annotated[str, typer.Option("--flow", help="Of this flow.")] = "",
    party: Annotated[str, typer.Option("--party", help="Of this account or contact.")] = "",
    status: Annotated[str, typer.Option("--status", help="pending, waiting, success, failed or skipped.")] = "",
    event: Annotated[str, typer.Option("--event", help="Of this event id.")] = "",
    replay: Annotated[str, typer.Option("--replay", help="Of this replay.")] = "",
    since: Since = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most this many.")] = 50,
    after: Annotated[str, typer.Option("--after", help="What a page gave as `next`.")] = "",
    json: Json = False,
) -> None:
    """Runs, the newest first. In JSON one object: `runs`, `next` for the page after it, and `lag`."""
    from pipeline.cli.installation import installation
    from pipeline.cli.options import read_time
    from pipeline.cli.output import Output
    from pipeline.operations.views.answers import RunFilter

    wanted = RunFilter(
        link=link,
        flow=flow,
        party=party,
        status=_status(status),
        event=event,
        replay=replay,
        since=read_time(since, "--since"),
        limit=limit,
        after=after,
    )
    output = Output(json=json)
    with installation(say=output.note) as here, _log(here) as (_, projector, views):
        _catch_up(projector, views, output)
        page, kept = views.runs(wanted), views.kept()
    if json:
        output.row(page)
        return
    output.table("Runs", COLUMNS, [_row(run) for run in page.runs])
    if page.next:
        output.say(f"more: --after '{page.next}'")
    since_ = f" since {_time(kept.since)}" if kept.since else ""
    output.say(f"{kept.runs} runs are kept{since_}, {kept.skipped} of them skipped; {_behind(page.lag)}")


def show(id: Annotated[str, typer.Argument(help="A run's id.")], json: Json = False) -> None:
    """One run with its steps: what went in, what came out, and when. Exit code 1 where there is none."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here, _log(here) as (_, projector, views):
        _catch_up(projector, views, output)
        found = views.run(id)
    if found is None:
        output.note(f"there is no run {id!r} (any more): `pipeline runs list` shows those that there are")
        raise typer.Exit(Exit.SOME_FAILED)
    output.row(found, "\n".join(_told(found)))


def rebuild(yes: Yes = False, json: Json = False) -> None:
    """Forget the log and read the topics from their start. What topics keep no longer is gone from it, too."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here, _log(here) as (database, projector, views):
        if not yes:
            output.row({"rebuilt": False}, "the log would be built anew from the topics; add --yes to do it")
            return
        database.empty()
        taken = projector.catch_up()
        kept, lag = views.kept(), views.lag()
    output.row(
        {"rebuilt": True, "records": taken, "runs": kept.runs, "skipped": kept.skipped, "lag": lag},
        f"{kept.runs} runs out of {taken} records; {_behind(lag)}",
    )


def run_counts(here: "Installation", output: "Output") -> dict[str, dict[str, int]]:
    """Runs by link and status, of all that happened before this call."""
    with _log(here) as (_, projector, views):
        _catch_up(projector, views, output)
        return views.counts()


def open_runs(here: "Installation", output: "Output", *, link: str = "", flow: str = "") -> int:
    """Runs of a link or a flow that have not ended."""
    with _log(here) as (_, projector, views):
        _catch_up(projector, views, output)
        return views.open_runs(link=link, flow=flow)


@contextmanager
def _log(here: "Installation") -> "Iterator[tuple[Database, Projector, Views]]":
    from pipeline.operations.views.build import build_projector, build_views, open_database

    database = open_database(here.settings, here.access, here.topics)
    given = database, here.access, here.topics, here.codec
    try:
        with build_projector(*given) as projector:
            yield database, projector, build_views(*given)
    finally:
        database.close()


def _catch_up(projector: "Projector", views: "Views", output: "Output") -> None:
    """A role may do so, too, and do it all the time: whoever comes first."""
    behind = views.lag().total
    if behind > MANY:
        output.note(f"taking in up to {behind} records first")
    projector.catch_up()


def _status(text: str) -> "RunStatus | None":
    from pipeline.errors import ConfigurationError
    from pipeline.operations.views.answers import RunStatus

    if not text:
        return None
    try:
        return RunStatus(text)
    except ValueError:
        raise ConfigurationError(f"--status is one of {', '.join(RunStatus)}") from None


def _row(run: "RunAnswer") -> dict[str, Any]:
    return {
        "started": _time(run.started),
        "status": run.status,
        "event": run.event_type,
        "subject": run.subject,
        "party": run.party,
        "link": run.link or "(fetch)",
        "run": run.id,
        "why": _why(run),
    }


def _why(run: "RunAnswer") -> str:
    if run.clause:
        return f"{run.clause} is false; it read {_values(run.read)}"
    return run.message


def _told(detail: "RunDetail") -> list[str]:
    run = detail.run
    replay = f", replay {run.replay}" if run.replay else ""
    said = [
        f"{run.status}  {run.event_type} {run.subject} of {run.party} through {run.link or 'a fetch'}",
        f"  flow      {run.flow} {run.flow_version}",
        f"  event     {run.event_id} from {run.source}{replay}",
        f"  started   {_time(run.started)}",
        f"  ended     {_time(run.ended)}",
    ]
    if why := _why(run):
        said.append(f"  because   {why}")
    for step in detail.steps:
        said += _step(step)
    return [*said, _behind(detail.lag)]


def _step(step: "StepAnswer") -> list[str]:
    operation = f" ({step.operation})" if step.operation else ""
    said = [f"{step.step}: {step.status} ({step.detail})  {step.action}{operation} at {step.connection}"]
    times = {"sent": step.created, "started": step.started, "ended": step.ended, "due": step.due}
    said.append("  " + ", ".join(f"{name} {_time(time)}" for name, time in times.items() if time))
    said.append(f"  attempts  {step.attempts}, calls {step.calls}" + (f", round {step.round}" if step.round else ""))
    if step.object:
        said.append(f"  object    {step.object}")
    if step.waits_for or step.reason:
        said.append(f"  waits     {step.waits_for} {step.reason}".rstrip())
    if step.cause:
        said.append(f"  cause     {step.cause.kind} {step.cause.code}: {step.cause.message}")
    said += [f"  warning   {warning}" for warning in step.warnings]
    for name, value in (("input", step.input), ("output", step.output)):
        if value:
            said.append(f"  {name:9} {_json(value)}")
    return said


def _behind(lag: "Lag") -> str:
    if not lag.total:
        return "nothing is left to take in"
    where = ", ".join(f"{count} of {topic}" for topic, count in lag.topics.items() if count)
    return f"up to {lag.total} records are left to take in ({where})"


def _time(time: "datetime | None") -> str:
    return time.astimezone().isoformat(sep=" ", timespec="seconds") if time else "-"


def _values(read: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in read.items()) or "nothing"


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
