"""The error table, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.apps.base import Request, Response
from pipeline.apps.togai.faults import fault
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait

READ = Request("GET", "/accounts/acme")
WRITE = Request("POST", "/settings")


def answer(
    status: int, body: bytes = b'{"message": "no such thing"}', headers: Mapping[str, str] | None = None
) -> Response:
    return Response(status, headers or {}, body)


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (400, Refused, Refused),
        (401, Stopped, Stopped),
        (403, Refused, Refused),
        (404, Refused, Refused),
        (409, Refused, Refused),
        (418, Refused, Refused),
        (422, Refused, Refused),
        (304, Refused, Refused),
        (429, Wait, Wait),
        (500, Retry, InDoubt),
        (502, Retry, InDoubt),
        (503, Retry, InDoubt),
        (504, Retry, InDoubt),
    ],
)
def test_each_status_has_its_error(status: int, read: type[EffectError], write: type[EffectError]) -> None:
    for request, expected in ((READ, read), (WRITE, write)):
        error = fault(request, answer(status))
        assert type(error) is expected
        assert error.code == str(status)


@pytest.mark.parametrize(
    ("status", "cause"), [(400, "invalid"), (403, "forbidden"), (404, "not_found"), (409, "conflict")]
)
def test_a_refusal_has_a_cause_to_group_by(status: int, cause: str) -> None:
    error = fault(WRITE, answer(status))
    assert isinstance(error, Refused)
    assert error.cause == cause


@pytest.mark.parametrize(
    ("headers", "delay", "until"),
    [
        ({}, timedelta(seconds=1), None),
        ({"retry-after": "soon"}, timedelta(seconds=1), None),
        ({"retry-after": "0"}, timedelta(seconds=1), None),
        ({"retry-after": "30"}, timedelta(seconds=30), None),
        ({"retry-after": "Sat, 03 Aug 2024 00:05:00 GMT"}, None, datetime(2024, 8, 3, 0, 5, tzinfo=UTC)),
        ({"retry-after": "Sat, 03 Aug 2024 00:05:00 GMT", "date": "now"}, None, datetime(2024, 8, 3, 0, 5, tzinfo=UTC)),
        (
            {"retry-after": "Sat, 03 Aug 2024 00:05:00 GMT", "date": "Sat, 03 Aug 2024 00:04:00 GMT"},
            timedelta(minutes=1),
            None,
        ),
        (
            {"retry-after": "Sat, 03 Aug 2024 00:05:00 GMT", "date": "Sat, 03 Aug 2024 09:00:00 GMT"},
            timedelta(seconds=1),
            None,
        ),
    ],
)
def test_too_many_calls_wait_as_long_as_the_answer_says(
    headers: dict[str, str], delay: timedelta | None, until: datetime | None
) -> None:
    error = fault(WRITE, answer(429, headers=headers))
    assert isinstance(error, Wait)
    assert (error.delay, error.until, error.scope) == (delay, until, "connection")


def test_a_dead_token_and_a_missing_role_say_what_to_do() -> None:
    assert "Admin Center > API Tokens" in str(fault(READ, answer(401)))
    assert "Administrator" in str(fault(READ, answer(403)))


@pytest.mark.parametrize(
    "body", [b"", b"<html>\n<p>Bad gateway</p>", b'["x"]', b'{"message":\n"a\\nb"}', b"\xff" * 900]
)
def test_an_error_is_one_line_of_bounded_length_whatever_the_body(body: bytes) -> None:
    message = str(fault(READ, answer(400, body)))
    assert "\n" not in message
    assert len(message) < 700
    assert message.startswith("Togai answers 400 to GET /accounts/acme: ")
