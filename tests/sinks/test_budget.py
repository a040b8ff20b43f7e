"""The calls of one attempt: those reserved for it, and no more."""

from __future__ import annotations

import time

import pytest

from pipeline.apps.base import Request, Response
from pipeline.sinks.calls import Lease, _Budget, _budget, _Metered
from pipeline.sinks.outcome import Interrupted
from tests.sinks.toy import owner


class _Answers:
    async def send(self, base_url: str, request: Request) -> Response:
        return Response(200, {}, b"{}")


async def test_an_attempt_makes_no_more_calls_than_were_reserved_for_it() -> None:
    lease = Lease(4.0)
    lease.renew(time.monotonic())
    budget = _Budget(owner(), 2)
    _budget.set(budget)
    metered = _Metered(_Answers(), lease)
    for _ in range(2):
        await metered.send("http://127.0.0.1", Request("PUT", "/things"))
    with pytest.raises(Interrupted):
        await metered.send("http://127.0.0.1", Request("PUT", "/things"))
    assert (budget.made, budget.left) == (2, 0)
