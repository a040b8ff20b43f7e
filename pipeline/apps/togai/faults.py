"""The error table: what an answer that is no success means for the call that got it.

| answer | a read | a write |
| --- | --- | --- |
| 401 | `Stopped`: further tries with a dead token lock the whole IP address out | the same |
| 429 | `Wait`, by `Retry-After` where it is given | the same |
| 400, 403, 404, 409, 422, other 3xx and 4xx | `Refused`: nothing will change by itself | the same |
| 5xx, an answer cut off | `Retry` | `InDoubt`: Togai documents no idempotency key, it may have been applied |

Togai's error body is `{"message": …}`, with no code of its own: https://docs.togai.com/openapi.yaml, `ErrorResponse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from pipeline.apps.base import Request, Response
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait

READS = frozenset({"GET", "HEAD"})
WINDOW = timedelta(seconds=1)
"""Togai counts calls by the second; what to wait where a 429 names no time."""

UNAUTHORIZED_REMEDY = (
    "Togai does not accept the API token: make a new one in Admin Center > API Tokens > Generate new token,"
    " and set it as api_token of the connection"
)
FORBIDDEN_REMEDY = (
    "Togai forbids it to the API token: accounts and settings need the role Developer, invoices the role Product"
    " Manager, both together Administrator (Admin Center)"
)

_CAUSES = {403: "forbidden", 404: "not_found", 409: "conflict", 422: "invalid", 400: "invalid"}


def fault(request: Request, answer: Response) -> EffectError:
    """The error of an answer whose status is no success."""
    status, code = answer.status, str(answer.status)
    said = f"Togai answers {status} to {request.method} {request.path}: {_message(answer)}"
    if status == 401:
        return Stopped(f"{UNAUTHORIZED_REMEDY}. {said}", code=code)
    if status == 429:
        return _wait(said, answer.headers)
    if status >= 500:
        return lost(request, said, code=code)
    if status == 403:
        return Refused(f"{FORBIDDEN_REMEDY}. {said}", code=code, cause="forbidden")
    return Refused(said, code=code, cause=_CAUSES.get(status, "unexpected"))


def lost(request: Request, message: str, *, code: str = "") -> EffectError:
    """A call whose answer is of no use: a read can be repeated, a write may have had its effect."""
    return Retry(message, code=code) if request.method in READS else InDoubt(message, code=code)


def _wait(said: str, headers: Mapping[str, str]) -> Wait:
    named = headers.get("retry-after", "").strip()
    if named.isdigit() and len(named) < 7:
        return Wait(said, code="429", delay=max(WINDOW, timedelta(seconds=int(named))))
    until, said_at = _date(named), _date(headers.get("date", ""))
    if until is None:
        return Wait(said, code="429", delay=WINDOW)
    if said_at is None:
        return Wait(said, code="429", until=until)
    return Wait(said, code="429", delay=max(WINDOW, until - said_at))


def _date(header: str) -> datetime | None:
    """An HTTP date. Togai's clock need not be ours: only the time between two of its dates is relied on."""
    try:
        found = parsedate_to_datetime(header)
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC)


def _message(answer: Response) -> str:
    """Togai's own words on one line, or the start of what came instead."""
    try:
        found = msgspec.json.decode(answer.body)["message"]
    except (ValueError, TypeError, LookupError, RecursionError):
        found = answer.body[:200].decode(errors="replace")
    return " ".join(str(found).split())[:500] or "no message"
