"""The simulated destinations: what reached them when, what they did, and what must never happen there.

Time is virtual. A request arrives when it is sent; it is applied when its answer is given, later, or never. A unique
key makes a second object of one key impossible; everything that is applied stands in a ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from pipeline.apps.base import Quota, Request, Response
from tests.model.apps import BOOKS, KEY

LATE = 7.0
"""Seconds within which a request whose answer was lost takes effect, if it ever does."""
SKEW = 2.0
"""Seconds by which two workers' clocks differ at most."""


@dataclass(slots=True, eq=False)
class Asked:
    """A request at its destination. `applied` once it took effect."""

    connection: str
    party: str
    command: str
    request: Request
    at: float
    applied: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """One line of the ledger."""

    connection: str
    noun: str
    key: str
    version: int
    value: str
    command: str


@dataclass
class World:
    """`intended` says whether the log holds an intent of a command."""

    quota: Quota
    now: float
    intended: Callable[[str], bool] = lambda _: True
    skew: float = SKEW
    objects: dict[tuple[str, str, str], tuple[str, int, str]] = field(default_factory=dict)
    """By connection, noun and key: id, version and value."""
    ledger: list[Write] = field(default_factory=list)
    arrivals: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    under_way: list[Asked] = field(default_factory=list)
    """Writing requests that may still take effect."""
    late: list[tuple[float, Asked]] = field(default_factory=list)
    accounts: dict[str, Mapping[str, object]] = field(default_factory=dict)
    """What the shop holds now, for those who fetch."""

    def arrive(self, connection: str, party: str, command: str, request: Request) -> Asked:
        """A request was sent."""
        asked = Asked(connection, party, command, request, self.now)
        if command:
            assert self.intended(command), f"a call without a committed intent: {command}"
            others = [one for one in self.under_way if (one.connection, one.party) == (connection, party)]
            assert not others, f"{party} has two open calls: {command} and {others[0].command}"
        self.arrivals[connection].append(self.now)
        if connection == BOOKS:
            self._within_quota(self.arrivals[connection])
        if request.method == "PUT":
            self.under_way.append(asked)
        return asked

    def apply(self, asked: Asked) -> Response:
        """It takes effect, once; asked again under the same key it finds its object."""
        request, path = asked.request, asked.request.path.strip("/")
        answer: Mapping[str, object] = {}
        if request.method == "PUT":
            answer = self._put(asked, path, request.headers[KEY])
        elif path == "account":
            answer = self.accounts[request.query["id"]]
        asked.applied = True
        self.done(asked)
        return Response(200, {}, msgspec.json.encode(answer))

    def done(self, asked: Asked) -> None:
        """Nothing more will come of it."""
        if asked in self.under_way:
            self.under_way.remove(asked)

    def lose(self, asked: Asked, after: float | None) -> None:
        """Nobody will hear the answer. It takes effect `after` seconds, or never."""
        if after is None:
            self.done(asked)
        else:
            self.late.append((self.now + after, asked))

    def pass_by(self, until: float) -> None:
        """Time goes on; what was late takes effect when it is due."""
        for at, asked in sorted(self.late, key=lambda each: each[0]):
            if at <= until:
                self.now = max(self.now, at)
                self.late.remove((at, asked))
                self.apply(asked)
        self.now = until

    def _put(self, asked: Asked, noun: str, key: str) -> Mapping[str, object]:
        body = msgspec.json.decode(asked.request.body or b"")
        place, version = (asked.connection, noun, key), int(body["version"])
        known = self.objects.get(place)
        assert known is None or known[1] <= version, f"{noun} {key}: version {version} was applied after {known[1]}"
        id_ = known[0] if known else f"{noun}-{len(self.objects) + 1}"
        self.objects[place] = (id_, version, body["value"])
        self.ledger.append(Write(asked.connection, noun, key, version, body["value"], asked.command))
        return {"id": id_}

    def _within_quota(self, arrivals: list[float]) -> None:
        for limit, seconds in self.quota.windows:
            recent = [at for at in arrivals if at > self.now - seconds + self.skew]
            assert len(recent) <= limit, f"{len(recent)} calls within {seconds - self.skew:g} s, {limit} are allowed"
        if self.quota.day is not None:
            day = self.now // 86400 * 86400
            today = [at for at in arrivals if day + self.skew <= at <= day + 86400 - self.skew]
            assert len(today) <= self.quota.day, f"{len(today)} calls on one day, {self.quota.day} are allowed"
