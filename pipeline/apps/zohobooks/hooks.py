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
from pipeline.apps.webhook_secrets import NAME as WEBHOOK_SECRET
from pipeline.apps.webhook_secrets import webhook_secrets
from pipeline.apps.zohobooks.connection import SECRETS, ZohoBooksSettings
from pipeline.apps.zohobooks.triggers import IDS, STATES, TRIGGERS, version_of
from pipeline.apps.zohobooks.wire import decode, text
from pipeline.errors import Undecodable, Unverified

SIGNATURE_HEADER = "x-zoho-webhook-signature"
FORM = "x-www-form-urlencoded"
ANY = "any"
"""The kind of an address that takes all kinds; the shape and status of the object then decide."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "credit_note": ("credit_note", "creditnote"),
    "payment": ("payment", "customer_payment", "customerpayment"),
}
"""Keys under which a body may hold an object, where they are more than its noun."""

STEPS = (
    "Settings > Automation > Workflow Actions > Webhooks > New Webhook: one for each address below, method POST.",
    "Tick 'I want to secure this webhook' and type the connection's webhook_secret.",
    "Body: Default Payload (a form, or raw JSON with the object's id and last_modified_time, will do too).",
    "Settings > Automation > Workflow Rules > New Workflow Rule: the module and the moment beside the address; its "
    "immediate action is the webhook.",
)
RULES: Mapping[str, str] = {
    "contact.created": "Customers, when created",
    "contact.updated": "Customers, when edited",
    "contact.inactive": "Customers, when edited, if Status is Inactive",
    "invoice.created": "Invoices, when created",
    "invoice.updated": "Invoices, when edited",
    "invoice.sent": "Invoices, when edited, if Status is Sent",
    "invoice.paid": "Invoices, when edited, if Status is Paid",
    "invoice.partially_paid": "Invoices, when edited, if Status is Partially Paid",
    "invoice.overdue": "Invoices, date based: a day after the due date, if Status is Overdue",
    "invoice.voided": "Invoices, when edited, if Status is Void",
    "payment.recorded": "Payments Received, when created",
    "payment.deleted": "Payments Received, when deleted",
    "credit_note.created": "Credit Notes, when created",
    "credit_note.voided": "Credit Notes, when edited, if Status is Void",
}
"""By trigger: the workflow rule that tells of it."""


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


def verify(
    *,
    headers: Mapping[str, str],
    query: Sequence[tuple[str, str]],
    body: bytes,
    settings: ZohoBooksSettings,
    secrets: Mapping[str, str],
) -> None:
    """Raises `Unverified` unless the body is signed with one of the connection's secrets and of its organisation.

    A signature says that nobody else wrote the body, not that it is new: what it tells is still a hint.
    """
    known = webhook_secrets(secrets.get(WEBHOOK_SECRET, ""))
    if not known:
        raise Unverified("no_secret", f"the connection has no webhook_secret: {SECRETS[WEBHOOK_SECRET]}")
    signature = headers.get(SIGNATURE_HEADER, "")
    if not signature:
        raise Unverified(
            "no_signature", "the webhook is not signed: tick 'I want to secure this webhook' in Zoho Books"
        )
    form = FORM in headers.get("content-type", "").lower()
    try:
        genuine = [signed(secret, signature, query=query, body=body, form=form) for secret in known]
    except ValueError:
        genuine = []
    if not any(genuine):
        raise Unverified("wrong_signature", "the webhook's signature is not of any of the connection's secrets")
    named = _organizations(query, body) - {settings.organization_id}
    if named:
        raise Unverified("organization", "the webhook speaks of another organization than the connection's")


def _organizations(query: Iterable[tuple[str, str]], body: bytes) -> set[str]:
    """Those that the address or the body names."""
    found = {value for name, value in query if name == "organization_id"}
    try:
        payload = _payload(body)
    except Undecodable:
        return found
    records = (payload, *(value for value in payload.values() if isinstance(value, dict)))
    return found | {named for record in records if (named := text(record, "organization_id"))}


def hooks(kind: str, body: bytes) -> Sequence[Hook]:
    """The event of a webhook body; none where it is about something that no flow uses. Raises `Undecodable`."""
    if kind != ANY and kind not in TRIGGERS:
        raise Undecodable(
            "unknown_trigger", f"no event {kind!r} of Zoho Books; there are {', '.join((*TRIGGERS, ANY))}"
        )
    if not body.strip():
        raise Undecodable("empty", "the webhook has no body")
    payload = _payload(body)
    nouns = IDS if kind == ANY else (TRIGGERS[kind].object,)
    found = next(((noun, record) for noun in nouns if (record := _record(payload, noun)) is not None), None)
    if found is None and kind == ANY:
        return ()
    noun, record = found or (TRIGGERS[kind].object, {})
    id_ = text(record, IDS[noun])
    if not id_:
        raise Undecodable("no_subject", f"the webhook has no {IDS[noun]}")
    trigger = kind if kind != ANY else _trigger(noun, record)
    if noun == "contact" and text(record, "contact_type") == "vendor":
        return ()
    return (Hook(trigger, id_, record, version_of(trigger, record)),)


def _trigger(noun: str, record: Mapping[str, Any]) -> str:
    """What the object's status speaks of."""
    usual = {"payment": "payment.recorded", "credit_note": "credit_note.created"}.get(noun, f"{noun}.updated")
    return STATES.get(noun, {}).get(text(record, "status"), usual)


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


def _record(payload: Mapping[str, Any], noun: str) -> Mapping[str, Any] | None:
    """The object of a body: under one of its names, or the body itself."""
    for name in NAMES.get(noun, (noun,)):
        record = payload.get(name)
        if isinstance(record, dict):
            return record
    return payload if IDS[noun] in payload else None
