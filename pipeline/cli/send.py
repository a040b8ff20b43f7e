"""`pipeline send`: events from a file or standard input onto the topics."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    app.command()(send)


def send(
    file: Annotated[str, typer.Argument(help="JSON lines, one CloudEvent each; - for standard input.")],
    json: Json = False,
) -> None:
    """Put events onto the topics. A line that is no event is reported with its number, and the others go on."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.errors import Undecodable
    from pipeline.gateway.intake import Intake
    from pipeline.operations.delivery import Delivery

    output = Output(json=json)
    bad = 0
    with _lines(file) as lines, installation(say=output.note) as here:
        intake = Intake(here.apps, here.codec, here.topics)
        with Delivery(here.access) as delivery:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    event = intake.event(line.strip())
                    record = intake.record(event)
                    delivery.produce(record.topic, record.key, record.value, dict(record.headers))
                except Undecodable as error:
                    bad += 1
                    row = {"line": number, "error": error.code, "message": str(error)}
                    output.row(row)
                    if not json:
                        output.note(f"line {number}: {error.code}: {error}")
                    continue
                output.row({"line": number, "id": event.id, "topic": record.topic, "key": record.key.decode()})
        output.say(f"{delivery.count} sent, {bad} not")
    if bad:
        raise typer.Exit(Exit.SOME_FAILED)


@contextmanager
def _lines(file: str) -> Iterator[IO[bytes]]:
    from pipeline.errors import ConfigurationError

    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        text = Path(file).open("rb")  # noqa: SIM115 - closed below; only opening it may fail here
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    with text:
        yield text
