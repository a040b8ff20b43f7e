"""A connection in use: the key, JSON both ways, answers sorted into the error tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from pipeline.apps.base import Request, Transport
from pipeline.errors import InDoubt, Refused, Stopped
from tinycrm.connection import TinyCrmSettings
from tinycrm.faults import fault, lost


def request(method: str, *path: str, body: Mapping[str, Any] | None = None) -> Request:
    """A call below ``/v1``; each part of `path` is escaped on its own."""
    parts = "/".join(quote(part, safe="") for part in path)
    return Request(method, f"/v1/{parts}", body=None if body is None else msgspec.json.encode(body))


class TinyCrmSession:
    """`apps.base.Session`."""

    def __init__(self, settings: TinyCrmSettings, key: str, api: Transport) -> None:
        self._base_url = settings.base_url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._api = api

    async def send(self, request: Request) -> Any:
        """The decoded answer. Raises the `EffectError`s of `faults`."""
        sent = Request(request.method, request.path, request.query, self._headers, request.body)
        try:
            answer = await self._api.send(self._base_url, sent)
        except InDoubt as error:
            raise lost(request, str(error), code=error.code) from error
        if not 200 <= answer.status < 300:
            raise fault(request, answer)
        try:
            return msgspec.json.decode(answer.body)
        except (ValueError, RecursionError) as error:
            raise lost(request, f"the CRM's answer to {request.path} is no whole JSON", code="cut") from error

    async def check(self) -> Mapping[str, Any]:
        """One read: the address is right and the key is live."""
        try:
            return {"workspace": (await self.send(request("GET", "me")))["workspace"]}
        except (Refused, LookupError, TypeError) as error:
            raise Stopped(f"there is no CRM at {self._base_url}: check base_url of the connection") from error

    async def close(self) -> None:
        """Nothing is held: the transport belongs to the worker."""
