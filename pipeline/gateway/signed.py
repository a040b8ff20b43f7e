"""Whether a webhook is from whom it should be: by the app's own signature, else by Standard Webhooks.

Nothing unsigned is ever taken, and only the connection's `webhook_secret` counts (`apps.webhook_secrets`). Codes of
`Unverified` here: ``no_secret``, ``no_signature``, ``wrong_signature``; an app has its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.apps.base import App, SignsHooks
from pipeline.apps.webhook_secrets import NAME as WEBHOOK_SECRET
from pipeline.apps.webhook_secrets import webhook_secrets
from pipeline.control.secrets import SecretBox, secret_name
from pipeline.errors import Unverified
from pipeline.schemas.records import Connection

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
"""Headers of Standard Webhooks.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""

_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came: header names in lower case, the pairs of the address decoded."""

    headers: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a genuine delivery is known by. `named` by its sender; else it is a digest of all that was signed, which two
    changes of an object share where the body tells no version."""

    id: str
    named: bool


def takes_signed(app: App) -> bool:
    """Whether there can be signed webhooks of its connections at all."""
    return isinstance(app, SignsHooks) or WEBHOOK_SECRET in app.secrets


def verified(app: App, connection: Connection, arrived: Arrived, box: SecretBox) -> Delivery:
    """Raises `Unverified`, and `ConfigurationError` where the secret cannot be opened."""
    sealed = connection.secrets.get(WEBHOOK_SECRET, "")
    secret = box.open(secret_name(connection.id, WEBHOOK_SECRET), sealed) if sealed else ""
    if not isinstance(app, SignsHooks):
        return standard(arrived, secret)
    app.verify(
        headers=arrived.headers,
        query=arrived.query,
        body=arrived.body,
        settings=connection.settings,
        secrets={WEBHOOK_SECRET: secret} if secret else {},
    )
    signed = hashlib.sha256(repr(sorted(arrived.query)).encode())
    signed.update(arrived.body)
    return Delivery(signed.hexdigest(), named=False)


def standard(arrived: Arrived, secret: str) -> Delivery:
    """By Standard Webhooks: HMAC-SHA256 over id, time and body. Raises `Unverified`.

    Five minutes off, either way, is too much. So who repeats a genuine delivery is turned away later, and until then
    repeats its id.
    """
    from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

    written = webhook_secrets(secret)
    if not written:
        raise Unverified("no_secret", f"the connection has no {WEBHOOK_SECRET}: nothing unsigned is taken")
    named, time, signatures = (arrived.headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not (named and time and signatures):
        raise Unverified("no_signature", f"the webhook is not signed: send {ID}, {TIMESTAMP} and {SIGNATURE}")
    # Signatures of other versions are passed over, as the specification asks, and so is what has no form at all.
    given = {ID: named, TIMESTAMP: time, SIGNATURE: " ".join(_SIGNATURE.findall(signatures)) or "v1,"}
    why = ""
    for each in written:
        try:
            Webhook(each).verify(arrived.body, given, json_parse=False)
        except (WebhookVerificationError, EmptyWebhookSecretError, ValueError) as error:
            why = str(error).lower()
        else:
            return Delivery(named, named=True)
    raise Unverified("wrong_signature", f"the webhook is not of any of the connection's secrets: {why}")
