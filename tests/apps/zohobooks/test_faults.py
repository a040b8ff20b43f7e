"""The error table: what each answer of Zoho Books makes a caller do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.apps.base import Request, Response
from pipeline.apps.zohobooks.faults import read_answer
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait
from pipeline.sandbox import faults
from tests.apps.zohobooks.support import ORGANIZATION, Zoho

NOW = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)


def error(status: int, body: str, headers: dict[str, str] | None = None, *, writes: bool = True) -> EffectError:
    with pytest.raises(EffectError) as caught:
        read_answer(Response(status, headers or {}, body.encode()), writes=writes, now=NOW.timestamp())
    return caught.value


def said(code: int, message: str = "text in any language") -> str:
    return f'{{"code":{code},"message":"{message}"}}'


@pytest.mark.parametrize("status", [200, 201])
def test_success_is_a_2xx_with_code_0_and_money_is_exact(status: int) -> None:
    body = b'{"code":0,"invoice":{"total":0.1,"invoice_id":982000000567114}}'
    answer = read_answer(Response(status, {}, body), writes=True, now=0)
    assert answer["invoice"] == {"total": Decimal("0.1"), "invoice_id": 982000000567114}


@pytest.mark.parametrize(
    ("status", "code", "cause", "remedy"),
    [
        (400, 15, "invalid", "shorten the value"),
        (400, 1001, "conflict", "item that exists"),
        (404, 1002, "not_found", "was deleted in Zoho Books"),
        (400, 1002, "not_found", "was deleted in Zoho Books"),
        (400, 3062, "conflict", "name_collision"),
        (400, 4097, "invalid", "auto-generation"),
        (400, 108004, "invalid", "text in any language"),
        (405, 37, "invalid", "text in any language"),
        (200, 3062, "conflict", "name_collision"),
    ],
)
@pytest.mark.parametrize("writes", [True, False])
def test_what_zoho_refuses_for_good_is_refused_with_its_words_and_a_remedy(
    status: int, code: int, cause: str, remedy: str, writes: bool
) -> None:
    refused = error(status, said(code), writes=writes)
    assert isinstance(refused, Refused)
    assert (refused.cause, refused.code) == (cause, str(code))
    assert "text in any language" in str(refused)
    assert remedy in str(refused)


def test_a_duplicate_under_an_unknown_code_is_a_conflict_by_its_text() -> None:
    refused = error(400, said(900002, "The number already exists."))
    assert isinstance(refused, Refused)
    assert refused.cause == "conflict"


def test_a_block_keeps_the_whole_connection_waiting_for_more_than_a_minute() -> None:
    waits = error(429, said(44))
    assert isinstance(waits, Wait)
    assert waits.scope == "connection"
    assert waits.delay
    assert timedelta(seconds=60) < waits.delay < timedelta(minutes=3)


def test_a_block_that_names_a_longer_time_is_believed() -> None:
    waits = error(429, said(44), {"retry-after": "300"})
    assert isinstance(waits, Wait)
    assert waits.delay == timedelta(seconds=300)


def test_the_least_to_wait_after_a_block_is_a_setting() -> None:
    with pytest.raises(Wait) as caught:
        read_answer(Response(429, {}, said(44).encode()), writes=True, now=NOW.timestamp(), block=0.5)
    assert caught.value.delay == timedelta(seconds=0.5)


def test_a_spent_day_waits_until_the_reset_that_zoho_names() -> None:
    waits = error(429, said(45), {"x-rate-limit-reset": "7200"})
    assert isinstance(waits, Wait)
    assert (waits.scope, waits.until) == ("connection", NOW + timedelta(hours=2))


@pytest.mark.parametrize("headers", [{}, {"x-rate-limit-reset": "soon"}, {"x-rate-limit-reset": "0"}])
def test_a_spent_day_without_a_reset_waits_until_the_next_day(headers: dict[str, str]) -> None:
    waits = error(429, said(45), headers)
    assert isinstance(waits, Wait)
    assert waits.until == datetime(2026, 1, 2, tzinfo=UTC)


def test_one_call_too_many_at_once_waits_shortly_and_alone() -> None:
    waits = error(429, said(1070))
    assert isinstance(waits, Wait)
    assert waits.scope == "call"
    assert waits.delay
    assert waits.delay < timedelta(seconds=10)


@pytest.mark.parametrize("body", ["", "<html>slow down</html>", "{}"])
def test_a_429_without_a_code_blocks_like_44(body: str) -> None:
    waits = error(429, body)
    assert isinstance(waits, Wait)
    assert waits.scope == "connection"


@pytest.mark.parametrize("body", [said(57), said(14), "", "<html/>"])
def test_a_401_of_a_new_token_stops_the_connection(body: str) -> None:
    assert isinstance(error(401, body), Stopped)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, said(1000)),
        (500, ""),
        (502, "<html>Bad Gateway</html>"),
        (503, said(9)),
        (200, ""),
        (200, "<html>login</html>"),
        (200, '{"code":0,"invoice":{"inv'),
        (201, "[]"),
        (200, '{"invoice":{}}'),
        (200, said(1000)),
        (200, '{"code":0,"total":1e99999999999999999999}'),
        (200, "[" * 100_000),
    ],
)
def test_an_unusable_answer_leaves_a_write_in_doubt_and_a_read_to_be_repeated(status: int, body: str) -> None:
    assert isinstance(error(status, body, writes=True), InDoubt)
    assert isinstance(error(status, body, writes=False), Retry)


def test_a_4xx_that_is_not_from_zoho_itself_had_no_effect() -> None:
    assert isinstance(error(403, "<html>proxy</html>"), Retry)


def test_a_redirect_stops_the_connection() -> None:
    assert isinstance(error(302, ""), Stopped)


READ = Request("GET", "/books/v3/contacts", query={"organization_id": ORGANIZATION})
WRITE = Request("POST", READ.path, query=READ.query, body=b'{"contact_name":"Acme"}')


@pytest.mark.parametrize(
    ("fault", "of_write", "of_read"),
    [
        (faults.blocked(path="/books/*"), Wait, Wait),
        (faults.bad_gateway(path="/books/*"), InDoubt, Retry),
        (faults.server_error(path="/books/*"), InDoubt, Retry),
        (faults.empty_200(path="/books/*"), InDoubt, Retry),
        (faults.refused_in_200(1002, "gone", path="/books/*"), Refused, Refused),
        (faults.Fault(effect="cut", path="/books/*"), InDoubt, Retry),
        (faults.Fault(effect="lose_answer", path="/books/*"), InDoubt, Retry),
        (faults.Fault(effect="reset", path="/books/*"), InDoubt, Retry),
    ],
    ids=lambda value: value.effect if isinstance(value, faults.Fault) else "",
)
async def test_faults_on_the_wire_end_in_the_same_classes(
    zoho: Zoho, fault: faults.Fault, of_write: type[EffectError], of_read: type[EffectError]
) -> None:
    session = await zoho.session()
    for call, kind in ((WRITE, of_write), (READ, of_read)):
        zoho.served.call(zoho.served.faults.clear)
        zoho.served.place(fault)
        with pytest.raises(EffectError) as caught:
            await session.send(call)
        assert type(caught.value) is kind


async def test_the_twins_own_limits_are_understood(zoho: Zoho) -> None:
    session = await zoho.session()
    for _ in range(100):
        await session.send(READ)
    with pytest.raises(Wait, match="blocks the organization") as caught:
        await session.send(READ)
    assert caught.value.code == "44"
