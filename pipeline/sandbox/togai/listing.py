"""Lists by `nextToken`: filters and page size travel in the token, and the last page may still carry one.

From the pagination page and the query fields of each list. A filter combination that is not in the list's table is
refused with 422, as the OpenAPI declares for invoices.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipeline.sandbox.http import Reply, Request
from pipeline.sandbox.togai.errors import Refusal, bad
from pipeline.sandbox.wire import Json

MOST = 50
DEFAULT = 20


@dataclass(frozen=True, slots=True)
class Listing:
    """`filters`: query name -> field of the object. `combinations`: the sets of filters allowed; empty allows all."""

    filters: Mapping[str, str]
    combinations: tuple[frozenset[str], ...] = ()
    context: bool = True

    def reply(self, rows: Iterable[Json], request: Request, *, trailing: bool, view: Callable[[Json], Json]) -> Reply:
        """One page of `rows`, which come in the list's order. `trailing`: a token also after the last page."""
        start, size, filters = self._position(request)
        fields = {self.filters[name]: value for name, value in filters.items()}
        found = [row for row in rows if all(str(row.get(name, "")) == value for name, value in fields.items())]
        page = found[start : start + size]
        body: Json = {"data": [view(row) for row in page]}
        if page and (trailing or start + size < len(found)):
            body["nextToken"] = _pack({"start": start + size, "size": size, "filters": filters})
        if self.context:
            body["context"] = {"pageSize": size}
        return Reply(200, body)

    def _position(self, request: Request) -> tuple[int, int, dict[str, str]]:
        if token := request.query.get("nextToken"):
            packed = _unpack(token)
            return packed["start"], packed["size"], packed["filters"]
        filters = {name: request.query[name] for name in self.filters if name in request.query}
        if filters and self.combinations and frozenset(filters) not in self.combinations:
            raise Refusal(422, f"Filters can't be combined: {', '.join(sorted(filters))}")
        try:
            size = int(request.query.get("pageSize", DEFAULT))
        except ValueError as error:
            raise bad("pageSize must be a number") from error
        if not 1 <= size <= MOST:
            raise bad(f"pageSize must be from 1 to {MOST}")
        return 0, size, filters


def combinations(*texts: str) -> tuple[frozenset[str], ...]:
    """``"status", "class+owner_id"`` as sets."""
    return tuple(frozenset(text.split("+")) for text in texts)


def _pack(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unpack(token: str) -> Json:
    try:
        value: Json = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise bad("Invalid nextToken") from error
    return value
