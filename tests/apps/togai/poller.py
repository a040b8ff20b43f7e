"""A poll in use: steps until a sweep is over, with cursor and memory kept as a sink keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.apps.base import Found, Polling
from pipeline.apps.togai import app
from tests.apps.togai.world import World


@dataclass
class Poller:
    """`calls` are those of each step, `after` the pause that the last one asked for.

    `lost` steps are made and not committed: cursor and events are gone, as with a transaction that failed.
    """

    name: str
    world: World
    wanted: Mapping[str, Sequence[Mapping[str, Any]]] | Sequence[str] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    after: float = 0.0

    async def step(self, *, committed: bool = True, **settings: Any) -> Sequence[Found]:
        poll, togai = app.polls[self.name], self.world.togai
        before = len(togai.ledger.entries)
        wanted = self.wanted or sorted(poll.triggers)
        look = Polling(
            wanted=wanted if isinstance(wanted, Mapping) else {trigger: ({},) for trigger in wanted},
            cursor=self.cursor,
            memory=self.memory,
            settings=settings,
            profile={},
            now=togai.clock.now(),
        )
        step = await poll.step(self.world.session, look)
        self.calls.append(len(togai.ledger.entries) - before)
        assert self.calls[-1] <= poll.most
        if not committed:
            return ()
        self.cursor = msgspec.json.decode(msgspec.json.encode(step.cursor))
        self.after = step.after
        return step.found

    async def sweep(self, **settings: Any) -> list[Found]:
        """All that one sweep finds."""
        found: list[Found] = []
        for _ in range(400):
            found += await self.step(**settings)
            if self.after:
                return found
        raise AssertionError("the sweep does not end")

    def successor(self) -> Poller:
        """The next owner: it has the cursor, and no memory."""
        return Poller(self.name, self.world, self.wanted, self.cursor)
