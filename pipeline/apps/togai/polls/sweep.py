"""One kind of object, walked page by page, compared with how it stood, and read where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.apps.base import Found, Polled, Polling, Session
from pipeline.apps.togai.actions.common import LISTS
from pipeline.apps.togai.actions.reads import whole
from pipeline.apps.togai.connection import TogaiSettings
from pipeline.apps.togai.lists import page
from pipeline.apps.togai.polls.census import census, read_census
from pipeline.apps.togai.versions import version_of
from pipeline.errors import Refused

WHOLE = 12
"""Pauses between sweeps of the whole list, an hour by default; those between look at a part of it only."""
NEVER = 86_400.0
"""Seconds until a poll that is switched off looks again whether it still is."""
NEW, UNSURE = "", "?"
"""How an object stood that was not there, and one of which that is not known."""

State = str


@dataclass
class Walk:
    """What a worker holds of a sweep in memory. `step` is the cursor's that it belongs to.

    `known` are the states of all objects, None until a first whole sweep; `moved`: the census is older than they are.
    `seen` are the states of the sweep under way, `lists` the filters of the lists that it has still to walk, `token`
    the next page of the first; `again`: the first pages are looked at once more; `part`: it is no whole one. `pending`
    are objects to be told of, and how each stood before.
    """

    step: int
    known: dict[str, State] | None = None
    seen: dict[str, State] = field(default_factory=dict)
    moved: bool = False
    lists: list[Mapping[str, str]] = field(default_factory=list)
    token: str = ""
    again: bool = False
    part: bool = False
    pending: list[tuple[str, State]] = field(default_factory=list)
    whole_at: float = 0.0


class Sweep:
    """A poll over `noun`. The cursor holds a census, which is moved on when all that differs was told.

    Whoever has no memory that fits the cursor (a new owner, or one whose last transaction failed) walks the whole list
    and compares it with the census, so that nothing is left out. The first sweep of all tells nothing.
    """

    name: ClassVar[str]
    triggers: ClassVar[frozenset[str]]
    most: ClassVar[int]
    noun: ClassVar[str]
    reads: ClassVar[int] = 6
    """Objects that a step reads."""
    part: ClassVar[Sequence[Mapping[str, str]]] = ({},)
    """Lists that are walked between whole sweeps."""
    latest_first: ClassVar[bool] = True
    """Whether what changed last comes first: such a list is walked only as far as there is something new."""

    def state(self, row: Mapping[str, Any]) -> State:
        """What tells the object's states apart; "" for an object that is not looked at."""
        return version_of(self.noun, row)

    def kinds(self, record: Mapping[str, Any], before: State) -> Iterator[str]:
        """The triggers of an object that stood as `before` (or `NEW`, `UNSURE`) and is `record` now."""
        raise NotImplementedError

    def missing(self, walk: Walk) -> list[str]:
        """Of those known, what a sweep of a part should have shown and did not."""
        return []

    async def step(self, session: Session, look: Polling) -> Polled:
        pause = TogaiSettings.model_validate(look.settings).poll_seconds
        if not pause:
            return Polled((), look.cursor, NEVER)
        walk = self._walk(look, pause)
        found: list[Found] = []
        if walk.pending:
            found = await self._tell(session, look, walk)
        else:
            await self._page(session, look, walk)
        over = not walk.lists and not walk.pending
        cursor = dict(look.cursor)
        if over and walk.moved and walk.known is not None:
            cursor["census"], walk.moved = census(walk.known.items()).text(), False
        walk.step += 1
        cursor["step"] = walk.step
        return Polled(found, cursor, pause if over else 0.0)

    def _walk(self, look: Polling, pause: float) -> Walk:
        """What is held in memory, if it fits the cursor; else anew, from the whole list."""
        step = look.cursor.get("step")
        step = step if isinstance(step, int) else 0
        walk = look.memory.get("walk")
        if not isinstance(walk, Walk) or walk.step != step:
            walk = look.memory["walk"] = Walk(step)
        if not walk.lists and not walk.pending:
            walk.part = walk.known is not None and look.now < walk.whole_at + WHOLE * pause
            walk.lists = list(self.part) if walk.part else [{}]
            walk.seen, walk.token, walk.again = {}, "", False
            if not walk.part:
                walk.whole_at = look.now
        return walk

    async def _page(self, session: Session, look: Polling, walk: Walk) -> None:
        rows, token = await page(session, LISTS[self.noun], walk.lists[0], walk.token)
        news = 0
        for row in rows:
            id_, state = row.get("id"), self.state(row)
            if not isinstance(id_, str) or not state:
                continue
            unseen = walk.seen.get(id_) != state
            news += unseen if walk.again or walk.known is None else walk.known.get(id_) != state
            walk.seen[id_] = state
        walk.token = token
        stop = self.latest_first and not news and (walk.again or walk.part)
        if token and not stop:
            return
        walk.token = ""
        if self.latest_first and not walk.part and not walk.again:
            walk.again = True
            # What changed meanwhile has moved to the front: it may have been passed by.
            return
        walk.lists.pop(0)
        if not walk.lists:
            self._compare(look, walk)

    def _compare(self, look: Polling, walk: Walk) -> None:
        """The sweep is over: what is to be told?"""
        if walk.known is not None:
            changed = [id_ for id_, state in walk.seen.items() if walk.known.get(id_) != state]
            gone = self.missing(walk) if walk.part else []
            walk.pending = [(id_, walk.known.get(id_, NEW)) for id_ in (*changed, *gone)]
            return
        walk.known, walk.moved = dict(walk.seen), True
        before = read_census(look.cursor.get("census"))
        if before is not None:
            differences = before.compare(walk.seen)
            walk.pending = [(id_, NEW) for id_ in differences.new] + [(id_, UNSURE) for id_ in differences.unsure]

    async def _tell(self, session: Session, look: Polling, walk: Walk) -> list[Found]:
        found: list[Found] = []
        assert walk.known is not None
        for id_, before in walk.pending[: self.reads]:
            try:
                record = await whole(session, self.noun, id_)
            except Refused as error:
                if error.cause != "not_found":
                    raise
                walk.known.pop(id_, None)
                walk.moved = True
                continue
            state = self.state(record)
            walk.known[id_], walk.moved = walk.seen.get(id_, state), True
            if before != UNSURE and state == before:
                continue
            version = version_of(self.noun, record)
            found += [
                Found(kind, id_, record, version)
                for kind in dict.fromkeys(self.kinds(record, before))
                if kind in look.wanted
            ]
        walk.pending = walk.pending[self.reads :]
        return found
