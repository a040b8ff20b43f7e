"""Pages of a list. Filters and page size travel in the token, and the last page may carry one that leads to nothing.

https://docs.togai.com/api-reference/pagination
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.togai.client import request
from pipeline.errors import Retry

PER_PAGE = 50


async def page(
    session: Session, listed: str, filters: Mapping[str, str], token: str = "", size: int = PER_PAGE
) -> tuple[list[Mapping[str, Any]], str]:
    """The rows of one page, and the token of the next one, "" after the last. Raises `Retry` for what is no list."""
    query = {"nextToken": token} if token else {**filters, "pageSize": str(size)}
    answer = await session.send(request("GET", listed, query=query))
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise Retry(f"Togai's answer is not a list of {listed}", code="unexpected")
    following = answer.get("nextToken")
    more = rows and isinstance(following, str) and following != token
    return [row for row in rows if isinstance(row, dict)], following if more else ""
