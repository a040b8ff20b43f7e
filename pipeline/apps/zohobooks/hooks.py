"""Webhooks of Zoho Books: what a body is about, and whether Zoho signed it.

A workflow's webhook carries no event name, id or number, so the receiver's address names the kind, and what arrives is
a hint. Bodies come as JSON (``{"invoice": {...}}``), as a form, or as a form with one ``JSONString``.
https://www.zoho.com/books/help/automation/workflow-actions/webhooks.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from pipeline.apps.base import Hook
from pipeline.apps.zohobooks.triggers import IDS, TRIGGERS, version_of
from pipeline.apps.zohobooks.wire import decode, text
from pipeline.errors import Undecodable

SIGNATURE_HEADER = "x-zoho-webhook-signature"
ANY = "any"
"""The kind of an address that takes all kinds; the shape and status of the object then decide."""

STATUSES = {"paid": "invoice.paid", "void": "invoice.voided", "voided": "invoice.voided"}


def signed(secret: str, signature: str, *, query: Iterable[tuple[str, str]], body: bytes, form: bool) -> bool:
    """Whether `signature` is Zoho's over these parts: HMAC-SHA256 in hex.

    Signed are the pairs of the query and of a form body, sorted by name and written without separators, and after them
    any other body as it came. `query` holds decoded pairs. No time is signed: a repeated delivery is as genuine as the
    first. False without a secret. https://www.zoho.com/billing/kb/webhooks/securing-webhooks.html
    """
    if not secret:
        return False
    pairs = [*query, *(_form(body) if form else ())]
    content = "".join(name + value for name, value in sorted(pairs)).encode() + (b"" if form else body)
    made = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signature.strip().lower().encode())


def hooks(kind: str, body: bytes) -> Sequence[Hook]:
    """The event of a webhook body; none where it is about something that no flow uses. Raises `Undecodable`."""
    if kind != ANY and kind not in TRIGGERS:
        raise Undecodable(
            "unknown_trigger", f"no event {kind!r} of Zoho Books; there are {', '.join((*TRIGGERS, ANY))}"
        )
    if not body.strip():
        raise Undecodable("empty", "the webhook has no body")
    payload = _payload(body)
    noun = TRIGGERS[kind].object if kind != ANY else next((noun for noun in IDS if _is(payload, noun)), "")
    if not noun:
        return ()
    record = payload.get(noun, payload)
    id_ = text(record, IDS[noun]) if isinstance(record, dict) else ""
    if not id_:
        raise Undecodable("no_subject", f"the webhook has no {IDS[noun]}")
    trigger = kind if kind != ANY else STATUSES.get(text(record, "status"), f"{noun}.updated")
    return (Hook(trigger, id_, record, version_of(record)),)


def _payload(body: bytes) -> Mapping[str, Any]:
    """The body as an object. Raises `Undecodable`."""
    found: Any
    try:
        if body.lstrip()[:1] in (b"{", b"["):
            found = decode(body)
        else:
            fields = dict(_form(body))
            found = decode(fields["JSONString"].encode()) if "JSONString" in fields else _nested(fields)
    except ValueError as error:
        raise Undecodable("not_json", f"the webhook's body is neither JSON nor a form: {error}") from error
    if not isinstance(found, dict) or not found:
        raise Undecodable("wrong_type", "the webhook's body holds no object")
    return found


def _nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """Form fields, those that hold an object as JSON opened."""
    return {name: decode(value.encode()) if value[:1] == "{" else value for name, value in fields.items()}


def _form(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True)


def _is(payload: Mapping[str, Any], noun: str) -> bool:
    return isinstance(payload.get(noun), dict) or IDS[noun] in payload
