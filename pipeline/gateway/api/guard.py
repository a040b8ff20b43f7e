"""No request reaches the control API without the token; none is read further than its limit.

It stands before the routes, not in them: a body is not read, and a path is not known to be there or not, before the
token is known to be right. https://www.rfc-editor.org/rfc/rfc6750
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.gateway.answers import API, problem

MAX_BODY_BYTES = 1024 * 1024
"""Flows with their samples are some kilobytes."""


class Guard:
    """ASGI middleware over every path below `API`, of the routes that there are and of all others."""

    def __init__(self, app: ASGIApp, token: Callable[[], str]) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not _guarded(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["type"] != "http" or not self._genuine(Headers(scope=scope)):
            message = "send the header `Authorization: Bearer TOKEN`; `pipeline api token` prints the token"
            await problem(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)
        else:
            await self._app(scope, _limited(receive), send)

    def _genuine(self, headers: Headers) -> bool:
        """In a time that tells nothing: digests of equal length are compared, whatever was sent."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(_digest(given.strip()), _digest(self._token()))
        return same and scheme.lower() == "bearer"


def _guarded(path: str) -> bool:
    return path == API or path.startswith(f"{API}/")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        return message

    return limited
