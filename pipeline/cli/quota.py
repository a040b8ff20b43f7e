"""`pipeline quota`: what each connection has used, what is left, and when its backlog will be done."""

import time
from typing import Annotated

import typer

from pipeline.cli.options import Json

COLUMNS = [
    "connection",
    "used",
    "left",
    "in_flight",
    "backlog",
    "states",
    "done",
    "blocked_until",
    "breaker",
    "stopped",
]
EVERY = 2.0


def register(app: typer.Typer) -> None:
    app.command()(quota)


def quota(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until ctrl-c.")] = False,
    json: Json = False,
) -> None:
    """Calls used and left, what holds a connection up, its backlog by lane, and when that will be done."""
    import msgspec

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.operations.opened import Opened
    from pipeline.operations.usage import usages

    output = Output(json=json)
    with installation(say=output.note) as here:
        opened = Opened(here.access, here.topics, here.codec)
        while True:
            found = usages(opened, here.apps, here.control().connections, time.time())
            output.table("Quota", COLUMNS, [msgspec.to_builtins(usage) for usage in found])
            if not watch:
                return
            time.sleep(EVERY)
