"""The Zoho Books twin: who may call, within which quota, and which route answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.config import ZohoBooksConfig
from pipeline.sandbox.http import Reply, Request, Route, Router
from pipeline.sandbox.twin import Twin
from pipeline.sandbox.zohobooks import admin
from pipeline.sandbox.zohobooks.errors import NO_SUCH_URL, UNAUTHENTICATED, Refusal, unauthorized
from pipeline.sandbox.zohobooks.oauth import Access
from pipeline.sandbox.zohobooks.routes import contacts, creditnotes, customerpayments, invoices, items, settings
from pipeline.sandbox.zohobooks.state import Books, State

API = ("books", "v3")
TOKEN = ("oauth", "v2", "token")
SCHEME = "Zoho-oauthtoken "


class ZohoBooksTwin(Twin):
    """Accounts server (``/oauth/v2/token``) and Books API (``/books/v3``) of one user's organisations."""

    name = "zohobooks"

    def __init__(self, config: ZohoBooksConfig, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock, latency=config.latency, window=60.0)
        self.state = State(config, self.clock, self.ledger)
        self._router: Router[Books] = Router(
            (
                *settings.ROUTES,
                *contacts.ROUTES,
                *invoices.ROUTES,
                *customerpayments.ROUTES,
                *creditnotes.ROUTES,
                *items.ROUTES,
            ),
            prefix="books/v3",
        )

    async def start(self) -> None:
        for books in self.state.organizations.values():
            await books.hooks.start()

    async def stop(self) -> None:
        for books in self.state.organizations.values():
            await books.hooks.stop()

    def admin_routes(self) -> Sequence[Route[Any]]:
        return admin.ROUTES

    def organization_of(self, request: Request) -> str:
        return request.query.get("organization_id", "")

    def objects(self) -> dict[str, Any]:
        return self.state.objects()

    def revoke_tokens(self) -> None:
        self.state.oauth.revoke_access()

    def admit(self, request: Request) -> Reply | None:
        if request.segments == TOKEN and request.method == "POST":
            request.entry.kind = "oauth.token"
            request.entry.ids |= self.state.oauth.about(request)
            return None
        try:
            self._admit(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        return None

    def answer(self, request: Request) -> Reply:
        if request.entry.kind == "oauth.token":
            return self.state.oauth.token(request)
        try:
            reply = self._answer(request)
        except Refusal as refusal:
            return self._refused(request, refusal)
        if isinstance(request.state, tuple):
            reply.headers |= request.state[0].limits.headers(request.now)
        return reply

    def by_hand(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A person's doing in the UI: as the call of that path, without token, scope and quota. No call of the app: its
        kind in the ledger is ``person.…``, and it is not counted as writing.

        Raises KeyError for an unknown organisation or path.
        """
        books = self.state.organizations[query["organization_id"]]
        found = self._router.find(method, (*API, *path.split("/")))
        if found is None:
            raise KeyError(path)
        route, params = found
        now = self.clock.now()
        entry = self.ledger.open(method, f"/{'/'.join(API)}/{path}", query, {}, now)
        entry.kind, entry.organization = f"person.{route.kind}", books.config.id
        call = Request(method, path, (), query, headers or {}, body, "", entry, now, params)
        try:
            reply: Reply = route.handler(books, call)
        except Refusal as refusal:
            reply = Reply(refusal.status, {"code": refusal.code, "message": refusal.message}, code=refusal.code)
        self.ledger.close(entry, reply.status, reply.code, self.clock.now())
        return reply

    def _admit(self, request: Request) -> None:
        """Leaves (organisation, route) in `request.state`. Order: token, organisation, quota, route, scope."""
        entry = request.entry
        if request.segments[:2] != API:
            raise Refusal(404, NO_SUCH_URL, "Invalid URL Passed")
        found = self._router.find(request.method, request.segments)
        if found is not None:
            route, request.params = found
            entry.kind = route.kind
            entry.writing = request.method != "GET"
        access = self._access(request)
        if request.segments == (*API, "organizations") and request.method == "GET":
            entry.kind = "organizations.list"
            if not access.allows("settings.READ"):
                raise unauthorized()
            return
        books = self.state.organizations.get(request.query.get("organization_id", ""))
        if books is None:
            raise unauthorized()
        self.ledger.enter(entry, books.config.id, request.now)
        request.state = (books, None)
        books.limits.spend(request.now, entry.in_flight)
        if found is None:
            raise Refusal(404, NO_SUCH_URL, "Invalid URL Passed")
        if not access.allows(route.scope):
            raise unauthorized()
        request.state = (books, route)

    def _answer(self, request: Request) -> Reply:
        """The token is looked at once more: it may have died while the call took its time."""
        self._access(request)
        if request.state is None:
            return settings.organizations(list(self.state.organizations.values()))
        books, route = request.state
        entry = request.entry
        if request.params:
            entry.ids[route.pattern.partition("/")[0]] = request.params[0]
        reply: Reply = route.handler(books, request)
        return reply

    def _access(self, request: Request) -> Access:
        header = request.headers.get("authorization", "")
        if not header.startswith(SCHEME):
            raise Refusal(401, UNAUTHENTICATED, "The request could not be authenticated: no valid Authorization header")
        access = self.state.oauth.access(header.removeprefix(SCHEME))
        if access is None:
            raise unauthorized()
        return access

    def _refused(self, request: Request, refusal: Refusal) -> Reply:
        request.entry.over_quota = refusal.status == 429
        books = request.state[0] if isinstance(request.state, tuple) else None
        headers = books.limits.headers(request.now) if books else {}
        return Reply(refusal.status, {"code": refusal.code, "message": refusal.message}, headers, code=refusal.code)
