"""Quotas: 44, 45 and 1070."""

from __future__ import annotations

import asyncio

import httpx
import msgspec

from pipeline.sandbox.config import ZohoLimits
from pipeline.sandbox.faults import Fault
from tests.sandbox.support import ORGANIZATION, Zoho, code_of


def limit(zoho: Zoho, **limits: float | None) -> None:
    off = {"per_minute": None, "per_day": None, "in_flight": None}
    zoho.books.limits.config = msgspec.convert({**off, **limits}, ZohoLimits)


def test_the_101st_call_in_a_minute_is_44_and_blocks_for_a_while(zoho: Zoho) -> None:
    limit(zoho, per_minute=100, block_seconds=120)
    for _ in range(100):
        assert zoho.call("GET", "settings/taxes").status_code == 200
    assert code_of(zoho.call("GET", "settings/taxes")) == (429, 44)
    zoho.served.clock.advance(61)
    assert code_of(zoho.call("GET", "settings/taxes")) == (429, 44)
    zoho.served.clock.advance(60)
    assert zoho.call("GET", "settings/taxes").status_code == 200
    counts = zoho.served.twin.counts()
    assert (counts["over_quota"], counts["max_in_window"]) == (2, 101)


def test_calls_spread_over_the_window_pass(zoho: Zoho) -> None:
    limit(zoho, per_minute=3)
    for _ in range(6):
        assert zoho.call("GET", "settings/taxes").status_code == 200
        zoho.served.clock.advance(21)


def test_the_daily_quota_is_45_until_midnight_of_the_organisation(zoho: Zoho) -> None:
    limit(zoho, per_day=2)
    first = zoho.call("GET", "settings/taxes")
    assert first.headers["X-Rate-Limit-Limit"] == "2"
    assert first.headers["X-Rate-Limit-Remaining"] == "1"
    zoho.call("GET", "settings/taxes")
    refused = zoho.call("GET", "settings/taxes")
    assert code_of(refused) == (429, 45)
    assert refused.headers["X-Rate-Limit-Remaining"] == "0"
    zoho.served.clock.advance(int(refused.headers["X-Rate-Limit-Reset"]))
    zoho.use(zoho.refresh().json()["access_token"])
    assert zoho.call("GET", "settings/taxes").status_code == 200


async def test_the_call_above_the_number_in_flight_is_1070(zoho: Zoho) -> None:
    limit(zoho, in_flight=3)
    zoho.served.place(Fault(effect="latency", seconds=1, times=None))
    headers = dict(zoho.http.headers)
    async with httpx.AsyncClient(base_url=zoho.served.base_url, headers=headers) as http:
        query = {"organization_id": ORGANIZATION}
        calls = [asyncio.create_task(http.get("/books/v3/settings/taxes", params=query)) for _ in range(4)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert [code_of(task.result()) for task in done] == [(429, 1070)]
        zoho.served.clock.advance(1)
        answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429]
    assert zoho.served.twin.counts()["max_in_flight"] == 4
