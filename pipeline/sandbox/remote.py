"""A hand on a twin in another process, over its ``/_twin`` routes: for demos, and tests that kill things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import httpx
import msgspec

from pipeline.sandbox.config import Hook, ZohoHook, ZohoLimits
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.scenario import Expected
from pipeline.sandbox.wire import Json, decode, encode
from pipeline.sandbox.zohobooks.hooks import HookFaults


class Remote:
    """What both twins offer. Raises httpx.HTTPError where the twin is away or refuses."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._client = httpx.Client(base_url=f"{base_url}/_twin", timeout=30.0)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def counts(self) -> Json:
        """Totals of calls and objects (`Twin.counts`)."""
        counts: Json = self.send("GET", "counts")
        return counts

    def ledger(self, since: int = 0, *, writes: bool = False) -> list[Json]:
        """The entries after sequence number `since`."""
        entries: list[Json] = self.send("GET", f"ledger?since={since}&writes={int(writes)}")["entries"]
        return entries

    def place(self, fault: Fault) -> int:
        """Place a fault; gives its number."""
        return int(self.send("POST", "faults", msgspec.json.encode(fault))["id"])

    def faults_served(self) -> dict[str, int]:
        """How many requests were really served by faults, by their names."""
        served: dict[str, int] = self.send("GET", "faults")["served"]
        return served

    def clear_faults(self) -> None:
        self.send("DELETE", "faults")

    def set_latency(self, seconds: float) -> None:
        self.send("POST", "latency", msgspec.json.encode({"seconds": seconds}))

    def advance(self, seconds: float) -> None:
        """Move the twin's clock on."""
        self.send("POST", "clock", msgspec.json.encode({"seconds": seconds}))

    def revoke_tokens(self) -> None:
        self.send("POST", "tokens/revoke")

    def send(self, method: str, path: str, body: bytes = b"") -> Any:
        """Any ``/_twin`` route, for what has no method here."""
        answer = self._client.request(method, f"/{path}", content=body)
        answer.raise_for_status()
        return decode(answer.content)


class RemoteZohoBooks(Remote):
    """The Zoho Books twin."""

    def grant_code(self, client_id: str, scopes: Sequence[str] = (), seconds: float = 180) -> str:
        """A self client code, as "Generate Code" of the API console; without scopes, all that the twin knows."""
        body = {"client_id": client_id, "scopes": list(scopes), "seconds": seconds}
        return str(self.send("POST", "codes", msgspec.json.encode(body))["code"])

    def set_limits(self, organization_id: str, limits: ZohoLimits) -> None:
        self.send("PUT", f"organizations/{organization_id}/limits", msgspec.json.encode(limits))

    def add_hook(self, organization_id: str, hook: ZohoHook) -> None:
        self.send("POST", f"organizations/{organization_id}/hooks", msgspec.json.encode(hook))

    def hook_faults(self, organization_id: str, faults: HookFaults) -> None:
        """Lose, repeat and reorder webhooks from now on."""
        self.send("PUT", f"organizations/{organization_id}/hooks/faults", msgspec.json.encode(faults))

    def flush_hooks(self, organization_id: str) -> None:
        """Send what is held back."""
        self.send("POST", f"organizations/{organization_id}/hooks/flush")

    def hook_counters(self, organization_id: str) -> dict[str, int]:
        counters: dict[str, int] = self.send("GET", f"organizations/{organization_id}/hooks")["counters"]
        return counters

    def by_hand(self, organization_id: str, method: str, path: str, body: Any = None) -> Json:
        """What a person does in the UI: the answer of the API call below ``/books/v3`` that does the same."""
        given = {"method": method, "path": path, "body": body}
        answer: Json = self.send("POST", f"organizations/{organization_id}/person", encode(given))
        return answer

    def objects(self, organization_id: str, module: str) -> list[Json]:
        """Every record of ``contacts``, ``invoices``, … as it stands, at no quota."""
        records: list[Json] = self.send("GET", f"organizations/{organization_id}/{module}")["objects"]
        return records


class RemoteTogai(Remote):
    """The Togai twin."""

    def add_hook(self, hook: Hook) -> None:
        self.send("POST", "hooks", msgspec.json.encode(hook))

    def demo(self) -> Expected:
        """Run the demo's month; gives what must arrive in Zoho Books."""
        return msgspec.convert(self.send("POST", "scenario/demo"), Expected)

    def bulk(self, accounts: int, invoices: int, *, seed: int = 1) -> Expected:
        body = msgspec.json.encode({"accounts": accounts, "invoices": invoices, "seed": seed})
        return msgspec.convert(self.send("POST", "scenario/bulk", body), Expected)
