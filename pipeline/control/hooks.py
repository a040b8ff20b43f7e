"""What makes a connection's webhook addresses unguessable, and stays the same when keys are rotated.

Derived from the key that its secrets are sealed under; from the first rotation on it is kept, sealed, in its row.
"""

from __future__ import annotations

import hmac

from pipeline.control.secrets import SecretBox, sealed_under, secret_name
from pipeline.errors import ConfigurationError
from pipeline.schemas.records import Connection

FIELD = "hook"
"""What a kept token is bound to, besides its connection."""


def hook_token(connection: Connection, box: SecretBox) -> str:
    """The token of its addresses. Raises `ConfigurationError` where the key of a kept one is not there."""
    if connection.hook:
        return box.open(secret_name(connection.id, FIELD), connection.hook)
    under = next(map(sealed_under, connection.secrets.values()), "")
    return box.hook_token(connection.id, under if under in box.ids else "")


def is_hook_token(connection: Connection, token: str, box: SecretBox) -> bool:
    """Whether it is the kept one, or one derived from a key that is here. Each is compared in constant time."""
    derived = box.is_hook_token(connection.id, token)
    try:
        kept = hmac.compare_digest(hook_token(connection, box).encode(), token.encode())
    except ConfigurationError:
        kept = False
    return derived or kept
