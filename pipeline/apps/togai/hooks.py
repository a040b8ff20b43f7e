"""Togai's webhooks: whatever the body looks like, it comes down to hints that name objects by id.

Togai publishes neither the body's form nor a signature, so only the id is trusted, and the object is fetched before
anything is decided. Read are: the bare object; the object under `payload`, `data` or its noun (`account`, `invoice`);
either with a name beside it; and lists of these. The kind is decided by the receiver's path (each Togai flow has one
trigger, and so a URL of its own), then by a name in the body, then by the object's own fields. Invoices and orders are
generated under one trigger of Togai's, so the class of the object says which of the two it is.
https://docs.togai.com/docs/integrations/webhooks
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.apps.base import Hook
from pipeline.apps.togai.triggers import ORDER, TRIGGERS, version_of
from pipeline.errors import Undecodable

ANY = "any"
"""The path's kind for a receiver that takes all kinds."""

WRAPPERS = ("payload", "data")
NOUNS = ("account", "invoice", "customer", "payment", "credit")
"""Keys that wrap the object only where nothing beside them has an id: a customer may bring its first account along."""

GENERATED = "invoice.generated"

NAMES = ("event", "eventName", "event_name", "type", "kind")

KINDS = {
    **{name: name for name, trigger in TRIGGERS.items() if trigger.fetch},
    "account creation": "account.created",
    "customer creation": "customer.created",
    "invoice generation": "invoice.generated",
    "order generation": ORDER,
    "invoice updation": "invoice.updated",
}
"""Names that Togai's pages and our paths use, and the trigger each stands for."""

WITHOUT_TRIGGER = frozenset(
    {
        *("price_plan.created", "proposal.created", "incident.generated", "report.generated"),
        *("price plan creation", "proposal creation", "incident generation", "report generation"),
    }
)
"""Kinds that Togai sends and no flow uses: accepted, with no event."""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def hooks(kind: str, body: bytes) -> Sequence[Hook]:
    """The events of one webhook body. Raises `Undecodable`: the sender should not repeat it as it is."""
    kind = kind.lower()
    if kind != ANY and kind not in KINDS and kind not in WITHOUT_TRIGGER:
        there = ", ".join([*(name for name in TRIGGERS if name in KINDS), ANY])
        raise Undecodable("unknown_trigger", f"no webhook kind {kind!r} of Togai: there are {there}")
    if not body.strip():
        raise Undecodable("empty", "the webhook has no body")
    try:
        decoded = _decode(body)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Undecodable("not_json", f"the webhook's body is no JSON: {error}") from error
    return [hook for part in (decoded if isinstance(decoded, list) else [decoded]) for hook in _hooks(kind, part)]


def _hooks(kind: str, part: Any) -> Iterator[Hook]:
    if not isinstance(part, dict):
        raise Undecodable("wrong_type", f"the webhook holds {type(part).__name__} where an object was expected")
    named, found = _unwrapped(part)
    for one in found:
        trigger = _trigger(kind, named, one)
        if trigger is None:
            continue
        subject = one.get("id")
        if not isinstance(subject, str) or not subject:
            raise Undecodable("no_subject", "the object in the webhook has no id")
        yield Hook(trigger=trigger, subject=subject, data=one, sourceversion=version_of(trigger, one))


def _unwrapped(part: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The name in the body, "" where there is none, and the object or objects it is about."""
    named = ""
    while True:
        named = named or _name(part)
        keys = WRAPPERS if "id" in part else WRAPPERS + NOUNS
        inner = next((part[key] for key in keys if isinstance(part.get(key), dict | list)), None)
        if isinstance(inner, list):
            return named, [one for one in inner if isinstance(one, dict)]
        if inner is None:
            return named, [part]
        part = inner


def _name(part: dict[str, Any]) -> str:
    found = (part.get(key) for key in NAMES)
    return next((one.lower() for one in found if isinstance(one, str) and _known(one.lower())), "")


def _known(name: str) -> bool:
    return name in KINDS or name in WITHOUT_TRIGGER


def _trigger(kind: str, named: str, found: dict[str, Any]) -> str | None:
    """The trigger; None for a kind that no flow uses."""
    for name in (kind, named):
        if name in WITHOUT_TRIGGER:
            return None
        if name in KINDS:
            return ORDER if KINDS[name] == GENERATED and found.get("invoiceClass") == "ORDER" else KINDS[name]
    if "togaiAccountId" in found:
        return "account.created"
    if "invoiceClass" in found:
        if found.get("status") == "DRAFT":
            return "invoice.updated"
        return ORDER if found["invoiceClass"] == "ORDER" else GENERATED
    if "togaiCustomerId" in found:
        return "customer.created"
    if "lineItemRecords" in found:
        return "payment.recorded"
    if "creditAmount" in found:
        return "credit.voided" if found.get("status") == "VOIDED" else "credit.granted"
    raise Undecodable("unknown_trigger", "the webhook names no kind, and its object looks like none that is known")
