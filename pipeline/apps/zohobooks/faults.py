"""What an answer of Zoho Books means: data, or the error that says what to do.

Success is a 2xx with ``code`` 0. `message` is display text in the user's language: HTTP status and code decide.
https://www.zoho.com/books/api/v3/errors/ and https://www.zoho.com/books/api/v3/introduction/ (limits)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pipeline.apps.base import DayQuota, Response
from pipeline.apps.zohobooks.connection import CALLS_PER_DAY, SCOPES
from pipeline.apps.zohobooks.wire import decode
from pipeline.clock import utc
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait

TOO_LONG = "15"
BLOCKED = "44"
DAY_SPENT = "45"
ITEM_EXISTS = "1001"
UNAUTHORIZED = "57"
INTERNAL = "1000"
NOT_FOUND = "1002"
IN_FLIGHT = "1070"
NAME_EXISTS = "3062"
NUMBER_MISMATCH = "4097"
LIMITS = (BLOCKED, DAY_SPENT, IN_FLIGHT)

ONE_TOO_MANY = timedelta(seconds=2)

REMEDIES = {
    TOO_LONG: "shorten the value at its source",
    ITEM_EXISTS: "use the item that exists",
    NOT_FOUND: "it was deleted in Zoho Books, or belongs to another organization",
    NAME_EXISTS: "rename one of the two, or set the connection's name_collision to suffix",
    NUMBER_MISMATCH: "switch auto-generation off in Zoho Books (the gear beside Invoice#), or use number: auto",
}
CAUSES = {ITEM_EXISTS: "conflict", NAME_EXISTS: "conflict", NOT_FOUND: "not_found"}

NOT_ALLOWED = (
    "Zoho Books refuses a fresh token (401, code {code}): a scope is missing (needed: {scopes}), the Zoho user of the "
    "Self Client may not do this in the organization, or organization_id or data_center is wrong"
)


def read_answer(response: Response, *, writes: bool, now: float, block: float = 65.0) -> Any:
    """The decoded answer of a call that succeeded; else raises the `EffectError` for it.

    `writes`: the call may have had an effect, so an unusable answer leaves it in doubt. `now` is POSIX time. A 401
    comes here only after a new token was tried. `block`: the least to wait after a 44, in seconds; a minute is the
    least that can help, and each further 44 waits as long.
    """
    try:
        answer = decode(response.body) if response.body else None
    except ValueError:
        answer = None
    code = _code(answer)
    if 200 <= response.status < 300 and code == "0":
        return answer
    if response.status == 429 or code in LIMITS:
        raise _limited(response, code, now, block)
    raise _error(response, answer, code, writes=writes)


def not_allowed(response: Response) -> Stopped:
    """For a 401 of a token that is new: it was never good for anything."""
    try:
        code = _code(decode(response.body))
    except ValueError:
        code = ""
    return _unauthorized(code)


def _unauthorized(code: str) -> Stopped:
    """It isn't the token: a new one was tried."""
    return Stopped(NOT_ALLOWED.format(code=code or "none", scopes=", ".join(SCOPES)), code=code or "401")


def _error(response: Response, answer: Any, code: str, *, writes: bool) -> EffectError:
    status = response.status
    if status == 401 or code == UNAUTHORIZED:
        return _unauthorized(code)
    if status >= 500 or (status < 300 and code in ("", INTERNAL)):
        lost = f"Zoho Books answered HTTP {status} {_shape(response, code)}"
        return InDoubt(lost, code=code or str(status)) if writes else Retry(lost, code=code or str(status))
    if status < 400 and not code:
        return Stopped(f"Zoho Books answered with a redirect (HTTP {status}): check api_url", code=str(status))
    if not code:
        return Retry(f"not from Zoho Books itself: HTTP {status} {_shape(response, code)}", code=str(status))
    return _refused(code, _message(answer))


def _limited(response: Response, code: str, now: float, block: float) -> Wait:
    """44 blocks the organisation for a while, 45 until its day ends, 1070 is one call too many at once."""
    if code == IN_FLIGHT:
        return Wait("too many calls at once (1070)", code=code, delay=ONE_TOO_MANY, scope="call")
    asked = _seconds(response, "retry-after")
    if code == DAY_SPENT:
        reset = asked or _seconds(response, "x-rate-limit-reset")
        until = utc(now + reset) if reset else _tomorrow(utc(now))
        return Wait("the organization's calls of the day are spent (45)", code=code, until=until)
    return Wait(
        f"Zoho Books blocks the organization: too many calls in a minute ({code or 429})",
        code=code or "429",
        delay=timedelta(seconds=max(block, asked)),
    )


def _refused(code: str, message: str) -> Refused:
    """Any other 4xx is final, as is an error code in a 200: the same call would meet it again."""
    cause = CAUSES.get(code, "conflict" if "already exists" in message.lower() else "invalid")
    remedy = REMEDIES.get(code)
    return Refused(f"Zoho Books: {message} (code {code})" + (f"; {remedy}" if remedy else ""), code=code, cause=cause)


def day_quota(headers: Mapping[str, str]) -> DayQuota | None:
    """``X-Rate-Limit-*``. A limit below every plan's is one of another span: the headers are not documented."""
    try:
        limit, left = int(headers["x-rate-limit-limit"]), int(headers["x-rate-limit-remaining"])
    except (KeyError, ValueError):
        return None
    return DayQuota(limit, left) if limit >= min(CALLS_PER_DAY.values()) and 0 <= left <= limit else None


def _code(answer: Any) -> str:
    """The body's code as text; "" where the body is not Zoho's."""
    code = answer.get("code") if isinstance(answer, dict) else None
    return "" if code is None or isinstance(code, bool | dict | list) else str(code)


def _message(answer: dict[str, Any]) -> str:
    return str(answer.get("message") or "no message")[:500]


def _shape(response: Response, code: str) -> str:
    if code:
        return f"(code {code})"
    if not response.body:
        return "with an empty body"
    return "with a page" if response.body.lstrip()[:1] == b"<" else "with a body that is not whole"


def _seconds(response: Response, header: str) -> float:
    value = response.headers.get(header, "")
    return float(value) if value.isascii() and value.isdigit() else 0.0


def _tomorrow(now: datetime) -> datetime:
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
