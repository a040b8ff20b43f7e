"""The lease: what a worker that was paused past its session may still send."""

from __future__ import annotations

import asyncio
import time

import pytest

from pipeline.apps.base import Request, Response
from pipeline.sinks.calls import Lease, _Budget, _budget, _Metered
from pipeline.sinks.outcome import NotStarted
from pipeline.sinks.timing import Timing
from tests.sinks.toy import owner


class _Sent:
    """A transport that only counts."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def send(self, base_url: str, request: Request) -> Response:
        self.requests.append(request)
        return Response(200, {}, b"{}")


@pytest.mark.parametrize(("age", "requests"), [(0.0, 1), (4.1, 0)])
async def test_no_request_leaves_once_the_lease_is_over(age: float, requests: int) -> None:
    lease, wire = Lease(4.0), _Sent()
    lease.renew(time.monotonic() - age)
    _budget.set(_Budget(owner(), 1))

    answers = await asyncio.gather(
        _Metered(wire, lease).send("http://127.0.0.1", Request("PUT", "/things")), return_exceptions=True
    )

    assert len(wire.requests) == requests
    assert isinstance(answers[0], NotStarted) == (not requests)


@pytest.mark.parametrize("session", [1.0, 3.0, 6.0, 45.0])
def test_the_lease_ends_before_the_session_can(session: float) -> None:
    timing = Timing(session=session)
    assert timing.lease + timing.heartbeat <= session
