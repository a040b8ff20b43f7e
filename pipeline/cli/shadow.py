"""`pipeline flows shadow`: a new version of a flow beside the one that runs, without effect."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.operations.shadow import Difference, ShadowTold, Side

Flow = Annotated[str, typer.Argument(help="A flow's id.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="A new version beside the one that runs: what would differ.", no_args_is_help=True)
    group.command("start")(start)
    group.command("show")(show)
    group.command("promote")(promote)
    group.command("stop")(stop)
    app.add_typer(group, name="shadow")


def start(
    flow: Flow, file: Annotated[Path, typer.Argument(help="The new version, in YAML.")], json: Json = False
) -> None:
    """Compare a new version with the one that runs, on the events that come from now on."""
    from pipeline.cli.files import read_text
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations import shadow

    output, text = Output(json=json), read_text(file)
    with installation(say=output.note) as here:
        made = shadow.start(here, flow, text, str(file), stored=here.control(), store=here.store())
    row = {"flow": flow, "version": made.version, "live": made.live, "started": made.started}
    output.row(
        row, f"version {made.version} is compared with {made.live}; look with: pipeline flows shadow show {flow}"
    )


def show(
    flow: Flow,
    most: Annotated[int, typer.Option("--most", min=1, help="Events that are compared at the most.")] = 10_000,
    json: Json = False,
) -> None:
    """What the new version would have decided and sent otherwise since it was started. Nothing is sent."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations import shadow

    output = Output(json=json)
    with installation(say=output.note) as here:
        seen = shadow.show(here, flow, here.control(), most=most)
    output.row(seen, "\n".join(_lines(seen)))


def promote(
    flow: Flow,
    version: Annotated[str, typer.Option("--version", help="The version that was looked at, by its hash.")],
    json: Json = False,
) -> None:
    """Run the version that was shadowed: it is stored, and the flow's links move to it."""
    from pipeline.cli.flows import say_changes
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations import shadow

    output = Output(json=json)
    with installation(say=output.note) as here:
        say_changes(output, shadow.promote(here, flow, version, here.control(), here.store()))


def stop(flow: Flow, json: Json = False) -> None:
    """Forget the new version; the one that runs goes on."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations import shadow

    output = Output(json=json)
    with installation(say=output.note) as here:
        gone = shadow.stop(flow, here.control(), here.store())
    output.row({"flow": flow, "version": gone.version, "stopped": True}, f"version {gone.version} is forgotten")


def _lines(seen: "ShadowTold") -> Iterator[str]:
    started = seen.started.astimezone().isoformat(sep=" ", timespec="seconds") if seen.started else "-"
    yield f"{seen.flow}: version {seen.version} beside {seen.live}, since {started}"
    more = "; there are more (--most)" if seen.more else ""
    yield f"  {seen.events} events, {seen.compared} decisions compared, {seen.same} the same{more}"
    for what, count in seen.differ.items():
        yield f"  {count} differ in {what}"
    for sample in seen.samples:
        yield from _sample(sample)
    yield f"run it with: pipeline flows shadow promote {seen.flow} --version {seen.version}"


def _sample(sample: "Difference") -> Iterator[str]:
    event = sample.event
    yield f"  {event.type} {event.subject} (event {event.id}) at link {sample.link}: {', '.join(sample.what)}"
    yield from _side("now ", sample.live, sample.what)
    yield from _side("then", sample.shadow, sample.what)


def _side(name: str, side: "Side", what: list[str]) -> Iterator[str]:
    from pipeline.cli.preview import said

    why = f": {side.clause} is false" if side.clause else f": {side.message}" if side.message else ""
    yield f"    {name} {side.verdict}{why}"
    for action in side.actions:
        if action.id in what:
            yield f"      {action.id}: {said(action)}"
            if action.request is not None:
                yield f"        {action.request.method} {action.request.path} {action.request.body}"
