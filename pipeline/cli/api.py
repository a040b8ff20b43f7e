"""`pipeline api`: the token that opens the control API."""

from typing import Annotated

import typer

from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The control API of the gateway.", no_args_is_help=True)
    group.command("token")(token)
    app.add_typer(group, name="api")


def token(
    renew: Annotated[bool, typer.Option("--renew", help="Make another one; the one before ends at once.")] = False,
    json: Json = False,
) -> None:
    """Print the API's token, and on standard error where it is kept. It is a secret."""
    from pipeline.cli.installation import read_settings
    from pipeline.cli.output import Output
    from pipeline.errors import ConfigurationError
    from pipeline.gateway.api.token import TOKEN_FILE, VARIABLE, TokenFile, api_token

    output, settings = Output(json=json), read_settings()
    read, place = api_token(settings)
    if renew:
        if settings.api_token.get_secret_value().strip():
            raise ConfigurationError(f"{VARIABLE} is set: replace it wherever the gateway starts")
        TokenFile(settings.state_dir / TOKEN_FILE).renew()
    output.note(f"the token of {place}")
    output.row({"token": read(), "place": place}, read())
