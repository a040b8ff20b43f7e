"""A Togai connection in use: the bearer token, exact JSON both ways, answers sorted into the error tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from pipeline.apps.base import Request, StartupCheck, Transport
from pipeline.apps.survey import Step, survey
from pipeline.apps.togai.connection import TogaiSettings
from pipeline.apps.togai.faults import FORBIDDEN_REMEDY, READS, fault, lost
from pipeline.errors import InDoubt, Refused, Stopped

LISTED = ("accounts", "invoices")
"""What the start-up checks read."""
FORBIDDEN = "403"

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def request(
    method: str, *path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
) -> Request:
    """A call; each part of `path` is escaped on its own (ids may hold slashes), Decimals become JSON numbers."""
    return Request(
        method,
        "/" + "/".join(quote(part, safe="") for part in path),
        query=query or {},
        body=None if body is None else _encode(body),
    )


class TogaiSession:
    """`apps.base.Session` over one transport; Togai has no token endpoint that is needed.

    https://docs.togai.com/api-reference/authentication
    """

    def __init__(self, settings: TogaiSettings, token: str, api: Transport) -> None:
        self._base_url = settings.api
        self._environment = settings.environment
        self._headers = {"Authorization": f"Bearer {token}"}
        self._api = api

    async def send(self, request: Request) -> Any:
        """The decoded answer, None where there is none. Raises the `EffectError`s of `faults`."""
        sent = Request(request.method, request.path, request.query, {**request.headers, **self._headers}, request.body)
        try:
            answer = await self._api.send(self._base_url, sent)
        except InDoubt as error:
            raise lost(request, str(error), code=error.code) from error
        if not 200 <= answer.status < 300:
            raise fault(request, answer)
        if not answer.body:
            if request.method in READS and answer.status != 204:
                raise lost(request, f"Togai's answer {answer.status} to a read is empty", code="empty")
            return None
        said = f"Togai's answer {answer.status} to {request.method} {request.path}"
        try:
            found = _decode(answer.body)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise lost(request, f"{said} is no whole JSON", code="cut") from error
        if isinstance(found, dict) and found.keys() == {"message"}:
            raise lost(request, f"{said} is an error: {found['message']}"[:500], code=str(answer.status))
        return found

    async def check(self) -> Mapping[str, Any]:
        """One small read of accounts, and one of invoices: the token is live and its role reaches both."""
        for listed in LISTED:
            await self._readable(listed)
        return {"environment": self._environment, "base_url": self._base_url}

    async def survey(self) -> Sequence[StartupCheck]:
        """`apps.base.SurveysItself`. What is forbidden here may be allowed there."""
        steps = [Step(listed, f"the API token reads {listed}", partial(self._readable, listed)) for listed in LISTED]
        return await survey(steps, lambda _, error: error.code == FORBIDDEN)

    async def _readable(self, listed: str) -> str:
        try:
            await self.send(request("GET", listed, query={"pageSize": "1"}))
        except Refused as error:
            if error.cause == "forbidden":
                raise Stopped(f"{FORBIDDEN_REMEDY}. It cannot read {listed}", code=error.code) from error
            remedy = f"check environment and base_url of the connection ({self._base_url})"
            raise Stopped(f"{error}; {remedy}", code=error.code) from error
        return ""

    async def close(self) -> None:
        """Nothing is held: the transport belongs to the worker."""
