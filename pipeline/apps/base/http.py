"""One HTTP exchange, as sessions and transports see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is absolute on the API host; secrets travel in headers or body, never in `query`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request to `base_url` and gives the answer, whatever its status.

    Raises `Retry` where the request surely was not sent, `InDoubt` where it was or may have been.
    """

    async def send(self, base_url: str, request: Request) -> Response: ...
