"""HTTP for apps: one client a connection, and errors sorted by whether the request can have been applied.

httpx's requests and transports are the interface, aiohttp the engine below (`httpx-aiohttp`), at a fifth of the CPU
time a call. httpx's client above them is left out: redirects, cookies, authentication and merged defaults are not
wanted here and cost as much again. The engine's adapter reports a reset as a connect time-out, so what happened is
read from aiohttp's own exception.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import cache, lru_cache
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from pipeline.apps.base import Request, Response
from pipeline.apps.gate import Gate, gated_request
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped

MAX_IN_FLIGHT = 10
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
KEEPALIVE_SECONDS = 4.0
"""Below the five seconds that common servers keep an idle connection, so that we rarely write into a closing one."""

_UNSENDABLE = frozenset("\r\n\0")

NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Refused, no such host, TLS not agreed, no connection in time: the request's first byte did not leave."""


class HttpTransport:
    """A `Transport`. Never shared between connections: their calls would queue behind each other.

    At most `max_in_flight` calls run at once; more wait, and give up as `Retry` after `connect_timeout`. All time-outs
    are seconds; `total_timeout` bounds a call from its first byte to the answer's last. Nothing is sent twice, no
    redirect is followed, no cookie is kept. Exceptions name the method, host and path: no query, header or body.
    Where a `gate` is given and says no right before the first byte of a request, `Withheld` is raised.
    Create it and use it on one event loop, and `close` it there.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        total_timeout: float = 30.0,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        user_agent: str = "togai-zohobooks-pipeline",
        gate: Gate | None = None,
    ) -> None:
        self._total_timeout = total_timeout
        self._max_response_bytes = max_response_bytes
        limits = httpx.Limits(max_connections=max_in_flight, keepalive_expiry=KEEPALIVE_SECONDS)
        self._transport = _SendOnce(limits, gate)
        self._extensions = {"timeout": {"connect": connect_timeout, "read": read_timeout, "pool": connect_timeout}}
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}

    async def send(self, base_url: str, request: Request) -> Response:
        """The answer, whatever its status.

        Raises `Retry` where nothing was sent, `InDoubt` where something may have been, `Refused` for what cannot be
        sent at all, and `Stopped` for a redirect to another host (the address in the settings is wrong).
        """
        target = _target(base_url, request)
        headers = {**self._headers, **_content_type(request), **request.headers}
        try:
            if not _UNSENDABLE.isdisjoint("".join((*headers, *headers.values()))):
                raise ValueError
            url = _url(base_url, request.path, tuple(request.query.items()))
            built = httpx.Request(
                request.method, url, headers=headers, content=request.body, extensions=self._extensions
            )
        except (ValueError, httpx.InvalidURL):
            raise Refused(f"{target}: its address or a header holds characters that HTTP cannot carry") from None
        try:
            async with asyncio.timeout(self._total_timeout):
                response = await self._exchange(built, target)
        except TimeoutError:
            raise InDoubt(f"{target}: no whole answer within {self._total_timeout:g} s", code="timeout") from None
        _refuse_redirect(built, response, target)
        return response

    async def _exchange(self, built: httpx.Request, target: str) -> Response:
        try:
            answer = await self._transport.handle_async_request(built)
            try:
                body = await self._read(answer, target)
            finally:
                await answer.aclose()
        except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _sorted(error, target) from None
        return Response(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)

    async def _read(self, answer: httpx.Response, target: str) -> bytes:
        """The body, unpacked; raises `InDoubt` past the limit, which also stops a compressed bomb."""
        parts = bytearray()
        async for part in answer.aiter_bytes():
            parts += part
            if len(parts) > self._max_response_bytes:
                raise InDoubt(f"{target}: the answer is larger than {self._max_response_bytes} bytes", code="too_large")
        return bytes(parts)

    async def close(self) -> None:
        await self._transport.aclose()


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are trusted: loading them takes tens of milliseconds, so once a process."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=1024)
def _url(base_url: str, path: str, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    """Parsed once: most calls of a connection go to a handful of addresses."""
    url = httpx.URL(base_url.rstrip("/") + path)
    return url.copy_with(params=dict(query)) if query else url


class _SendOnce(AiohttpTransport):
    """aiohttp would send a GET, PUT or DELETE again by itself when a kept connection turns out to be closed.

    That call would escape the quota and repeat an effect whose fate is unknown, so it is switched off; aiohttp has no
    public switch for it (its own test client sets the same attribute).
    """

    def __init__(self, limits: httpx.Limits, gate: Gate | None) -> None:
        super().__init__(verify=_trust(), limits=limits)
        self._request_class = aiohttp.ClientRequest if gate is None else gated_request(gate)

    def get_client(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self.limits.max_connections or MAX_IN_FLIGHT,
            keepalive_timeout=self.limits.keepalive_expiry,
            ssl=self.ssl_context,
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), request_class=self._request_class
        )
        session._retry_connection = False
        return session


def _sorted(error: BaseException, target: str) -> EffectError:
    """The error to raise for what the engine raised. Its own text is left out: it may hold the URL's query."""
    cause = error.__cause__ or error
    name = type(cause).__name__
    if isinstance(cause, NEVER_SENT):
        return Retry(f"{target}: no connection ({name})", code="connect")
    return InDoubt(f"{target}: the connection failed before the whole answer came ({name})", code="connection")


def _refuse_redirect(built: httpx.Request, response: Response, target: str) -> None:
    if not 300 <= response.status < 400 or "location" not in response.headers:
        return
    try:
        there = built.url.join(response.headers["location"])
    except httpx.InvalidURL:
        there = httpx.URL("")
    if (there.scheme, there.host, there.port) != (built.url.scheme, built.url.host, built.url.port):
        raise Stopped(
            f"{target}: answered with a redirect to {there.host or 'an invalid address'}, which is not followed; "
            "set the address of the connection to the right host",
            code=str(response.status),
        )


def _content_type(request: Request) -> dict[str, str]:
    return {} if request.body is None else {"Content-Type": request.content_type}


def _target(base_url: str, request: Request) -> str:
    parts = urlsplit(base_url)
    return f"{request.method} {parts.hostname}{request.path.partition('?')[0]}"
