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
from pipeline.apps.zohobooks.modules import Module
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import Refused, Retry

PER_PAGE = 200
PAGES = 2
"""Of a look-up: more rows than that under one name or number, and the filter is not heeded."""
CANDIDATES = 4
"""Objects of one reference that are read whole to see whose they are."""
LOOK_UP = PAGES + CANDIDATES
"""Calls of `ours`, at the most."""
EVERY: Mapping[str, Mapping[str, str]] = {module: {"filter_by": "Status.All"} for module in ("contacts", "invoices")}
"""Inactive and void ones, too."""
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
        query = {name: value[:FILTER_LENGTH], "page": str(page), "per_page": str(PER_PAGE), **EVERY.get(module, {})}
        answer = await session.send(request(settings, "GET", module, query=query))
        rows += rows_of(answer, module)
        if not has_more(answer):
            return rows
    raise Refused(
        f"Zoho Books lists more than {PAGES * PER_PAGE} {module} for {field} {value!r}: it cannot be told whether the "
        "object is there. Add the unique custom field, then redrive",
        cause="conflict",
        code="look_up",
    )


def rows_of(answer: Any, module: str) -> list[Mapping[str, Any]]:
    """The rows of a list, under whatever name: pages differ over that of payments. Raises `Retry` without them."""
    found = answer.get(module)
    if not isinstance(found, list):
        found = next((value for value in answer.values() if isinstance(value, list)), None)
    if found is None:
        raise Retry(f"Zoho Books answered a list of {module} without the list", code="no_list")
    return [row for row in found if isinstance(row, dict)]


def has_more(answer: Any) -> bool:
    context = answer.get("page_context")
    return isinstance(context, dict) and bool(context.get("has_more_page"))


async def ours(  # noqa: PLR0917
    session: Session, settings: ZohoBooksSettings, module: Module, reference: str, field: str, key: str
) -> Mapping[str, Any] | None:
    """The object of this reference that carries our key, by the list or by itself; None where none does.

    Without a `field` in the organisation the reference is ours alone. Raises `Refused` where it cannot be told.
    """
    rows = await listed(session, settings, module.path, "reference_number", reference)
    rows = [row for row in rows if text(row, "reference_number") == reference and text(row, "status") != "void"]
    found = [row for row in rows if not field or text(row, field) == key]
    unread = [row for row in rows if field and not text(row, field)]
    if len(unread) <= CANDIDATES:
        for row in unread:
            answer = await session.send(module.get(settings, text(row, module.id)))
            record = answer.get(module.key)
            if isinstance(record, dict) and field_value(record, field) == key:
                found.append(record)
    if len(found) > 1 or len(unread) > CANDIDATES:
        raise Refused(
            f"Zoho Books has {len(rows)} of reference {reference!r} ({ids_of(rows, module.id)}): it cannot be told "
            "which is ours; give them other references there, then redrive",
            cause="conflict",
            code="look_up",
        )
    return found[0] if found else None


def field_value(record: Mapping[str, Any], field: str) -> str:
    """A custom field of an object, flattened as in lists or not."""
    fields = record.get("custom_fields")
    for item in fields if isinstance(fields, list) else ():
        if isinstance(item, dict) and text(item, "api_name") == field:
            return text(item, "value")
    return text(record, field)


def same_name(one: str, other: str) -> bool:
    """Whether Zoho may take two names for one: letters alike but for case, accents and blanks."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).split())


def ids_of(rows: list[Mapping[str, Any]], id_field: str) -> str:
    """For a message."""
    return ", ".join(text(row, id_field) for row in rows[:5])
