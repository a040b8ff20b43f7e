"""What the server needs of a twin, and what both twins share: ledger, faults, clock and the ``/_twin`` routes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.sandbox.clock import Clock, RealClock
from pipeline.sandbox.faults import Fault, Faults
from pipeline.sandbox.http import Reply, Request, Route, Router
from pipeline.sandbox.ledger import Ledger


class Twin(ABC):
    """An app's double. All methods run on the server's loop, so state needs no locks.

    A call goes through `admit` (who asks, within which quota), `answer` (carry it out) and `leave` (no longer in
    flight); the server puts latency and faults between those.
    """

    name: str

    def __init__(self, *, clock: Clock | None = None, latency: float = 0.0, window: float = 60.0) -> None:
        self.clock: Clock = clock or RealClock()
        self.ledger = Ledger(window)
        self.faults = Faults()
        self.latency = latency
        self._admin: Router[Twin] = Router((*_SHARED, *self.admin_routes()), prefix="_twin")

    @abstractmethod
    def organization_of(self, request: Request) -> str:
        """Whose call it claims to be, unchecked: faults and the ledger go by it."""

    @abstractmethod
    def admit(self, request: Request) -> Reply | None:
        """Check the caller, the quota and the route; a reply is a refusal. Must not change any object."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Carry out an admitted call."""

    @abstractmethod
    def objects(self) -> dict[str, Any]:
        """Counts of what exists, and ``duplicates``: objects that share what should be one object's key."""

    @abstractmethod
    def revoke_tokens(self) -> None:
        """Every live access token dies."""

    def admin_routes(self) -> Sequence[Route[Any]]:
        """Routes of this twin below ``/_twin``."""
        return ()

    def leave(self, request: Request) -> None:
        """The call is over; a call that was never admitted may come here too."""
        self.ledger.leave(request.entry)

    async def start(self) -> None:  # noqa: B027 - most twins have nothing to start
        """The server's loop runs."""

    async def stop(self) -> None:  # noqa: B027
        """The server is going down."""

    def counts(self) -> dict[str, Any]:
        """The ledger's totals and the objects there are."""
        return {**self.ledger.counts(), **self.objects()}

    def admin(self, request: Request) -> Reply:
        """Serve a ``/_twin`` request: a test's or a user's hand on the twin, not a call of the app."""
        found = self._admin.find(request.method, request.segments)
        if found is None:
            return Reply(404, {"message": f"no such twin route: {request.method} {request.path}"})
        route, request.params = found
        try:
            return route.handler(self, request)
        except (ValueError, KeyError, msgspec.MsgspecError) as error:
            return Reply(400, {"message": f"{type(error).__name__}: {error}"})


def _ledger(twin: Twin, request: Request) -> Reply:
    since = int(request.query.get("since", "0"))
    writes = request.query.get("writes", "") in ("1", "true")
    entries = [entry.public() for entry in twin.ledger.since(since, writes=writes)]
    return Reply(200, {"entries": entries, "last": len(twin.ledger.entries)})


def _counts(twin: Twin, request: Request) -> Reply:
    return Reply(200, twin.counts())


def _place_fault(twin: Twin, request: Request) -> Reply:
    return Reply(201, {"id": twin.faults.place(msgspec.json.decode(request.body, type=Fault))})


def _list_faults(twin: Twin, request: Request) -> Reply:
    hits = {str(number): hits for number, hits in twin.faults.hits().items()}
    return Reply(200, {"hits": hits, "served": dict(twin.faults.served)})


def _clear_faults(twin: Twin, request: Request) -> Reply:
    twin.faults.clear()
    return Reply(200, {})


def _remove_fault(twin: Twin, request: Request) -> Reply:
    twin.faults.remove(int(request.params[0]))
    return Reply(200, {})


def _advance(twin: Twin, request: Request) -> Reply:
    twin.clock.advance(float(request.json()["seconds"]))
    return Reply(200, {"now": twin.clock.now()})


def _latency(twin: Twin, request: Request) -> Reply:
    twin.latency = float(request.json()["seconds"])
    return Reply(200, {"seconds": twin.latency})


def _revoke(twin: Twin, request: Request) -> Reply:
    twin.revoke_tokens()
    return Reply(200, {})


def _health(twin: Twin, request: Request) -> Reply:
    return Reply(200, {"twin": twin.name, "now": twin.clock.now()})


_SHARED: tuple[Route[Any], ...] = (
    Route("GET", "health", "health", _health),
    Route("GET", "ledger", "ledger", _ledger),
    Route("GET", "counts", "counts", _counts),
    Route("POST", "faults", "faults.place", _place_fault),
    Route("GET", "faults", "faults.list", _list_faults),
    Route("DELETE", "faults", "faults.clear", _clear_faults),
    Route("DELETE", "faults/{}", "faults.remove", _remove_fault),
    Route("POST", "clock", "clock.advance", _advance),
    Route("POST", "latency", "latency.set", _latency),
    Route("POST", "tokens/revoke", "tokens.revoke", _revoke),
)
