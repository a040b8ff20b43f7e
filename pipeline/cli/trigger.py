"""`pipeline links trigger`, which is `pipeline flows trigger` too: a link started by hand."""

from typing import Annotated, Any

import typer

from pipeline.cli.options import Json


def now(
    link: Annotated[str, typer.Argument(help="A link's id.")],
    payload: Annotated[
        str, typer.Option("--payload", help='JSON: {"ids": [...], "payload": {...}}; none means all.')
    ] = "{}",
    json: Json = False,
) -> None:
    """Start a link by hand, now: one whose flow starts on demand or by the clock."""
    import msgspec

    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.errors import ConfigurationError
    from pipeline.operations.trigger import trigger_now

    try:
        given = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise ConfigurationError("--payload must be a JSON object") from None
    output = Output(json=json)
    with installation(say=output.note) as here:
        sent = trigger_now(here, link, given)
    output.row(sent, f"{link} was started; follow it with: pipeline runs list --event {sent.event}")
