"""Tokens: a self client code becomes a refresh token once, a refresh token an access token each hour.

Zoho answers most failures with HTTP 200 and words them in the user's language, so only HTTP status, the machine words
(``invalid_…``) and the presence of fields decide. It allows 10 token requests in 10 minutes a refresh token, and blocks
for longer while one keeps trying. https://www.zoho.com/accounts/protocol/oauth/self-client/overview.html and
https://www.zoho.com/accounts/protocol/oauth/token-limits.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from copy import copy
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from pipeline.apps.base import Request, Response, Token, TokenStore, Transport
from pipeline.apps.webhook_secrets import webhook_secrets
from pipeline.apps.zohobooks.connection import SCOPES, SECRETS, ZohoBooksSettings
from pipeline.apps.zohobooks.wire import decode
from pipeline.clock import utc
from pipeline.errors import EffectError, InDoubt, Retry, Stopped, Wait

WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9]{12,50}")
CLIENT = ("client_id", "client_secret")
TOKEN_PATH = "/oauth/v2/token"  # noqa: S105 - a path
EARLY_SECONDS = 300.0
"""A token is replaced this long before its end, so that no call meets the end on its way."""
MOST_REQUESTS = 8
REQUEST_WINDOW_SECONDS = 600.0
LONGEST_PAUSE = 64.0
"""Seconds between two token requests that failed: 1 at first, then twice as long each time; this where Zoho refused."""

NEEDED = (
    *(f"ZohoBooks.{module}.{verb}" for module in ("contacts", "invoices") for verb in ("CREATE", "READ", "UPDATE")),
    "ZohoBooks.settings.READ",
)

GIVE_IT = "and give it by `pipeline connections rotate`, or in the file by `pipeline apply`"
REMEDIES = {
    "invalid_client": "the Client ID is not known at {accounts}: check client_id, and that data_center is the one "
    "where the Self Client was made",
    "invalid_client_secret": "the Client Secret is wrong: copy it again from the Self Client of the API console",
    "invalid_code": "the {what} is not valid (a code works once and for some minutes; a refresh token ends when it "
    "is revoked; both only at their own data centre, here {accounts}): make a new one with 'Generate Code' in the "
    f"Self Client of the API console, {GIVE_IT}",
}


async def exchange(settings: ZohoBooksSettings, secrets: Mapping[str, str], transport: Transport) -> dict[str, str]:
    """Turn the self client code into what is kept: client, refresh token and the API host that Zoho names.

    Raises `Stopped` with what to do where Zoho refuses, `Wait` where it throttles, `Retry` where the accounts server
    cannot be reached or answered with no answer of its own.
    """
    code, refresh_token = secrets.get("self_client_code", ""), secrets.get("refresh_token", "")
    client = {name: secrets.get(name, "") for name in CLIENT}
    if missing := _missing(secrets):
        raise Stopped(f"missing: {', '.join(missing)}; Self Client of the Zoho API console, tab 'Generate Code'")
    for name, message in secret_faults(secrets):
        raise Stopped(f"{name}: {message}")
    if code:
        grant = {"grant_type": "authorization_code", **client, "code": code}
        answer = await _ask(settings, transport, grant, "self_client_code")
    else:
        grant = {"grant_type": "refresh_token", **client, "refresh_token": refresh_token}
        answer = {"refresh_token": refresh_token, **await _ask(settings, transport, grant, "refresh_token")}
    _check_scopes(answer)
    if not answer.get("refresh_token"):
        raise Stopped("Zoho gave no refresh token for this code: generate it in a Self Client, not in another client")
    kept = {**client, "refresh_token": str(answer["refresh_token"]), "api_domain": api_domain(answer)}
    kept["webhook_secret"] = secrets.get("webhook_secret", "")
    return {name: value for name, value in kept.items() if value}


def secret_faults(secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """`apps.base.ChecksSecrets`."""
    faults = [(name, f"is missing: {SECRETS[name]}") for name in _missing(secrets)]
    if any(not WEBHOOK_SECRET.fullmatch(secret) for secret in webhook_secrets(secrets.get("webhook_secret", ""))):
        faults.append(("webhook_secret", "Zoho takes 12 to 50 letters and digits; several have a comma between them"))
    return faults


def _missing(secrets: Mapping[str, str]) -> list[str]:
    code = [] if secrets.get("self_client_code") or secrets.get("refresh_token") else ["self_client_code"]
    return [*(name for name in CLIENT if not secrets.get(name)), *code]


class TokenHolder:
    """The one holder of a connection's access token: whoever needs a token waits for the same request.

    Where that request gives none, it gave none to all who waited, and the connection waits before it asks again: each
    call asking on its own would spend the requests of ten minutes in a second.
    `tokens` keeps it, and counts the requests of all owners, across restarts.
    """

    def __init__(
        self,
        *,
        settings: ZohoBooksSettings,
        secrets: Mapping[str, str],
        transport: Transport,
        tokens: TokenStore,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._transport = transport
        self._tokens = tokens
        self._now = now
        self._lock = asyncio.Lock()
        self._requests = 0
        self._failures = 0
        self._failure: EffectError | None = None
        self._not_before = 0.0

    async def get(self) -> str:
        """An access token with life left. A failing refresh matters only once the old token is really over."""
        held = self._tokens.load()
        if held and held.expires - self._now() > EARLY_SECONDS:
            return held.value
        seen = self._requests
        async with self._lock:
            held = self._tokens.load()
            if held and held.expires - self._now() > EARLY_SECONDS:
                return held.value
            try:
                return await self._refresh(seen)
            except Wait:
                if held and held.expires - self._now() > EARLY_SECONDS / 10:
                    return held.value
                raise

    async def replace(self, rejected: str) -> str:
        """Another token than `rejected`, which the API did not take: the one that was got meanwhile, or a new one."""
        seen = self._requests
        async with self._lock:
            held = self._tokens.load()
            if held and held.value != rejected:
                return held.value
            self._tokens.save(None)
            return await self._refresh(seen)

    async def _refresh(self, seen: int) -> str:
        """`seen` is how many requests there had been when the caller began to wait: one made since was its own, too."""
        if self._failure is not None and (self._requests != seen or self._now() < self._not_before):
            raise copy(self._failure)
        self._requests += 1
        self._failure = None
        try:
            token = await self._request()
        except Retry as error:
            self._not_before = self._now() + min(LONGEST_PAUSE, 2.0**self._failures)
            self._failures += 1
            self._failure = Wait(str(error), code=error.code, until=utc(self._not_before))
            raise self._failure from None
        except EffectError as error:
            if not isinstance(error, Wait):
                self._not_before = self._now() + LONGEST_PAUSE
            self._failure = error
            raise
        self._failures = 0
        return token

    async def _request(self) -> str:
        now = self._now()
        recent = sorted(at for at in self._tokens.refreshes() if now - at < REQUEST_WINDOW_SECONDS)
        if len(recent) >= MOST_REQUESTS:
            raise Wait(
                f"{len(recent)} token requests in ten minutes: Zoho blocks above ten",
                code="token_requests",
                until=utc(recent[-MOST_REQUESTS] + REQUEST_WINDOW_SECONDS),
            )
        self._tokens.refreshed(now)
        grant = {
            "grant_type": "refresh_token",
            **{name: self._secrets.get(name, "") for name in ("client_id", "client_secret", "refresh_token")},
        }
        answer = await _ask(self._settings, self._transport, grant, "refresh_token")
        token = Token(str(answer["access_token"]), now + _seconds(answer))
        self._tokens.save(token)
        return token.value


async def _ask(
    settings: ZohoBooksSettings, transport: Transport, grant: Mapping[str, str], what: str
) -> Mapping[str, Any]:
    """One token request; secrets go in the form body. A lost answer is a `Retry`: no object depends on it."""
    request = Request(
        "POST", TOKEN_PATH, body=urlencode(grant).encode(), content_type="application/x-www-form-urlencoded"
    )
    try:
        response = await transport.send(settings.accounts, request)
    except InDoubt as error:
        raise Retry(f"no token: {error}", code=error.code) from None
    throttle = settings.throttle_seconds
    return read_answer(response, accounts=settings.accounts, what=what.replace("_", " "), throttle=throttle)


def read_answer(response: Response, *, accounts: str, what: str, throttle: float = 630.0) -> Mapping[str, Any]:
    """The answer of the token endpoint, if it holds an access token; else the error to raise.

    `throttle`: how long to wait after "Access Denied", in seconds: Zoho blocks for the rest of its ten minutes.
    """
    host = urlsplit(accounts).hostname or accounts
    try:
        answer = decode(response.body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Retry(
            f"{host} answered HTTP {response.status} without JSON instead of a token", code=str(response.status)
        )
    error = str(answer.get("error") or "")
    if error.startswith("invalid_"):
        remedy = REMEDIES.get(error, f"make a new code with 'Generate Code' in the Self Client, {GIVE_IT}")
        raise Stopped(f"Zoho says {error}: {remedy.format(accounts=host, what=what)}", code=error)
    if response.status == 429 or (response.status == 400 and ("error_description" in answer or "status" in answer)):
        raise Wait(f"{host} throttles token requests", code="token_throttled", delay=timedelta(seconds=throttle))
    if response.status >= 500:
        raise Retry(f"{host} answered HTTP {response.status} instead of a token", code=str(response.status))
    if error:
        raise Stopped(f"Zoho gives no token: {error[:100]}; make a new code, {GIVE_IT}", code=error[:100])
    if not answer.get("access_token"):
        raise Retry(f"{host} answered HTTP {response.status} without an access token", code=str(response.status))
    return answer


def api_domain(answer: Mapping[str, Any]) -> str:
    """The API host that the token's answer names, if it is one of Zoho's: the token is sent to no other."""
    domain = str(answer.get("api_domain") or "")
    parts = urlsplit(domain)
    named = parts.scheme == "https" and (parts.hostname or "").startswith("www.zohoapis.")
    return domain if named else ""


def _seconds(answer: Mapping[str, Any]) -> float:
    """How long the token lives: an hour unless Zoho says less."""
    try:
        return min(3600.0, float(answer.get("expires_in_sec") or answer.get("expires_in") or 3600))
    except (TypeError, ValueError):
        return 3600.0


def _check_scopes(answer: Mapping[str, Any]) -> None:
    """Raises `Stopped` for the scopes that are missing, where Zoho lists what it granted."""
    granted = set(str(answer.get("scope") or "").replace(",", " ").split())
    if not granted or "ZohoBooks.fullaccess.all" in granted:
        return
    missing = [scope for scope in NEEDED if not {scope, f"{scope.rpartition('.')[0]}.ALL"} & granted]
    if missing:
        raise Stopped(
            f"the code lacks {', '.join(missing)}: generate a new one with the scopes {','.join(SCOPES)}", code="scope"
        )
