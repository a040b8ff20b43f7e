"""What webhooks of a connection are signed with: one secret, or two while one takes the place of the other.

An app that has `NAME` in its form and does not check signatures itself (`base.SignsHooks`) is told of events by senders
that sign as Standard Webhooks says. https://www.standardwebhooks.com
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from pipeline.errors import Stopped

NAME = "webhook_secret"
STANDARD = (
    "For senders that sign as Standard Webhooks says: 'whsec_' and 24 to 64 random bytes in base64; "
    "while it is changed both, with a comma between"
)
"""Its description in the form of an app that does not sign itself."""
_PREFIX = "whsec_"


def webhook_secrets(text: str) -> list[str]:
    """Those of a connection's secret, where commas part several."""
    return [secret for part in text.split(",") if (secret := part.strip())]


def kept_standard(secrets: Mapping[str, str]) -> dict[str, str]:
    """What an app keeps of what was typed (`App.connect`). Raises `Stopped` for what no sender can sign with."""
    for name, message in standard_faults(secrets):
        raise Stopped(f"{name}: {message}")
    written = webhook_secrets(secrets.get(NAME, ""))
    return {NAME: ",".join(written)} if written else {}


def standard_faults(secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """As `base.ChecksSecrets`, of this secret."""
    good = all(24 <= _size(secret) <= 64 for secret in webhook_secrets(secrets.get(NAME, "")))
    return [] if good else [(NAME, STANDARD)]


def _size(secret: str) -> int:
    """Of the key in bytes; 0 for what is none."""
    try:
        return len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True)) if secret.startswith(_PREFIX) else 0
    except binascii.Error:
        return 0
