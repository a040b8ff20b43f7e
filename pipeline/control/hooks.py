"""What makes a connection's webhook addresses unguessable, and stays the same when keys are rotated.

Derived from the key that its secrets are sealed under; from the first rotation on it is kept, sealed, in its row. While
one token takes the place of another, both are kept and both are good; the first is the new one.
"""

from __future__ import annotations

import hmac
import secrets

from pipeline.control.secrets import SecretBox, sealed_under, secret_name
from pipeline.errors import ConfigurationError
from pipeline.schemas.records import Connection

FIELD = "hook"
"""What a kept token is bound to, besides its connection."""


def hook_token(connection: Connection, box: SecretBox) -> str:
    """The token of its addresses. Raises `ConfigurationError` where the key of a kept one is not there."""
    return hook_tokens(connection, box)[0]


def hook_tokens(connection: Connection, box: SecretBox) -> list[str]:
    """Those that are good, the one to register first. Raises `ConfigurationError`."""
    if connection.hook:
        return box.open(secret_name(connection.id, FIELD), connection.hook).split(",")
    under = next(map(sealed_under, connection.secrets.values()), "")
    return [box.hook_token(connection.id, under if under in box.ids else "")]


def is_hook_token(connection: Connection, token: str, box: SecretBox) -> bool:
    """Whether it is a kept one; where none is kept, one derived from a key that is here. Compared in constant time.

    A derived one would be good for ever: whoever replaces a token wants the old one to end.
    """
    derived = box.is_hook_token(connection.id, token)
    try:
        kept = [hmac.compare_digest(each.encode(), token.encode()) for each in hook_tokens(connection, box)]
    except ConfigurationError:
        kept = []
    return any(kept) or (derived and not connection.hook)


def sealed_tokens(connection: Connection, box: SecretBox, *, renew: bool = False, last: int = 2) -> str:
    """The tokens to be kept, sealed: the present ones, with another before them where they are renewed; `last` of them.

    Raises `ConfigurationError`.
    """
    tokens = [*([secrets.token_hex(16)] if renew else []), *hook_tokens(connection, box)]
    return box.seal(secret_name(connection.id, FIELD), ",".join(tokens[:last]))


def resealed_hook(connection: Connection, box: SecretBox) -> str:
    """What is kept, under the first key; "" where nothing is, or its key is lost."""
    if not connection.hook:
        return ""
    try:
        return box.reseal(secret_name(connection.id, FIELD), connection.hook)
    except ConfigurationError:
        return ""
