"""A poll in use: steps until a sweep is over, with the cursor kept as a sink keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.apps.base import Found, Polling
from pipeline.apps.zohobooks import app
from tests.apps.zohobooks.world import World


@dataclass
class Poller:
    """`calls` are those of each step, `after` the pause that the last one asked for."""

    name: str
    world: World
    wanted: Sequence[str] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    after: float = 0.0

    async def sweep(self, **settings: Any) -> list[Found]:
        """All that one sweep finds."""
        poll, zoho = app.polls[self.name], self.world.zoho
        triggers = self.wanted or sorted(poll.triggers)
        found: list[Found] = []
        for _ in range(200):
            before = len(zoho.served.ledger.entries)
            look = Polling(
                wanted={trigger: ({},) for trigger in triggers},
                cursor=self.cursor,
                memory={},
                settings={**self.world.view.settings, **settings},
                profile=self.world.view.profile,
                now=zoho.served.clock.now(),
            )
            step = await poll.step(self.world.session, look)
            made = zoho.served.ledger.entries[before:]
            self.calls.append(sum(entry.kind != "oauth.token" for entry in made))
            assert self.calls[-1] <= poll.most
            self.cursor = msgspec.json.decode(msgspec.json.encode(step.cursor))
            self.after = step.after
            found += step.found
            if step.after:
                return found
        raise AssertionError("the sweep does not end")
