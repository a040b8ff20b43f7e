"""`pipeline connect` and `connections rotate`: credentials typed at a prompt, or found where options say."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.cli.output import Output
    from pipeline.control.apply import Done

Secret = Annotated[
    list[str] | None, typer.Option("--secret", help="NAME=env:VARIABLE or NAME=file:PATH; may be repeated.")
]


def connect(
    app: Annotated[str, typer.Argument(help="The app, such as zohobooks.")],
    *,
    name: Annotated[str, typer.Option("--name", help="What people are to call it.")] = "",
    id: Annotated[str, typer.Option("--id", help="For good; made of the name, or the app's and -main.")] = "",
    setting: Annotated[list[str] | None, typer.Option("--setting", "-s", help="NAME=VALUE; may be repeated.")] = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Connect an app: asks for what is not given, exchanges the credentials and runs the start-up checks."""
    import asyncio

    from pipeline.apps.registry import app_named
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage import connections as manage

    output = Output(json=json)
    with installation(say=output.note) as here:
        chosen = app_named(here.apps, app)
        ask = sys.stdin.isatty() and not json
        if ask and not name and not id:
            name = typer.prompt("Name", default=f"{chosen.title} main", err=True)
        settings = _pairs(setting or [], "--setting")
        sources = _pairs(secret or [], "--secret")
        secrets: dict[str, str] = {}
        if ask:
            settings |= _ask_settings(chosen, settings)
            secrets = _ask_secrets(chosen, sources)
        new = manage.NewConnection(app, name, id or ("" if name else f"{app}-main"), settings, secrets, sources)
        done = asyncio.run(manage.add(here, new))
    _show(output, done)


def rotate(
    id: Annotated[str, typer.Argument(help="A connection id.")],
    secret: Secret = None,
    hooks: Annotated[bool, typer.Option("--hooks", help="New webhook addresses.")] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="The webhook secret of before ends now, not with `finish`.")
    ] = False,
    json: Json = False,
) -> None:
    """Other credentials, or webhook addresses. They are tried first; what is not given stays.

    A webhook secret and addresses of before stay good until `pipeline connections finish`.
    """
    import asyncio

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.apply import Done
    from pipeline.control.manage import connections as manage

    output = Output(json=json)
    with installation(say=output.note) as here:
        app = here.apps[here.control().connection(id).app]
        secrets = _read(_pairs(secret or [], "--secret"))
        if not secrets and not hooks and sys.stdin.isatty() and not json:
            output.note("press Enter at what is to stay")
            secrets = _ask_secrets(app, {})
        done = Done("connection", id, "update")
        if secrets or not hooks:
            done = asyncio.run(manage.rotate(here, id, secrets, keep_old=not drop_old))
        if hooks and done.good:
            manage.rotate_hooks(here, id)
            output.say(f"`pipeline connections hooks {id}` prints the new addresses")
    _show(output, done)


def finish(id: Annotated[str, typer.Argument(help="A connection id.")], json: Json = False) -> None:
    """End a rotation: webhook secrets and addresses of before are good no longer."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage import connections as manage

    output = Output(json=json)
    with installation(say=output.note) as here:
        manage.finish(here, id)
    output.row({"id": id, "finished": True}, f"{id}: only what came last is good")


def check_rows(done: "list[Done]") -> list[dict[str, Any]]:
    """One row a check: passed, failed with its remedy, or not tried."""
    return [
        {
            "connection": item.id,
            "check": check.title,
            "passed": (not check.remedy) if check.tried else "not tried",
            "what to do": check.remedy or check.warning,
        }
        for item in done
        for check in item.checks
    ]


def _show(output: "Output", done: "Done") -> None:
    row = {"id": done.id, "what": done.what, "remedy": done.remedy, "warnings": done.note}
    if output.json:
        output.row({**row, "checks": done.checks})
    else:
        columns = ["id", "what", "remedy", *(["warnings"] if done.note else [])]
        output.table("Connection", columns, [row])
    if not done.good:
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


def _read(sources: dict[str, Any]) -> dict[str, str]:
    """What the options name. Raises `Faults` that shows no value."""
    from pipeline.control.forms import secret_sources
    from pipeline.control.places import Fault, Faults

    found = {name: (source, source.read(Path())) for name, source in secret_sources(sources).items()}
    faults = [
        Fault(f"secret {name}", f"{source} is not set, empty or not readable")
        for name, (source, value) in found.items()
        if value is None
    ]
    if faults:
        raise Faults(faults)
    return {name: value for name, (_, value) in found.items() if value is not None}


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
