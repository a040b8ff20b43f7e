"""`pipeline apply` and `check`: connections, flows and links from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.cli.output import Output
    from pipeline.control.apply import Done

Files = Annotated[list[Path], typer.Argument(help="Control files, flow files, or folders of them.")]
KeyLost = Annotated[
    bool,
    typer.Option("--key-lost", help="Take secrets anew that were sealed under a key which is gone."),
]
NoProbe = Annotated[bool, typer.Option("--no-probe", help="Do not run the apps' start-up checks.")]


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(apply)


def check(files: Files, json: Json = False, key_lost: KeyLost = False) -> None:
    """Check files and say what `apply` would change. Calls no app, writes nothing."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.apply import changes

    output = Output(json=json)
    with installation(say=output.note) as here:
        done = changes(here.applier().plan(files, here.control(), key_lost=key_lost))
    show(output, "Would be applied", done)


def apply(files: Files, json: Json = False, no_probe: NoProbe = False, key_lost: KeyLost = False) -> None:
    """Check files, exchange and seal credentials, and write what changed. Running workers pick it up."""
    import asyncio

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        applier, stored = here.applier(probe=not no_probe), here.control()
        plan = applier.plan(files, stored, key_lost=key_lost)
        done = asyncio.run(applier.apply(plan, stored, here.store()))
    show(output, "Applied", done)
    if not all(item.good for item in done):
        raise typer.Exit(Exit.SOME_FAILED)


def show(output: "Output", title: str, done: "list[Done]") -> None:
    columns = ["kind", "id", "what", "remedy"]
    rows = [{name: getattr(item, name) for name in (*columns, "note")} for item in done]
    output.table(title, [*columns, "note"] if any(item.note for item in done) else columns, rows)
