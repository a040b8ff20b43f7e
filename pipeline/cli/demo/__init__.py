"""`pipeline demo`: the whole machine on one's own computer, with the twins in place of the apps, checked by counts."""

import sys

import typer

from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(json: Json = False) -> None:
    """Togai accounts and invoices arrive in Zoho Books, a worker is killed, everything is replayed, and it adds up.

    Exit code 0 only if the twins' own counts say so.
    """
    from pipeline.cli.demo.screen import Screen
    from pipeline.cli.demo.stage import stage
    from pipeline.cli.demo.story import tell
    from pipeline.cli.exits import Exit
    from pipeline.cli.logs import configure_logging

    configure_logging("ERROR")
    screen = Screen(json=json, live=sys.stdout.isatty() and not json)
    with stage(say=screen.note) as here:
        report = tell(here, screen)
    screen.finish(report)
    if not report.right:
        raise typer.Exit(Exit.FAILED)
