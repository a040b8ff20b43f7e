"""Answers of the gateway: one JSON shape for what was accepted, one for what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from fastapi import Request, Response

from pipeline.gateway.intake import Rejected

API = "/api"
"""Below it is the control API."""


class Refusal(Exception):
    """Nothing of the request was accepted. `errors` name the events of a batch by index."""

    def __init__(
        self, status: int, code: str, message: str, *, errors: Sequence[Rejected] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.errors, self.retry_after = status, code, tuple(errors), retry_after


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, dict(headers or {}), "application/json")


def problem(
    status: int,
    code: str,
    message: str,
    *,
    errors: Sequence[object] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    """What was not accepted: `code` is stable and for programs, `message` for people; each of `errors` has a place."""
    body = {**(more or {}), "code": code, "message": message, "errors": errors}
    return json_answer(status, body, headers)


def accepted(ids: Sequence[str]) -> Response:
    """202: the brokers have it. The ids are those under which results and decisions will name the events."""
    return json_answer(202, {"accepted": len(ids), "ids": ids})


async def refused(request: Request, error: Exception) -> Response:
    """The handler of `Refusal`. Senders are told that nothing was accepted; to the control API nothing is sent."""
    if not isinstance(error, Refusal):
        raise error
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    more = {} if request.url.path.startswith(f"{API}/") else {"accepted": 0}
    return problem(error.status, error.code, str(error), errors=error.errors, headers=headers, more=more)
