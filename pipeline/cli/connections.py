"""`pipeline connections`: credentials of apps, and how they are."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import connect
from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Yes

if TYPE_CHECKING:
    from pipeline.operations.connections import ConnectionShown

Id = Annotated[str, typer.Argument(help="A connection id.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Connection ids; all without any.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The connections there are.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("add")(connect.connect)
    group.command("test")(check)
    group.command("rename")(rename)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("rotate")(connect.rotate)
    group.command("finish")(connect.finish)
    group.command("hooks")(hooks)
    group.command("remove")(remove)
    app.add_typer(group, name="connections")
    app.command()(connect.connect)


def list_(
    app: Annotated[str, typer.Option("--app", help="Of this app.")] = "",
    json: Json = False,
) -> None:
    """All connections, without their secrets: whether each works, why not, and the links that use it."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.connections import connections_shown

    output = Output(json=json)
    with installation(say=output.note) as here:
        rows = [_row(shown) for shown in connections_shown(here, app)]
    output.table("Connections", ["id", "name", "app", "state", "why", "secrets", "links"], rows)


def show(id: Id, json: Json = False) -> None:
    """One connection with its settings, and the names of its secrets."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.connections import connection_shown

    output = Output(json=json)
    with installation(say=output.note) as here:
        row = _row(connection_shown(here, id))
    said = {**row, "settings": ", ".join(f"{name} = {value}" for name, value in row["settings"].items())}
    output.row(row, "\n".join(f"{name:16} {_text(value)}" for name, value in said.items()))


def check(ids: Ids = None, json: Json = False) -> None:
    """Run every start-up check with the stored credentials; failures and warnings say what to mend. Reads only."""
    import asyncio

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.apply import Done

    output = Output(json=json)
    with installation(say=output.note) as here:
        control, applier = here.control(), here.applier()
        chosen = [control.connection(id) for id in ids] if ids else list(control.connections.values())

        async def all_tests() -> list[Done]:
            return [await applier.test(connection) for connection in chosen]

        done = asyncio.run(all_tests())
    if json:
        for item in done:
            said = {"id": item.id, "works": item.good, "remedy": item.remedy, "warnings": item.note}
            output.row({**said, "checks": item.checks})
    else:
        output.table("Checks", ["connection", "check", "passed", "what to do"], connect.check_rows(done))
    if not all(item.good for item in done):
        raise typer.Exit(Exit.SOME_FAILED)


def rename(
    id: Id, name: Annotated[str, typer.Argument(help="What people are to call it.")], json: Json = False
) -> None:
    """Call a connection something else. Its id stays: records, pairs of ids and webhook addresses hold it."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage import connections as manage

    output = Output(json=json)
    with installation(say=output.note) as here:
        renamed = manage.rename(here, id, name)
    output.row({"id": id, "name": renamed.name}, f"{id} is called {renamed.name}")


def pause(id: Id, json: Json = False) -> None:
    """Make no call for a connection. Its commands wait, in order, and nothing is lost; `resume` goes on."""
    _set_paused(id, True, json)


def resume(id: Id, json: Json = False) -> None:
    """Go on with a paused connection, from where it stood. One that is stopped is tried again at once."""
    _set_paused(id, False, json)


def _set_paused(id: str, paused: bool, json: bool) -> None:
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage import connections as manage
    from pipeline.operations.connections import connection_shown

    output = Output(json=json)
    with installation(say=output.note) as here:
        # A pause does not wait for what there is to say about it.
        stopped = "" if paused else connection_shown(here, id).stopped
        changed = manage.set_paused(here, id, paused, anew=bool(stopped))
        stopped = connection_shown(here, id).stopped if paused else stopped
    now = "is paused: its commands wait" if paused else "is not paused: its commands go on"
    text = f"{id} {now}" if changed else f"{id} {now}, as before"
    if stopped and paused:
        text += f"; it is stopped: {stopped}"
    elif stopped:
        text = f"{id} is not paused; it was stopped, and is tried again: {stopped}"
    output.row({"id": id, "paused": paused, "changed": changed, "stopped": stopped}, text)


def hooks(id: Id, json: Json = False) -> None:
    """The addresses to register as webhooks at the app, one for each kind, and what to do there."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.gateway.addresses import addresses

    output = Output(json=json)
    with installation(say=output.note) as here:
        connection, settings = here.control().connection(id), here.settings
        told = addresses(here.apps[connection.app], connection, here.box())
        base = f"http://{settings.gateway_host}:{settings.gateway_port}"
    for line in told.say:
        output.say(line)
    output.say("Put your public host before the path.")
    wide = max(len(each.kind) for each in told.hooks)
    for each in told.hooks:
        url = base + each.path
        row = {"kind": each.kind, "url": url, "signed": each.signed, "when": each.when}
        output.row(row, f"{each.kind:{wide}} {url}" + (f"   {each.when}" if each.when else ""))


def remove(id: Id, yes: Yes = False, json: Json = False) -> None:
    """Forget a connection. Refused while links use it. What was made in the app stays, and so do the pairs of ids."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage import connections as manage

    output = Output(json=json)
    with installation(say=output.note) as here:
        manage.remove(here, id, dry=not yes)
    output.row({"id": id, "removed": yes}, f"{id} is removed" if yes else f"{id} can be removed; add --yes to do it")


def _row(shown: "ConnectionShown") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(shown)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
