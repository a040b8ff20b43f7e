"""Faults that a test places on a twin: which requests they hit, and what happens to those.

A rule has one effect; several rules that match one request add up, but for those that are `alone`. All are counted from
the moment they are placed: how many requests a rule took, and how many of those the twin really served that way.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

Effect = Literal[
    "latency",
    "lose_request",
    "lose_answer",
    "reset",
    "answer",
    "cut",
    "drip",
    "late",
    "revoke_tokens",
    "clock",
]

Call = tuple[str, ...]
"""What makes two requests one call that is repeated: method, path, our unique key (or query and body)."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule.

    Hit: `method` and `path` are shell patterns (``/books/v3/contacts*``), `organization` narrows further. Of the
    matching requests it takes the `nth` (1 is the next one) or, without `nth`, each with `probability` drawn from
    `seed`; at most `times` in all (None: no end), and at most `each` of one and the same call, so that repeating it
    comes to an end; rules of one `group` count that together. A rule that is `alone` leaves requests that a rule placed
    before it has taken.

    Effects, and what they read:

    - ``latency``: `seconds` before the call is carried out, in flight meanwhile.
    - ``lose_request``: the connection closes, nothing was applied.
    - ``lose_answer``: applied, then the connection closes without an answer.
    - ``reset``: the connection is reset (TCP RST), nothing was applied.
    - ``answer``: `status`, `body` (text), `headers`, `content_type` instead of the twin's own; applied only if `apply`.
    - ``cut``: applied; the answer's body ends after `length` bytes, well-formed HTTP around broken JSON.
    - ``drip``: applied; the body leaves in pieces of `length` bytes, `seconds` apart.
    - ``late``: the caller gets `status` (504) at once, the call is applied `seconds` later.
    - ``revoke_tokens``: every live access token dies before the request is looked at.
    - ``clock``: the twin's clock jumps ahead by `seconds` before the request is looked at.

    `name` says what the rule is about; what the twin served is counted by it.
    """

    effect: Effect
    name: str = ""
    method: str = "*"
    path: str = "*"
    organization: str = "*"
    nth: int | None = None
    probability: float = 1.0
    seed: int = 1
    times: int | None = 1
    each: int | None = None
    group: str = ""
    alone: bool = False
    seconds: float = 0.0
    status: int = 504
    body: str = ""
    headers: dict[str, str] = {}
    content_type: str = "application/json"
    apply: bool = False
    length: int = 20


@dataclass(slots=True)
class _Placed:
    fault: Fault
    random: random.Random
    seen: int = 0
    hits: int = 0
    of_call: Counter[Call] = field(default_factory=Counter)

    def takes(self, call: Call) -> bool:
        """Count one matching request; True if the fault hits it."""
        fault = self.fault
        self.seen += 1
        if fault.times is not None and self.hits >= fault.times:
            return False
        if fault.each is not None and self.of_call[call] >= fault.each:
            return False
        if fault.nth is not None:
            hit = self.seen == fault.nth
        else:
            hit = fault.probability >= 1.0 or self.random.random() < fault.probability
        if hit:
            self.hits += 1
            self.of_call[call] += 1
        return hit


@dataclass(slots=True)
class Faults:
    """The faults placed on one twin. `served` outlives the rules: by name, or by effect where a rule has none."""

    served: Counter[str] = field(default_factory=Counter)
    _placed: dict[int, _Placed] = field(default_factory=dict)
    _groups: dict[str, Counter[Call]] = field(default_factory=dict)
    _next: int = 1

    def place(self, fault: Fault) -> int:
        """Activate a fault; gives its number, for `remove`."""
        number = self._next
        self._next += 1
        generator = random.Random(fault.seed)  # noqa: S311 - repeatable chance, not a secret
        of_call = self._groups.setdefault(fault.group, Counter()) if fault.group else Counter()
        self._placed[number] = _Placed(fault, generator, of_call=of_call)
        return number

    def remove(self, number: int) -> None:
        self._placed.pop(number, None)

    def clear(self) -> None:
        self._placed.clear()
        self._groups.clear()

    def hits(self) -> Mapping[int, int]:
        """How often each placed fault has hit."""
        return {number: placed.hits for number, placed in self._placed.items()}

    def count(self, fault: Fault) -> None:
        """A request was really served this way: not refused before it came to that, and no other fault stronger."""
        self.served[fault.name or fault.effect] += 1

    def of(self, method: str, path: str, organization: str, key: Callable[[], str] = str) -> list[Fault]:
        """The faults that hit this request, in the order they were placed. `key`: what tells calls of a path apart."""
        found: list[Fault] = []
        for placed in self._placed.values():
            fault = placed.fault
            if (
                fnmatchcase(method, fault.method)
                and fnmatchcase(path, fault.path)
                and fnmatchcase(organization, fault.organization)
                and not (fault.alone and found)
                and placed.takes((method, path, key()))
            ):
                found.append(fault)
        return found


BLOCKED = '{"code":44,"message":"For security reasons you have been blocked for some time."}'


def blocked(*, headers: bool = True, **where: Any) -> Fault:
    """Zoho's minute limit (429, code 44), with or without the rate headers."""
    rate = {"X-Rate-Limit-Limit": "100", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "60"}
    return Fault(effect="answer", status=429, body=BLOCKED, headers=rate if headers else {}, **where)


def bad_gateway(**where: Any) -> Fault:
    """A proxy's HTML page instead of an answer; nothing was applied."""
    page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    return Fault(effect="answer", status=502, body=page, content_type="text/html", **where)


def server_error(*, apply: bool = False, **where: Any) -> Fault:
    """Zoho's internal error (500, code 1000), which says nothing of what was applied."""
    return Fault(effect="answer", status=500, body='{"code":1000,"message":"Internal Error"}', apply=apply, **where)


def refused_in_200(code: int, message: str, **where: Any) -> Fault:
    """HTTP 200 around an error code."""
    body = msgspec.json.encode({"code": code, "message": message}).decode()
    return Fault(effect="answer", status=200, body=body, **where)


def empty_200(**where: Any) -> Fault:
    """Applied, answered by 200 with no body."""
    return Fault(effect="answer", status=200, body="", apply=True, **where)
