"""`pipeline secrets`: the keys that credentials are sealed with, and how they are replaced while everything runs."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json, Yes

VARIABLE = "PIPELINE_SECRETS_KEYS"

if TYPE_CHECKING:
    from pipeline.cli.installation import Installation
    from pipeline.control.rotation import KeyUse
    from pipeline.control.secrets import SecretBox
    from pipeline.schemas.records import Connection


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The keys that stored secrets are sealed with.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("rotate")(rotate)
    group.command("remove")(remove)
    app.add_typer(group, name="secrets")


def list_(json: Json = False) -> None:
    """Which keys there are, what is sealed under each, and which can be taken away. Shows no key."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        uses = _uses(here, _box(here))
    rows = [
        {
            "key": use.key,
            "seals": use.seals,
            "here": use.here,
            "connections": use.connections,
            "tokens": use.tokens,
            "removable": use.removable,
            "note": _note(use),
        }
        for use in uses
    ]
    output.table("Keys", ["key", "seals", "here", "connections", "tokens", "note"], rows)
    if not all(use.here for use in uses if use.connections):
        raise typer.Exit(Exit.SOME_FAILED)


def rotate(yes: Yes = False, json: Json = False) -> None:
    """Seal every stored secret under the first key. With the key file of the state directory, make that key first.

    Nothing stops: running roles read the file again. With PIPELINE_SECRETS_KEYS: add the new key last wherever a role
    starts, and restart the roles one by one; rotate with the new key first; restart them with the new key alone.
    """
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.keys import key_file
    from pipeline.control.rotation import to_seal
    from pipeline.errors import ConfigurationError

    output = Output(json=json)
    with installation(say=output.note) as here:
        file = key_file(here.settings)
        with file.locked() if file is not None and yes else nullcontext():
            box, stored = _box(here), here.control().connections.values()
            behind = to_seal(stored, box)
            if file is None and not behind and len(box.ids) == 1:
                raise ConfigurationError(
                    f"all is sealed under {box.ids[0]!r}, the one key of {VARIABLE}: add a new one"
                )
            # A rotation that broke off is gone on with: the key it made is first, and not everything is under it.
            fresh = file if not behind else None
            if fresh is not None and yes:
                fresh.add()
            rows = _seal(here, box, list(stored) if fresh is not None and not yes else None, yes)
            key = "a new key" if fresh is not None and not yes else box.ids[0]
            spare = [use.key for use in _uses(here, box) if use.removable]
    output.table(
        f"Sealed under {key}" if yes else f"Would be sealed under {key}; add --yes",
        ["connection", "sealed", "remedy"],
        [{**row, "key": key} for row in rows],
    )
    if yes and fresh is not None:
        output.say(f"{key} is a new key in {fresh.path}: keep a copy of the file")
    if yes and spare:
        how = f"take them out of {VARIABLE} of each role" if file is None else "`pipeline secrets remove` takes one out"
        output.say(f"not needed any more: {', '.join(spare)}; {how}")
    if any(row["remedy"] for row in rows):
        raise typer.Exit(Exit.SOME_FAILED)


def remove(
    key: Annotated[str, typer.Argument(help="A key id, as `pipeline secrets list` names it.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take a key out of the key file, once nothing needs it."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.keys import key_file
    from pipeline.errors import ConfigurationError

    output = Output(json=json)
    with installation(say=output.note) as here:
        file = key_file(here.settings)
        if file is None:
            raise ConfigurationError(f"{VARIABLE} is set: take {key!r} out of it wherever a role starts")
        with file.locked():
            use = next((use for use in _uses(here, _box(here)) if use.key == key), None)
            if use is not None and use.connections:
                raise ConfigurationError(
                    f"key {key!r} is needed by {', '.join(use.connections)}: `pipeline secrets rotate --yes` first"
                )
            if yes or use is None or use.seals:
                file.remove(key)
    output.row({"key": key, "removed": yes}, f"{key} {'is removed' if yes else 'can be removed; add --yes'}")


def _seal(here: "Installation", box: "SecretBox", chosen: "list[Connection] | None", yes: bool) -> list[dict[str, Any]]:
    """One row a connection, of those that are not under the first key unless `chosen`.

    One that cannot be opened is named and left as it is. Read anew: a pause of this moment must not be taken back.
    """
    from pipeline.control.rotation import resealed, to_seal
    from pipeline.errors import ConfigurationError

    rows: list[dict[str, Any]] = []
    for connection in to_seal(here.control().connections.values(), box) if chosen is None else chosen:
        remedy = ""
        try:
            row = resealed(connection, box)
        except ConfigurationError as error:
            remedy = str(error)
        else:
            if yes:
                here.store().write([row])
        rows.append({"connection": connection.id, "sealed": yes and not remedy, "remedy": remedy})
    return rows


def _uses(here: "Installation", box: "SecretBox") -> "list[KeyUse]":
    from pipeline.control.rotation import key_uses
    from pipeline.operations.opened import Opened

    states = Opened(here.access, here.topics, here.codec).states()
    return key_uses(box, here.control().connections, states)


def _box(here: "Installation") -> "SecretBox":
    from pipeline.control.secrets import load_secret_box

    return load_secret_box(here.settings)


def _note(use: "KeyUse") -> str:
    if not use.here and use.connections:
        return "missing: set this key again, or give these connections' secrets afresh with `pipeline apply --key-lost`"
    if use.seals:
        return ""
    if use.connections:
        return "needed: `pipeline secrets rotate`"
    if use.tokens:
        return "can be removed: a token that it sealed is sealed or fetched anew" if use.here else "of an old token"
    return "can be removed"
