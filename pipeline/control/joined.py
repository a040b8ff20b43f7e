"""Two links that join the same two places through different connections.

Ids, echoes and quotas are kept by connection. Two connections to one organisation do not know of each other: what a
link writes through the one comes back through the other as somebody's change, and is written again, without an end.
So one pair of places is joined by one pair of connections; apps say what a connection leads to
(`apps.base.NamesItsPlace`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pipeline.apps.base import App, NamesItsPlace
from pipeline.schemas.records import Link

Place = tuple[str, str]
"""An app, and what a connection of it leads to; the connection's id where the app does not say."""


def place_of(app: App | None, connection: str, settings: Mapping[str, Any]) -> str:
    return (app.place(settings) if isinstance(app, NamesItsPlace) else "") or connection


def joined_otherwise(
    links: Iterable[Link], changed: Collection[str], places: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(link, what is wrong with it) for each of `changed` that is on and joins what another link joins already.

    `places` are what each connection leads to.
    """
    met: dict[frozenset[Place], list[Link]] = {}
    for link in links:
        if not link.enabled or len(link.connections) < 2:
            continue
        ends = frozenset((app, places.get(id, id)) for app, id in link.connections.items())
        for other in met.setdefault(ends, []):
            new, old = (link, other) if link.id in changed else (other, link)
            apart = [app for app, id in new.connections.items() if old.connections.get(app) != id]
            if new.id in changed and apart:
                yield new.id, joined_message(new, old, apart)
                break
        met[ends].append(link)


def joined_message(new: Link, old: Link, apart: Iterable[str]) -> str:
    said = ", ".join(f"{new.connections[app]!r} and {old.connections[app]!r} of {app}" for app in apart)
    return (
        f"link {new.id!r} joins what link {old.id!r} joins already, through another connection ({said} lead to one "
        "place): ids and echoes are kept by connection, so each would take what the other wrote for somebody's change; "
        "give both the same connections, or disable one"
    )
