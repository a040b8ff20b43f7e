"""`pipeline sandbox`: the twins of Togai and Zoho Books, to try things against."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(sandbox)


def sandbox(
    config: Annotated[Path, typer.Option("--config", help="What the twins hold.")] = Path("configs/sandbox.yaml"),
    port: Annotated[int, typer.Option("--port", help="Zoho Books on this port, Togai on the next; 0 for any.")] = -1,
) -> None:
    """Serve both twins until ctrl-c; the first line of output says where."""
    from pipeline.sandbox.process import main

    arguments = ["--config", str(config)]
    if port >= 0:
        arguments += ["--port", str(port)]
    code = main(arguments)
    if code:
        raise typer.Exit(code)
