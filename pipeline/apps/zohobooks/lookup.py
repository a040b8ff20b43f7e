"""Lists as a look-up: all pages of a filter, and no trust in the filter.

Zoho ignores a filter that it does not know without a word, and some match loosely; so whoever asks compares each row.
https://www.zoho.com/books/api/v3/contacts/ and https://www.zoho.com/books/api/v3/invoices/ (list filters)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused, Retry

PER_PAGE = 200
PAGES = 2
"""Of a look-up: more rows than that under one name or number, and the filter is not heeded."""
FILTER_LENGTH = 100
"""Characters that a filter takes."""


async def listed(
    session: Session, settings: ZohoBooksSettings, module: str, field: str, value: str
) -> list[Mapping[str, Any]]:
    """The rows of a module that Zoho gives for `field` = `value`, unverified; at most `PAGES` calls.

    Raises `Refused` where there are more: what cannot be looked through must not be created either.
    """
    name = field if len(value) <= FILTER_LENGTH else f"{field}_startswith"
    rows: list[Mapping[str, Any]] = []
    for page in range(1, PAGES + 1):
        query = {name: value[:FILTER_LENGTH], "page": str(page), "per_page": str(PER_PAGE)}
        answer = await session.send(request(settings, "GET", module, query={**query, "filter_by": "Status.All"}))
        found = answer.get(module)
        if not isinstance(found, list):
            raise Retry(f"Zoho Books answered a list of {module} without the list", code="no_list")
        rows += [row for row in found if isinstance(row, dict)]
        context = answer.get("page_context")
        if not (isinstance(context, dict) and context.get("has_more_page")):
            return rows
    raise Refused(
        f"Zoho Books lists more than {PAGES * PER_PAGE} {module} for {field} {value!r}: it cannot be told whether the "
        "object is there. Add the unique custom field, then redrive",
        cause="conflict",
        code="look_up",
    )


def same_name(one: str, other: str) -> bool:
    """Whether Zoho may take two names for one: letters alike but for case, accents and blanks."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).split())


def ids_of(rows: list[Mapping[str, Any]], id_field: str) -> str:
    """For a message."""
    return ", ".join(text(row, id_field) for row in rows[:5])
