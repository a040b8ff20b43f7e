"""The CRM's webhooks: `{"type": "company.saved", "data": {…}}`, signed as Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from pipeline.apps.base import Hook
from pipeline.errors import Undecodable, Unverified
from tinycrm.connection import SECRETS, WEBHOOK_SECRET
from tinycrm.triggers import TRIGGERS, Company, version_of

PREFIX = "whsec_"


def hooks(kind: str, body: bytes) -> Sequence[Hook]:
    """The event of a webhook body. Raises `Undecodable`."""
    if kind not in TRIGGERS:
        raise Undecodable("unknown_trigger", f"no webhook {kind!r} of the CRM: there are {', '.join(TRIGGERS)}")
    try:
        found = msgspec.json.decode(body)
        data = found["data"] if isinstance(found, dict) and "data" in found else found
        subject = msgspec.convert(data, Company).id
    except (ValueError, RecursionError) as error:
        raise Undecodable("not_json", f"the webhook's body is no company: {error}") from error
    return (Hook(kind, subject, data, version_of(data)),)


def verify(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> None:
    """Raises `Unverified` unless the body is signed with the connection's secret.

    Its age is not looked at: what it tells of is fetched afresh, so that an old delivery does no harm.
    """
    try:
        key = base64.b64decode(secrets.get(WEBHOOK_SECRET, "").removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise Unverified("no_secret", f"the connection has no {WEBHOOK_SECRET}: {SECRETS[WEBHOOK_SECRET]}")
    signed = b".".join((_bytes(headers, "webhook-id"), _bytes(headers, "webhook-timestamp"), body))
    made = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    given = _bytes(headers, "webhook-signature").split()
    if not any(hmac.compare_digest(made, each) for each in given):
        raise Unverified("wrong_signature", "the webhook's signature is not of the connection's secret")


def _bytes(headers: Mapping[str, str], name: str) -> bytes:
    return headers.get(name, "").encode()
