"""Requests, replies and routes of the twins: plain values, so that a handler is a function without I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from pipeline.sandbox.ledger import Applied, Entry
from pipeline.sandbox.wire import decode, encode

State = TypeVar("State")


@dataclass(slots=True)
class Request:
    """One call. `segments` are the path's parts, each percent-decoded on its own, so an id may hold a slash.

    `headers` go by any case. `params` are the parts that the route left open, `now` the twin's time.
    """

    method: str
    path: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    entry: Entry
    now: float
    params: tuple[str, ...] = ()
    state: Any = None

    def json(self) -> Any:
        """The body; raises ValueError if it isn't JSON."""
        return decode(self.body)

    def applied(self, action: str, kind: str, id_: str, *, key: str = "", **detail: object) -> None:
        """Write an effect into the ledger."""
        shown = {name: str(value) for name, value in detail.items()}
        self.entry.applied.append(Applied(action, kind, id_, self.now, key, shown))


@dataclass(slots=True)
class Reply:
    """An answer. `body`: anything JSON can hold, or bytes as they are. `code`: the app's own code, if any."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    code: int | None = None

    def content(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else encode(self.body)


@dataclass(frozen=True, slots=True)
class Route(Generic[State]):
    """`pattern` like ``contacts/{}/active``; `kind` is the ledger's name for it, `scope` what the token must hold."""

    method: str
    pattern: str
    kind: str
    handler: Callable[[State, Request], Reply]
    scope: str = ""


class Router(Generic[State]):
    """Finds the route of a request. Literal parts win over open ones; the routes' order does not matter."""

    def __init__(self, routes: Iterable[Route[State]], *, prefix: str = "") -> None:
        self._prefix = tuple(part for part in prefix.split("/") if part)
        self._by_shape: dict[tuple[str, int], list[tuple[tuple[str, ...], Route[State]]]] = {}
        for route in routes:
            parts = tuple(part for part in route.pattern.split("/") if part)
            self._by_shape.setdefault((route.method, len(parts)), []).append((parts, route))
        for candidates in self._by_shape.values():
            candidates.sort(key=lambda candidate: candidate[0].count("{}"))

    def find(self, method: str, segments: tuple[str, ...]) -> tuple[Route[State], tuple[str, ...]] | None:
        """The route and its open parts; None where nothing is served."""
        depth = len(self._prefix)
        if segments[:depth] != self._prefix:
            return None
        rest = segments[depth:]
        for parts, route in self._by_shape.get((method, len(rest)), ()):
            if all(part in ("{}", given) for part, given in zip(parts, rest, strict=True)):
                open_parts = tuple(given for part, given in zip(parts, rest, strict=True) if part == "{}")
                return route, open_parts
        return None


def split_path(path: str) -> tuple[str, ...]:
    """The decoded parts of a raw path."""
    parts = path.strip("/").split("/")
    return tuple(unquote(part) if "%" in part else part for part in parts)
