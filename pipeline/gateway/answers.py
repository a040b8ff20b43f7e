"""Answers of the gateway: one JSON shape for what was accepted, one for what was not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from fastapi import Request, Response

from pipeline.gateway.intake import Rejected


class Refusal(Exception):
    """Nothing of the request was accepted. `errors` name the events of a batch by index."""

    def __init__(
        self, status: int, code: str, message: str, *, errors: Sequence[Rejected] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.errors, self.retry_after = status, code, tuple(errors), retry_after


def json_answer(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def accepted(ids: Sequence[str]) -> Response:
    """202: the brokers have it. The ids are those under which results and decisions will name the events."""
    return json_answer(202, {"accepted": len(ids), "ids": ids})


async def refused(_: Request, error: Exception) -> Response:
    """The handler of `Refusal`."""
    if not isinstance(error, Refusal):
        raise error
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
    body = {"accepted": 0, "code": error.code, "message": str(error), "errors": error.errors}
    return json_answer(error.status, body, headers)
