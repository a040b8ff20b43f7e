"""`pipeline connections` and `connect`: credentials of apps."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Yes

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.schemas.records import Connection, ConnectionState

Id = Annotated[str, typer.Argument(help="A connection id.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Connection ids; all without any.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The connections there are.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("test")(check)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("hooks")(hooks)
    group.command("remove")(remove)
    app.add_typer(group, name="connections")
    app.command()(connect)


def list_(json: Json = False) -> None:
    """All connections, without their secrets: whether each works, why not, and the links that use it."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.opened import Opened

    output = Output(json=json)
    with installation(say=output.note) as here:
        control, states = here.control(), Opened(here.access, here.topics, here.codec).states()
    rows = [
        {
            "id": connection.id,
            "app": connection.app,
            "settings": connection.settings,
            "secrets": sorted(connection.secrets),
            "paused": connection.paused,
            **_condition(connection, states.get(connection.id)),
            "links": sorted(link.id for link in control.links.values() if connection.id in link.connections.values()),
        }
        for connection in control.connections.values()
    ]
    output.table("Connections", ["id", "app", "state", "why", "secrets", "links"], rows)


def _condition(connection: "Connection", state: "ConnectionState | None") -> dict[str, str]:
    """`state` is running, paused, stopped, waiting (the app blocks it) or failing (its breaker is not closed).

    `why` names the remedy, or until when. A stop of earlier credentials is over.
    """
    import time

    from pipeline.clock import utc
    from pipeline.control.snapshot import credentials_hash
    from pipeline.schemas.records import ConnectionState
    from pipeline.sinks.breaker import Breaker, BreakerState

    state, now = state or ConnectionState(connection=connection.id), time.time()
    breaker = Breaker()
    breaker.restore(state.failures, state.breaker_until.timestamp() if state.breaker_until else 0.0)
    stopped = state.stopped if state.credentials == credentials_hash(connection) else ""
    more = {"stopped": stopped, "breaker": str(breaker.state(now))}
    if connection.paused:
        why = f"`pipeline connections resume {connection.id}` goes on"
        return {"state": "paused", "why": f"{why}; then: {stopped}" if stopped else why, **more}
    if stopped:
        return {"state": "stopped", "why": stopped, **more}
    if state.blocked_until and state.blocked_until > utc(now):
        return {
            "state": "waiting",
            "why": f"the app asked to wait until {state.blocked_until:%Y-%m-%d %H:%M:%SZ}",
            **more,
        }
    if breaker.state(now) is not BreakerState.CLOSED:
        until = f", the next one at {utc(breaker.until):%H:%M:%SZ}" if breaker.until > now else ""
        return {"state": "failing", "why": f"no usable answer to {state.failures} calls in a row{until}", **more}
    return {"state": "running", "why": "", **more}


def check(ids: Ids = None, json: Json = False) -> None:
    """Run the start-up checks with the stored credentials; failures and warnings say what to mend. Reads only."""
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
    rows = [{"id": item.id, "works": item.good, "remedy": item.remedy, "warnings": item.note} for item in done]
    columns = ["id", "works", "remedy", *(["warnings"] if any(item.note for item in done) else [])]
    output.table("Connections", columns, rows)
    if not all(item.good for item in done):
        raise typer.Exit(Exit.SOME_FAILED)


def pause(id: Id, json: Json = False) -> None:
    """Make no call for a connection. Its commands wait, in order, and nothing is lost; `resume` goes on."""
    _set_paused(id, True, json)


def resume(id: Id, json: Json = False) -> None:
    """Go on with a paused connection, from where it stood. One that is stopped is tried again at once."""
    _set_paused(id, False, json)


def _set_paused(id: str, paused: bool, json: bool) -> None:
    """One row of `control`. Workers follow it; calls under way end, no other starts."""
    import msgspec

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.opened import Opened

    output = Output(json=json)
    with installation(say=output.note) as here:
        connection = here.control().connection(id)
        state = Opened(here.access, here.topics, here.codec).states().get(id)
        stopped = _condition(connection, state)["stopped"]
        changed = connection.paused != paused
        if changed or (stopped and not paused):
            # Its owner takes any new row for a sign that somebody has mended it.
            here.store().write([msgspec.structs.replace(connection, paused=paused)])
    now = "is paused: its commands wait" if paused else "is not paused: its commands go on"
    text = f"{id} {now}" if changed else f"{id} {now}, as before"
    if stopped:
        text += f"; it is stopped: {stopped}" if paused else f"; it was stopped, and is tried again: {stopped}"
    output.row({"id": id, "paused": paused, "changed": changed, "stopped": stopped}, text)


def hooks(id: Id, json: Json = False) -> None:
    """The addresses to register as webhooks at the app, one for each kind, and what to do there."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.secrets import load_secret_box
    from pipeline.gateway.addresses import addresses

    output = Output(json=json)
    with installation(say=output.note) as here:
        connection = here.control().connection(id)
        settings = here.settings
        told = addresses(here.apps[connection.app], connection, load_secret_box(settings))
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
    """Forget a connection and the links that use it. What was made in the apps stays."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        control = here.control()
        connection = control.connection(id)
        links = [link for link in control.links.values() if id in link.connections.values()]
        if yes:
            here.store().remove([*links, connection])
    rows = [{"kind": "link", "id": link.id, "removed": yes} for link in links]
    output.table(
        "Removed" if yes else "Would be removed; add --yes",
        ["kind", "id"],
        [
            *rows,
            {"kind": "connection", "id": id, "removed": yes},
        ],
    )


def connect(
    app: Annotated[str, typer.Argument(help="The app, such as zohobooks.")],
    id: Annotated[str, typer.Option("--id", help="What to call the connection.")] = "",
    setting: Annotated[list[str] | None, typer.Option("--setting", "-s", help="NAME=VALUE; may be repeated.")] = None,
    secret: Annotated[
        list[str] | None, typer.Option("--secret", help="NAME=env:VARIABLE or NAME=file:PATH; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Connect an app: asks for what is not given, exchanges the credentials and runs the start-up checks."""
    import asyncio
    import sys

    from pipeline.apps.registry import app_named
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.forms import typed_connection
    from pipeline.control.plan import make_plan

    output = Output(json=json)
    with installation(say=output.note) as here:
        chosen = app_named(here.apps, app)
        ask = sys.stdin.isatty() and not json
        id = id or (typer.prompt("Connection id", default=f"{app}-main", err=True) if ask else f"{app}-main")
        settings = _pairs(setting or [], "--setting")
        sources = _pairs(secret or [], "--secret")
        secrets: dict[str, str] = {}
        if ask:
            settings |= _ask_settings(chosen, settings)
            secrets = _ask_secrets(chosen, sources)
        desired = typed_connection(id=id, app=app, settings=settings, secrets=secrets, sources=sources)
        applier, stored = here.applier(), here.control()
        plan = make_plan(desired, stored, here.apps, applier.check_flow, applier.box)
        done = asyncio.run(applier.apply(plan, stored, here.store()))
    rows = [{"id": item.id, "what": item.what, "remedy": item.remedy} for item in done]
    output.table("Connection", ["id", "what", "remedy"], rows)
    if not all(item.good for item in done):
        raise typer.Exit(Exit.SOME_FAILED)


def _pairs(items: list[str], option: str) -> dict[str, Any]:
    from pipeline.errors import ConfigurationError

    found: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"{option} must be NAME=VALUE")
        found[name] = value
    return found


def _ask_settings(app: "App", given: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, field in app.settings.model_fields.items():
        if name in given or not field.is_required():
            continue
        asked[name] = typer.prompt(f"{name} ({field.description})" if field.description else name, err=True)
    return asked


def _ask_secrets(app: "App", given: dict[str, Any]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, description in app.secrets.items():
        if name in given:
            continue
        value = typer.prompt(f"{name} ({description})", hide_input=True, default="", show_default=False, err=True)
        if value:
            asked[name] = value
    return asked
