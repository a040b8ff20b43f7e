"""The twin's webhooks: what workflow rules of an organisation tell of its changes, signed, at most once.

Zoho publishes no time-out and no retry scheme, and users report silent drops, so a delivery that fails is gone. The
body is the record as it was after the change, without the name of the event. The signature is over the pairs of query
and form, sorted and joined, and any other body. https://www.zoho.com/books/help/automation/workflow-actions/webhooks.html
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import msgspec

from pipeline.sandbox.config import ZohoHook
from pipeline.sandbox.wire import Json, encode

TIMEOUT = 5.0
AT_ONCE = 16
SIGNATURE = "X-Zoho-Webhook-Signature"
NOUNS = {
    "contacts": "contact",
    "invoices": "invoice",
    "customerpayments": "customer_payment",
    "creditnotes": "creditnote",
}
STATUSES = {
    "contacts": {"inactive": "contact.inactive"},
    "invoices": {
        "sent": "invoice.sent",
        "paid": "invoice.paid",
        "partially_paid": "invoice.partially_paid",
        "void": "invoice.voided",
    },
    "creditnotes": {"void": "credit_note.voided"},
}
CREATED = {
    "contacts": "contact.created",
    "invoices": "invoice.created",
    "customerpayments": "payment.recorded",
    "creditnotes": "credit_note.created",
}
UPDATED = {"contacts": "contact.updated", "invoices": "invoice.updated"}
DELETED = {"customerpayments": "payment.deleted"}


class HookFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chances that an event is dropped or sent twice; `reorder` events are held back and sent in a drawn order."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: int = 0
    seed: int = 1


class Delivery(msgspec.Struct, frozen=True):
    """One request that is to be made."""

    url: str
    body: bytes
    headers: dict[str, str]


class Hooks:
    """The webhooks of one organisation, and what became of their deliveries."""

    def __init__(self, organization_id: str, hooks: list[ZohoHook]) -> None:
        self.hooks = list(hooks)
        self.queued = 0
        self.delivered = 0
        self.refused = 0
        self.failed = 0
        self.dropped = 0
        self._organization_id = organization_id
        self._waiting: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._running = False
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self.set_faults(HookFaults())

    def set_faults(self, faults: HookFaults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - repeatable chance, not a secret

    def changed(self, module: str, before: Json | None, after: Json | None) -> None:
        """A record of a module is another now: `before` and `after` the change."""
        kind = kind_of(module, before, after)
        record = after or before
        if kind and record is not None:
            self.emit(kind, NOUNS[module], record)

    def emit(self, kind: str, noun: str, record: Json) -> None:
        """Tell all hooks of this kind of a record as it is now."""
        for hook in self.hooks:
            if hook.kind not in (kind, "*"):
                continue
            if self._random.random() < self._faults.drop:
                self.dropped += 1
                continue
            copies = 2 if self._random.random() < self._faults.duplicate else 1
            payload = {noun: record, "organization_id": self._organization_id}
            self._waiting.extend([delivery(hook, kind, payload)] * copies)
            self.queued += copies
        if len(self._waiting) > self._faults.reorder:
            self.flush()

    def flush(self) -> None:
        """Send what waits. Before the server runs, events stay queued."""
        if not self._running or not self._waiting:
            return
        self._session = self._session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        waiting, self._waiting = self._waiting, []
        if self._faults.reorder:
            self._random.shuffle(waiting)
        for each in waiting:
            task = asyncio.get_running_loop().create_task(self._deliver(self._session, each))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        self._running = True
        self.flush()

    async def stop(self) -> None:
        """What is on its way is cut off."""
        self._running = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def counters(self) -> dict[str, Any]:
        """`queued` = delivered + refused (answered by no 2xx) + failed + those still waiting or under way."""
        return {
            "queued": self.queued,
            "delivered": self.delivered,
            "refused": self.refused,
            "failed": self.failed,
            "dropped": self.dropped,
            "waiting": len(self._waiting) + len(self._tasks),
        }

    async def _deliver(self, session: aiohttp.ClientSession, each: Delivery) -> None:
        async with self._at_once:
            try:
                async with session.post(each.url, data=each.body, headers=each.headers) as answer:
                    await answer.read()
                    accepted = answer.status < 300
            except (aiohttp.ClientError, TimeoutError):
                self.failed += 1
                return
        self.delivered += accepted
        self.refused += not accepted


def kind_of(module: str, before: Json | None, after: Json | None) -> str:
    """The event that a change is; "" for one that no rule tells of."""
    if before is None:
        return CREATED.get(module, "")
    if after is None:
        return DELETED.get(module, "")
    status = str(after.get("status", ""))
    if status != before.get("status") and status in STATUSES.get(module, {}):
        return STATUSES[module][status]
    if status == "partially_paid" and before.get("balance") != after.get("balance"):
        return STATUSES[module][status]
    return UPDATED.get(module, "") if _content(before) != _content(after) else ""


def delivery(hook: ZohoHook, kind: str, payload: Json) -> Delivery:
    """The request of a webhook."""
    url = hook.url.replace("{kind}", kind)
    form = hook.body != "default"
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    if form:
        sent = _pairs(hook, payload)
        pairs += sent
        body, content_type = urlencode(sent).encode(), "application/x-www-form-urlencoded"
    else:
        body, content_type = encode(payload), "application/json"
    headers = {"Content-Type": content_type}
    if hook.secret:
        signed = "".join(name + value for name, value in sorted(pairs)).encode() + (b"" if form else body)
        headers[SIGNATURE] = hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    return Delivery(url, body, headers)


def _pairs(hook: ZohoHook, payload: Json) -> list[tuple[str, str]]:
    if hook.body == "jsonstring":
        return [("JSONString", encode(payload).decode())]
    (noun, record), organization = next(iter(payload.items())), payload["organization_id"]
    return [(noun, encode(record).decode()), ("organization_id", str(organization))]


def _content(record: Json) -> Json:
    return {name: value for name, value in record.items() if name != "last_modified_time"}
