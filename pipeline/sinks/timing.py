"""The times of a worker, which have to fit into each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. A drain must end within `max.poll.interval.ms`."""

    session: float = 6.0
    drain: float = 5.0
    busy_poll: float = 0.002
    idle_poll: float = 0.05
    mappings: float = 0.1

    @property
    def heartbeat(self) -> float:
        return self.session / 3

    @property
    def lease(self) -> float:
        """Ends before the session can: a commit proves membership, but the last heartbeat may be one interval older."""
        return self.session - self.heartbeat
