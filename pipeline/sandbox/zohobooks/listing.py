"""Lists: filters that are known are applied, all others are ignored without a word, as Zoho does; 200 a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.sandbox.http import Reply, Request
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, bad
from pipeline.sandbox.zohobooks.state import Books, Module

PER_PAGE = 200
_DATE_ENDS: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda value, given: value == given,
    "_start": lambda value, given: value >= given,
    "_end": lambda value, given: value <= given,
    "_before": lambda value, given: value < given,
    "_after": lambda value, given: value > given,
}


@dataclass(frozen=True, slots=True)
class Listing:
    """How one module is listed: the resource's key in the answer, its filters by kind, and the row's fields.

    `texts` also work with ``_startswith`` and ``_contains``, `dates` with ``_start``, ``_end``, ``_before``,
    ``_after``. `statuses` maps ``filter_by`` to values of `status`. `since`: ``last_modified_time`` is a filter, which
    Zoho documents for invoices and credit notes only.
    """

    key: str
    texts: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    statuses: Mapping[str, tuple[str, ...]] | None = None
    omit: tuple[str, ...] = ("line_items", "custom_fields", "notes", "terms")
    since: bool = False

    def reply(self, books: Books, module: Module, request: Request, view: Callable[[Json], Json]) -> Reply:
        """One page; `view` gives a record as it is to be shown now."""
        rows = [view(record) for record in _visible(books, module, request.now)]
        query = {name: value for name, value in request.query.items() if name not in books.config.ignored_filters}
        for test in self._tests(query, loose=books.config.loose_filters):
            rows = [row for row in rows if test(row)]
        sort_column = request.query.get("sort_column", "")
        if sort_column in self.sorts:
            rows.sort(key=lambda row: row.get(sort_column) or "", reverse=_descending(request.query))
        page, per_page = _page(request.query)
        start = (page - 1) * per_page
        shown = [self._row(row) for row in rows[start : start + per_page]]
        context = {
            "page": page,
            "per_page": per_page,
            "has_more_page": start + per_page < len(rows),
            "report_name": self.key,
            "applied_filter": request.query.get("filter_by", "Status.All"),
            "sort_column": sort_column or "created_time",
            "sort_order": "D" if _descending(request.query) else "A",
        }
        return Reply(200, {"code": 0, "message": "success", self.key: shown, "page_context": context}, code=0)

    def _row(self, record: Json) -> Json:
        row = {name: value for name, value in record.items() if name not in self.omit}
        row.update((item["api_name"], item["value"]) for item in record["custom_fields"])
        return row

    def _tests(self, query: Mapping[str, str], *, loose: bool) -> Iterable[Callable[[Json], bool]]:
        for name in self.texts:
            for suffix, exact in _TEXT_TESTS.items():
                check = _TEXT_TESTS["_contains"] if loose else exact
                if (given := query.get(name + suffix)) is not None:
                    yield _text_test(name, given.casefold(), check)
        for name in self.exact:
            if (given := query.get(name)) is not None:
                yield _exact_test(name, given)
        for name in self.dates:
            for suffix, compare in _DATE_ENDS.items():
                if (given := query.get(name + suffix)) is not None:
                    yield _date_test(name, given, compare)
        if self.statuses and (allowed := self.statuses.get(query.get("filter_by", ""))):
            yield lambda row: row["status"] in allowed
        if self.since and "last_modified_time" in query:
            since = _instant(query["last_modified_time"])
            yield lambda row: _instant(row["last_modified_time"]) >= since


_TEXT_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda value, given: value == given,
    "_startswith": lambda value, given: value.startswith(given),
    "_contains": lambda value, given: given in value,
}


def _text_test(name: str, given: str, check: Callable[[str, str], bool]) -> Callable[[Json], bool]:
    return lambda row: check(str(row.get(name) or "").casefold(), given)


def _exact_test(name: str, given: str) -> Callable[[Json], bool]:
    def test(row: Json) -> bool:
        value = row.get(name)
        if isinstance(value, Decimal):
            return value == Decimal(given)
        return str(value) == given

    return test


def _date_test(name: str, given: str, compare: Callable[[str, str], bool]) -> Callable[[Json], bool]:
    return lambda row: bool(row.get(name)) and compare(row[name], given)


def _visible(books: Books, module: Module, now: float) -> Iterable[Json]:
    """Records old enough to be listed, if the organisation's lists lag."""
    lag = books.config.list_lag_seconds
    if not lag:
        return list(module)
    return [record for id_, record in module.records.items() if module.born[id_] <= now - lag]


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError as error:
        raise bad(BAD_VALUE, "Invalid value passed for last_modified_time") from error


def _page(query: Mapping[str, str]) -> tuple[int, int]:
    def number(name: str, default: int) -> int:
        text: Any = query.get(name, default)
        try:
            return max(1, int(text))
        except ValueError as error:
            raise bad(BAD_VALUE, f"Invalid value passed for {name}") from error

    return number("page", 1), min(PER_PAGE, number("per_page", PER_PAGE))


def _descending(query: Mapping[str, str]) -> bool:
    return query.get("sort_order", "A").upper().startswith("D")
