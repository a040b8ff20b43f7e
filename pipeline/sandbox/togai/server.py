"""The Togai twin: who may call, how often, and which route answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.config import TogaiConfig
from pipeline.sandbox.http import Reply, Request, Route, Router
from pipeline.sandbox.togai import admin
from pipeline.sandbox.togai.errors import Refusal
from pipeline.sandbox.togai.routes import accounts, credits, customers, invoices, payments, settings
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.twin import Twin


class TogaiTwin(Twin):
    """The Togai API of one tenant, at the root path as Togai's own."""

    name = "togai"

    def __init__(self, config: TogaiConfig, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock, latency=config.latency, window=1.0)
        self.state = State(config, self.clock, self.ledger)
        self._tokens = set(config.tokens)
        self._router: Router[State] = Router(
            (
                *accounts.ROUTES,
                *customers.ROUTES,
                *invoices.ROUTES,
                *settings.ROUTES,
                *payments.ROUTES,
                *credits.ROUTES,
            )
        )

    def admin_routes(self) -> Sequence[Route[Any]]:
        return admin.ROUTES

    def organization_of(self, request: Request) -> str:
        return self.state.config.tenant

    def objects(self) -> dict[str, Any]:
        return self.state.objects()

    def revoke_tokens(self) -> None:
        """The API keys are deactivated; nothing gives new ones but a restart."""
        self._tokens.clear()

    async def start(self) -> None:
        await self.state.hooks.start()

    async def stop(self) -> None:
        await self.state.hooks.stop()

    def admin(self, request: Request) -> Reply:
        try:
            return super().admin(request)
        except Refusal as refusal:
            return admin.refused(refusal)

    def admit(self, request: Request) -> Reply | None:
        try:
            self._admit(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        return None

    def answer(self, request: Request) -> Reply:
        route: Route[State] = request.state
        try:
            return route.handler(self.state, request)
        except Refusal as refusal:
            return self._refused(request, refusal)

    def _admit(self, request: Request) -> None:
        """Leaves the route in `request.state`. Order: token, quota, route."""
        entry = request.entry
        found = self._router.find(request.method, request.segments)
        if found is not None:
            request.state, request.params = found
            entry.kind = request.state.kind
            entry.writing = request.method != "GET"
            if request.params:
                entry.ids[entry.kind.partition(".")[0]] = request.params[0]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            raise Refusal(401, "Unauthorized")
        self.ledger.enter(entry, self.state.config.tenant, request.now)
        self.state.limits.spend(token, request.now)
        if found is None:
            raise Refusal(404, f"No such resource: {request.method} {request.path}")

    @staticmethod
    def _refused(request: Request, refusal: Refusal) -> Reply:
        request.entry.over_quota = refusal.status == 429
        return Reply(refusal.status, {"message": refusal.message})
