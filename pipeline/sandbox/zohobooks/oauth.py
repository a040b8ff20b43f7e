"""The accounts server: self client codes, refresh tokens and access tokens, with their limits.

Rules from Zoho's OAuth pages (self client, token limits): a code works once and for three minutes; an access token
lives an hour; ten live access tokens a refresh token, the eleventh kills the oldest; twenty refresh tokens a user; ten
token requests in ten minutes. Errors come as HTTP 200, only the throttle as 400.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.config import OAuthClient
from pipeline.sandbox.http import Reply, Request
from pipeline.sandbox.window import Window

CODE_SECONDS = 180.0
ACCESS_SECONDS = 3600
LIVE_ACCESS_TOKENS = 10
REFRESH_TOKENS = 20
REQUESTS = 10
REQUEST_WINDOW = 600.0


@dataclass(slots=True)
class Grant:
    client_id: str
    scopes: frozenset[str]
    expires: float


@dataclass(slots=True)
class Refresh:
    number: int
    token: str
    client_id: str
    scopes: frozenset[str]
    requests: Window = field(default_factory=lambda: Window(REQUEST_WINDOW))
    access: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Access:
    scopes: frozenset[str]
    expires: float

    def allows(self, scope: str) -> bool:
        """`scope` is ``<module>.<VERB>``; the module's ALL and fullaccess contain it."""
        module = scope.partition(".")[0]
        return not self.scopes.isdisjoint((f"ZohoBooks.{scope}", f"ZohoBooks.{module}.ALL", "ZohoBooks.fullaccess.all"))


class OAuth:
    """Codes and tokens of the twin's one user."""

    def __init__(self, clients: Iterable[OAuthClient], clock: Clock) -> None:
        self._clients = {client.id: client.secret for client in clients}
        self._clock = clock
        self._codes: dict[str, Grant] = {}
        self._refresh: OrderedDict[str, Refresh] = OrderedDict()
        self._access: dict[str, Access] = {}
        self._made = 0
        self._granted = 0

    def grant(self, client_id: str, scopes: Iterable[str], seconds: float = CODE_SECONDS) -> str:
        """What "Generate Code" of the API console gives. Raises KeyError for an unknown client."""
        if client_id not in self._clients:
            raise KeyError(f"no such client: {client_id}")
        code = self._make("code")
        self._codes[code] = Grant(client_id, frozenset(scopes), self._clock.now() + seconds)
        return code

    def access(self, token: str) -> Access | None:
        """What a live access token may do; None for a dead one."""
        access = self._access.get(token)
        return access if access and access.expires > self._clock.now() else None

    def revoke_access(self) -> None:
        """All access tokens die; refresh tokens stay."""
        self._access.clear()
        for refresh in self._refresh.values():
            refresh.access.clear()

    def revoke_refresh(self) -> None:
        """All refresh tokens die, as when a person revokes the client."""
        self.revoke_access()
        self._refresh.clear()

    def revoke(self, token: str) -> None:
        """One refresh token dies, with its access tokens. Raises KeyError for one that is not alive."""
        for access in self._refresh.pop(token).access:
            self._access.pop(access, None)

    def live_access_tokens(self) -> int:
        now = self._clock.now()
        return sum(access.expires > now for access in self._access.values())

    def refresh_tokens(self) -> int:
        return len(self._refresh)

    def number(self, token: str) -> int:
        """Which refresh token it is, counted from 1; 0 for one that is not alive."""
        refresh = self._refresh.get(token)
        return refresh.number if refresh else 0

    def about(self, request: Request) -> dict[str, str]:
        """What the ledger may know of a token request: no secret."""
        given = _given(request)
        number = self.number(given.get("refresh_token", ""))
        return {"grant_type": given.get("grant_type", "")[:40], "refresh_token": f"#{number}"}

    def token(self, request: Request) -> Reply:
        """``POST /oauth/v2/token``. Parameters in the form body, or in the query as Zoho also takes them."""
        given = _given(request)
        client_id = given.get("client_id", "")
        secret = self._clients.get(client_id)
        if secret is None:
            return _error("invalid_client")
        if given.get("client_secret") != secret:
            return _error("invalid_client_secret")
        match given.get("grant_type"):
            case "authorization_code":
                return self._exchange(client_id, given.get("code", ""), request.base_url)
            case "refresh_token":
                return self._renew(client_id, given.get("refresh_token", ""), request.base_url)
            case _:
                return _error("unsupported_grant_type")

    def _exchange(self, client_id: str, code: str, base_url: str) -> Reply:
        grant = self._codes.pop(code, None)
        if grant is None or grant.client_id != client_id or grant.expires <= self._clock.now():
            return _error("invalid_code")
        self._granted += 1
        refresh = Refresh(self._granted, self._make("refresh"), client_id, grant.scopes)
        self._refresh[refresh.token] = refresh
        if len(self._refresh) > REFRESH_TOKENS:
            _, oldest = self._refresh.popitem(last=False)
            for token in oldest.access:
                self._access.pop(token, None)
        return self._answer(refresh, base_url, refresh_token=refresh.token)

    def _renew(self, client_id: str, token: str, base_url: str) -> Reply:
        refresh = self._refresh.get(token)
        if refresh is None or refresh.client_id != client_id:
            return _error("invalid_code")
        if refresh.requests.count(self._clock.now()) >= REQUESTS:
            return Reply(
                400,
                {
                    "error_description": "You have made too many requests continuously. "
                    "Please try again after some time.",
                    "error": "Access Denied",
                    "status": "failure",
                },
            )
        return self._answer(refresh, base_url)

    def _answer(self, refresh: Refresh, base_url: str, **more: str) -> Reply:
        now = self._clock.now()
        refresh.requests.add(now)
        token = self._make("access")
        self._access[token] = Access(refresh.scopes, now + ACCESS_SECONDS)
        refresh.access.append(token)
        if len(refresh.access) > LIVE_ACCESS_TOKENS:
            self._access.pop(refresh.access.pop(0), None)
        body = {
            "access_token": token,
            **more,
            "scope": " ".join(sorted(refresh.scopes)),
            "api_domain": base_url,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
        }
        return Reply(200, body)

    def _make(self, kind: str) -> str:
        self._made += 1
        digest = hashlib.sha256(f"{kind}/{self._made}/{self._clock.now()}".encode()).hexdigest()
        return f"1000.{digest[:32]}.{digest[32:]}"


def _given(request: Request) -> dict[str, str]:
    return {**request.query, **dict(parse_qsl(request.body.decode("utf-8", "replace")))}


def _error(name: str) -> Reply:
    return Reply(200, {"error": name})
