"""What a twin was asked and what it really did, request by request: the evidence that tests judge by.

Secrets never get here: no body, no Authorization header, and only the query parameters that are not secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.sandbox.window import Window

KEPT_HEADERS = (
    "x-unique-identifier-key",
    "x-unique-identifier-value",
    "x-upsert",
    "x-request-id",
    "idempotency-key",
    "traceparent",
)
SECRET_PARAMETERS = frozenset(
    {"client_id", "client_secret", "code", "refresh_token", "access_token", "token", "authtoken", "password"}
)


@dataclass(frozen=True, slots=True)
class Applied:
    """One effect. `action`: ``created``, ``updated``, ``unchanged``, ``deleted`` or a status word such as ``sent``.

    `unchanged` means that the content is the same as before, whatever the answer said. `key` is the outside key that
    the effect went by, `detail` a few fields that show which version was applied, `at` the twin's time of it.
    """

    action: str
    kind: str
    id: str
    at: float
    key: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """One request. It is filled in while the request is served; `ended` is None until then.

    `kind` is the route (``contacts.upsert``), `organization` Zoho's organisation or Togai's tenant, `writing` whether
    the call would change something (also when it was refused), `status` 0 where no answer was sent, `in_flight` the
    calls of this organisation that were being served when it arrived, itself included.
    """

    sequence: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    started: float
    kind: str = ""
    organization: str = ""
    writing: bool = False
    in_flight: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    applied: list[Applied] = field(default_factory=list)
    status: int = 0
    code: int | None = None
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    over_quota: bool = False
    ended: float | None = None

    def public(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Ledger:
    """The entries in order of arrival, and running counts over them. `window` is the quota's length in seconds."""

    def __init__(self, window: float = 60.0) -> None:
        self.entries: list[Entry] = []
        self.window_seconds = window
        self._windows: dict[str, Window] = {}
        self._in_flight: Counter[str] = Counter()
        self._max_in_flight: Counter[str] = Counter()
        self._max_in_window: Counter[str] = Counter()
        self._over_quota = 0

    def open(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], now: float) -> Entry:
        """Begin an entry; the request has arrived, nothing is known of it yet."""
        entry = Entry(
            sequence=len(self.entries) + 1,
            method=method,
            path=path,
            query={name: value for name, value in query.items() if name.lower() not in SECRET_PARAMETERS},
            headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
            started=now,
        )
        if len(entry.query) < len(query):
            entry.notes.append("secrets in the query")
        self.entries.append(entry)
        return entry

    def enter(self, entry: Entry, organization: str, now: float) -> None:
        """The request was recognised as a call of `organization`: it counts for the quotas from here on."""
        entry.organization = organization
        self._in_flight[organization] += 1
        entry.in_flight = self._in_flight[organization]
        self._max_in_flight[organization] = max(self._max_in_flight[organization], entry.in_flight)
        window = self._windows.setdefault(organization, Window(self.window_seconds))
        self._max_in_window[organization] = max(self._max_in_window[organization], window.add(now))

    def leave(self, entry: Entry) -> None:
        """The call is no longer in flight; calls that never entered are left alone."""
        if entry.in_flight:
            self._in_flight[entry.organization] -= 1

    def in_flight(self, organization: str) -> int:
        return self._in_flight[organization]

    def close(self, entry: Entry, status: int, code: int | None, now: float) -> None:
        """The answer is decided; status 0 says that none was sent."""
        entry.status, entry.code, entry.ended = status, code, now
        self._over_quota += entry.over_quota

    def since(self, sequence: int = 0, *, writes: bool = False) -> list[Entry]:
        """Entries after `sequence`, only the writing ones if asked."""
        return [entry for entry in self.entries[sequence:] if entry.writing or not writes]

    def effects(self, kind: str | None = None) -> Iterator[tuple[Entry, Applied]]:
        """Every effect with its request, in order of the requests' arrival."""
        for entry in self.entries:
            for applied in entry.applied:
                if kind is None or applied.kind == kind:
                    yield entry, applied

    def counts(self) -> dict[str, Any]:
        """Totals over everything so far. Calls in any window are per organisation, the maximum over all of them."""
        actions: dict[str, Counter[str]] = {}
        for _, applied in self.effects():
            actions.setdefault(applied.kind, Counter())[applied.action] += 1
        return {
            "calls": len(self.entries),
            "writing_calls": sum(entry.writing for entry in self.entries),
            "over_quota": self._over_quota,
            "max_in_flight": max(self._max_in_flight.values(), default=0),
            "max_in_window": max(self._max_in_window.values(), default=0),
            "window_seconds": self.window_seconds,
            "calls_by_kind": dict(Counter(entry.kind or "unknown" for entry in self.entries)),
            "calls_by_status": {
                str(status): count for status, count in Counter(entry.status for entry in self.entries).items()
            },
            "effects": {kind: dict(counter) for kind, counter in actions.items()},
        }
