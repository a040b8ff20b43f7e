"""A twin of the CRM: companies under unique external ids, signed webhooks, and the sandbox's ledger and faults."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import httpx

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.http import Reply, Request, Route, Router
from pipeline.sandbox.twin import Twin
from pipeline.sandbox.wire import Json, encode

KEY = "crm-key-0123456789"
SIGNING_KEY = b"a signing key of the CRM, of 32 bytes"[:32]
SECRET = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
SHAPE = {"name": 120, "email": 100, "phone": 50, "currency": 3, "country": 2, "stage": 20}
"""What a company may hold, and how long each text may be."""


class CrmTwin(Twin):
    """`companies` by the CRM's id, each as its API gives it."""

    name = "tinycrm"

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.companies: dict[str, Json] = {}
        self.keys = {KEY}
        self._router: Router[CrmTwin] = Router(ROUTES, prefix="v1")

    def organization_of(self, request: Request) -> str:
        return "workspace"

    def objects(self) -> dict[str, Any]:
        keys = [company["external_id"] for company in self.companies.values() if company["external_id"]]
        return {"companies": len(self.companies), "duplicates": len(keys) - len(set(keys))}

    def revoke_tokens(self) -> None:
        self.keys.clear()

    def admit(self, request: Request) -> Reply | None:
        found = self._router.find(request.method, request.segments)
        if found is not None:
            request.state, request.params = found
            request.entry.kind, request.entry.writing = request.state.kind, request.method != "GET"
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            return Reply(401, {"error": "unknown key"})
        self.ledger.enter(request.entry, "workspace", request.now)
        return None if found else Reply(404, {"error": "no such resource"})

    def answer(self, request: Request) -> Reply:
        reply: Reply = request.state.handler(self, request)
        return reply

    def save(self, fields: Json, *, id_: str = "", external_id: str = "") -> Json:
        """Add a company, or replace what the one of `id_` holds; what changes nothing is no new revision."""
        before = self.companies.get(id_, {"id": f"co_{len(self.companies) + 1}", "external_id": external_id})
        kept = {name: before[name] for name in ("id", "external_id")}
        after = {**dict.fromkeys(SHAPE, ""), "stage": "customer", **fields, **kept}
        if before.get("revision", 0) and after == {name: before[name] for name in after}:
            return before
        after["revision"] = before.get("revision", 0) + 1
        self.companies[after["id"]] = after
        return after


def me(twin: CrmTwin, request: Request) -> Reply:
    return Reply(200, {"workspace": "Sales"})


def get(twin: CrmTwin, request: Request) -> Reply:
    found = twin.companies.get(request.params[0])
    return Reply(200, found) if found else Reply(404, {"error": f"no company {request.params[0]}"})


def put(twin: CrmTwin, request: Request) -> Reply:
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not body.get("name"):
        return Reply(422, {"error": "a company needs a name"})
    for name, value in body.items():
        if name not in SHAPE or not isinstance(value, str) or len(value) > SHAPE[name]:
            return Reply(422, {"error": f"{name} is no field of a company, or too long"})
    key = request.params[0]
    before = next((each for each in twin.companies.values() if each["external_id"] == key), None)
    after = twin.save(body, id_=before["id"] if before else "", external_id=key)
    done = "created" if before is None else "unchanged" if after is before else "updated"
    request.applied(done, "companies", after["id"], key=key, name=after["name"])
    return Reply(201 if before is None else 200, after)


ROUTES: tuple[Route[CrmTwin], ...] = (
    Route("GET", "me", "me", me),
    Route("GET", "companies/{}", "companies.get", get),
    Route("PUT", "companies/external/{}", "companies.upsert", put),
)


def signed(company: Json, *, key: bytes = SIGNING_KEY) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the webhook that the CRM sends about a company: Standard Webhooks."""
    body = encode({"type": "company.saved", "data": company})
    id_, at = f"msg_{company['id']}_{company['revision']}", str(int(time.time()))
    made = hmac.digest(key, b".".join((id_.encode(), at.encode(), body)), hashlib.sha256)
    signature = "v1," + base64.b64encode(made).decode()
    return body, {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": signature}


def tell(url: str, company: Json, *, key: bytes = SIGNING_KEY) -> int:
    """Send that webhook; gives the status of the answer."""
    body, headers = signed(company, key=key)
    headers["content-type"] = "application/json"
    return httpx.post(url, content=body, headers=headers).status_code
