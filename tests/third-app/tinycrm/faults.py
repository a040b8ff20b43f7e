"""The error table: what an answer that is no success means for the call that got it.

| answer | a read | a write |
| --- | --- | --- |
| 401, 403 | `Stopped`: the key is of no use | the same |
| 429 | `Wait`, by `Retry-After` | the same |
| other 3xx and 4xx | `Refused` | the same |
| 5xx, an answer cut off | `Retry` | `InDoubt`: it may have been applied |
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from pipeline.apps.base import Request, Response
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait

CAUSES = {404: "not_found", 409: "conflict"}


def fault(request: Request, answer: Response) -> EffectError:
    status, code = answer.status, str(answer.status)
    said = f"the CRM answers {status} to {request.method} {request.path}: {_error(answer.body)}"
    if status in (401, 403):
        return Stopped(f"make a new key in Settings > API and set it as api_key. {said}", code=code)
    if status == 429:
        named = answer.headers.get("retry-after", "")
        return Wait(said, code=code, delay=timedelta(seconds=int(named) if named.isdecimal() else 1))
    if status >= 500:
        return lost(request, said, code=code)
    return Refused(said, code=code, cause=CAUSES.get(status, "invalid"))


def lost(request: Request, message: str, *, code: str = "") -> EffectError:
    """A call whose answer is of no use: a read can be repeated, a write may have had its effect."""
    return Retry(message, code=code) if request.method == "GET" else InDoubt(message, code=code)


def _error(body: bytes) -> str:
    """The CRM's own words, or the start of what came instead."""
    try:
        found = msgspec.json.decode(body)["error"]
    except (ValueError, TypeError, LookupError, RecursionError):
        found = body[:200].decode(errors="replace")
    return " ".join(str(found).split())[:300] or "no message"
