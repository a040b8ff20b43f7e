"""`pipeline deadletters` and `redrive`: what went wrong, by cause, and the way back."""

from typing import Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Since, Until, Yes

Group = Annotated[str, typer.Option("--fingerprint", help="Of this group, as `deadletters --group` names it.")]
Kind = Annotated[str, typer.Option("--kind", help="Of this cause: undecodable, failed, invalid, conflict, ...")]
Code = Annotated[str, typer.Option("--code", help="Of this code: 3062, unknown_trigger, ...")]
Stage = Annotated[str, typer.Option("--stage", help="Given up here: gateway, decode, decide, advance, sink.")]
Topic = Annotated[str, typer.Option("--topic", help="That came from this topic.")]


LEFT = {
    "other": "that are not selected",
    "older": "whose command has a newer letter",
    "rounds": "that went round as often as --rounds says: raise it once the cause is mended",
    "bytes": "without anything to send",
    "too large": "too large for their topic: raise its max.message.bytes",
    "unreadable": "that cannot be read",
}
"""Why a letter is left out."""


def register(app: typer.Typer) -> None:
    app.command()(deadletters)
    app.command()(redrive)


def deadletters(
    *,
    group: Annotated[bool, typer.Option("--group", help="Equal causes together, with counts.")] = False,
    fingerprint: Group = "",
    kind: Kind = "",
    code: Code = "",
    stage: Stage = "",
    topic: Topic = "",
    since: Since = "",
    until: Until = "",
    json: Json = False,
) -> None:
    """What could not be decoded, decided or booked, with its cause."""
    import msgspec

    from pipeline.cli.installation import installation
    from pipeline.cli.options import read_time
    from pipeline.cli.output import Output
    from pipeline.operations.deadletters import DeadLetters, Wanted
    from pipeline.operations.deadletters import fingerprint as fingerprint_of

    output = Output(json=json)
    begin, end = read_time(since, "--since"), read_time(until, "--until")
    wanted = Wanted(fingerprint, kind, code, stage, topic, begin, end)
    with installation(say=output.note) as here:
        source = DeadLetters(here.access, here.topics, here.codec)
        if group:
            columns = ["fingerprint", "count", "stage", "kind", "code", "sample", "last"]
            output.table("Dead letters by cause", columns, [msgspec.to_builtins(row) for row in source.groups(wanted)])
            return
        rows = [
            {**msgspec.to_builtins(letter), "fingerprint": fingerprint_of(letter), "cause": letter.cause.message}
            | {"kind": letter.cause.kind, "code": letter.cause.code}
            for letter in source.letters(wanted)
        ]
    output.table("Dead letters", ["seen", "stage", "kind", "code", "cause", "topic", "partition", "offset"], rows)


def redrive(
    *,
    fingerprint: Group = "",
    kind: Kind = "",
    code: Code = "",
    stage: Stage = "",
    topic: Topic = "",
    since: Since = "",
    until: Until = "",
    rate: Annotated[float, typer.Option("--rate", help="Letters a second at most.", min=0.1)] = 10.0,
    rounds: Annotated[int, typer.Option("--rounds", help="Leave letters that went round this often.", min=1)] = 3,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send dead letters again: same key, bytes and headers. The same selection never sends one twice."""
    from pipeline.cli.installation import installation
    from pipeline.cli.options import read_time
    from pipeline.cli.output import Output
    from pipeline.operations.deadletters import Wanted
    from pipeline.operations.redrive import Redrive

    output = Output(json=json)
    begin, end = read_time(since, "--since"), read_time(until, "--until")
    wanted = Wanted(fingerprint, kind, code, stage, topic, begin, end)
    with installation(say=output.note) as here:
        machine = Redrive(here.access, here.topics, here.codec, rate, rounds)
        done = machine.run(wanted) if yes else machine.plan(wanted)
    output.row(
        {"redrive": done.name, "letters": done.total, "groups": done.sent, "left": done.left, "dry_run": not yes}
    )
    output.say(f"{done.total} letters {'sent' if yes else 'would be sent'}")
    for name, count in sorted(done.sent.items()):
        output.say(f"  {count} of group {name}")
    for reason, count in sorted(done.left.items()):
        output.say(f"  left: {count} {LEFT[reason]}")
    if not done.total:
        output.say("what this selection sent before is not sent again; see `pipeline deadletters --group`")
        raise typer.Exit(Exit.SOME_FAILED)
    if not yes:
        output.say("a dry run: nothing was sent; add --yes")
