"""`pipeline links`: flows switched on with connections."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import trigger
from pipeline.cli.flows import Connections, Options, options_of, pairs_of, say_changes
from pipeline.cli.options import Json, Yes

if TYPE_CHECKING:
    from pipeline.control.manage.changes import Changed
    from pipeline.control.manage.links import Links
    from pipeline.control.store import ControlStore

LinkId = Annotated[str, typer.Argument(help="A link's id.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Links: flows with the connections that they run with.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("add")(add)
    group.command("change")(change)
    group.command("enable")(enable)
    group.command("disable")(disable)
    group.command("remove")(remove)
    group.command("trigger")(trigger.now)
    app.add_typer(group, name="links")


def list_(
    flow: Annotated[str, typer.Option("--flow", help="Of this flow.")] = "",
    json: Json = False,
) -> None:
    """Links with their state, and their runs by status."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.cli.runs import run_counts

    output = Output(json=json)
    with installation(say=output.note) as here:
        cards = here.links(here.control()).cards(run_counts(here, output), flow=flow)
    if json:
        output.table("Links", [], [_fields(card) for card in cards])
        return
    rows = [
        _fields(card)
        | {
            "connections": [f"{app}={id}" for app, id in card.connections.items()],
            "options": [f"{name}={value}" for name, value in card.options.items()],
            "runs": [f"{count} {status}" for status, count in card.runs.items()],
            "version": card.version if card.latest else f"{card.version} (not the last)",
        }
        for card in cards
    ]
    output.table("Links", ["id", "flow", "version", "connections", "options", "state", "why", "runs"], rows)


def add(
    *,
    flow: Annotated[str, typer.Argument(help="A flow's id, of the catalogue or stored.")],
    connection: Connections = None,
    id: Annotated[str, typer.Option("--id", help="What to call the link; the flow's id, or with a number.")] = "",
    option: Options = None,
    off: Annotated[bool, typer.Option("--off", help="Do not switch it on yet.")] = False,
    json: Json = False,
) -> None:
    """Add connections to a flow: from then on, their events start it."""
    connections, options = pairs_of(connection or [], "--connection"), options_of(option or [])
    _write(json, lambda links, store: links.add(flow, connections, store, id=id, options=options, enabled=not off))


def change(
    link: LinkId,
    connection: Connections = None,
    option: Options = None,
    version: Annotated[
        str, typer.Option("--version", help="Run this version of the flow; `latest` for the last.")
    ] = "",
    json: Json = False,
) -> None:
    """Other connections, options or another version. What is not named stays as it is."""

    def write(links: "Links", store: "ControlStore") -> "list[Changed]":
        before = links.link(link)
        return links.change(
            link,
            store,
            connections=before.connections | pairs_of(connection or [], "--connection"),
            options=before.options | options_of(option or []),
            version="" if version == "latest" else version,
            latest=version == "latest",
        )

    _write(json, write)


def enable(link: LinkId, json: Json = False) -> None:
    """Switch a link on. It is checked as a new one is."""
    _write(json, lambda links, store: links.enable(link, store))


def disable(link: LinkId, json: Json = False) -> None:
    """Switch a link off: no event starts a run. Runs that are open go on to their end."""
    _write(json, lambda links, store: links.disable(link, store))


def remove(
    link: LinkId,
    force: Annotated[bool, typer.Option("--force", help="Though runs are open: they fail at their next step.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Forget a link. What was made in the apps, and what is mapped, stays."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.cli.runs import open_runs

    output = Output(json=json)
    with installation(say=output.note) as here:
        links = here.links(here.control())
        links.link(link)
        row = links.removed(link, open_runs(here, output, link=link), force=force)
        if yes:
            here.store().remove([row])
    told = [{"kind": "link", "id": link, "removed": yes}]
    output.table("Removed" if yes else "Would be removed; add --yes", ["kind", "id"], told)


def _write(json: bool, change: "Callable[[Links, ControlStore], list[Changed]]") -> None:
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        say_changes(output, change(here.links(here.control()), here.store()))


def _fields(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__dataclass_fields__}
