"""`pipeline replay`: past events through again. A plan first; `--yes` runs it."""

from typing import Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Since, Until, Yes


def register(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    *,
    account: Annotated[str, typer.Option("--account", help="Events of this account (or contact, or object).")] = "",
    since: Since = "",
    until: Until = "",
    connection: Annotated[str, typer.Option("--connection", help="Of this source connection.")] = "",
    type: Annotated[str, typer.Option("--type", help="Of this event type, such as togai.account.created.")] = "",
    id: Annotated[str, typer.Option("--id", help="Go on with a replay that broke off.")] = "",
    reconcile: Annotated[bool, typer.Option("--reconcile", help="After other replays, not beside them.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put past events through again, as bulk commands. What is unchanged makes no writing call."""
    from pipeline.cli.installation import installation
    from pipeline.cli.options import read_time
    from pipeline.cli.output import Output
    from pipeline.operations.replay import Selection
    from pipeline.schemas.records import Lane

    output = Output(json=json)
    selection = Selection(account, connection, type, read_time(since, "--since"), read_time(until, "--until"))
    with installation(say=output.note) as here:
        machine = here.replay()
        plan = machine.plan(selection, id=id, lane=Lane.RECONCILE if reconcile else Lane.REPLAY)
        row = {"replay": plan.id, "events": plan.total, "parties": plan.parties, "types": plan.counts}
        row |= {"left_out": plan.left_out, "sample": [[event.type, event.subject] for event in plan.sample]}
        if not json:
            output.table("Events", ["type", "count"], [{"type": t, "count": n} for t, n in plan.counts.items()])
            left = ", ".join(f"{count} {reason}" for reason, count in plan.left_out.items())
            output.say(f"{plan.total} events of {plan.parties} parties" + (f"; left out: {left}" if left else ""))
        sent = machine.run(plan) if yes and plan.total else 0
        output.row({**row, "sent": sent, "dry_run": not yes})
    if not plan.total:
        output.note("no event is in this selection")
        raise typer.Exit(Exit.SOME_FAILED)
    if yes:
        output.say(f"{sent} events put through as {plan.id}; follow them with: pipeline results --replay {plan.id}")
    else:
        output.say("a dry run: nothing was put through; add --yes")
