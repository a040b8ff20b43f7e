"""How a system is told what to do, and how it reports."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """Read `events` records of `source`, put what comes of them on `target` and others with its `prefix`."""

    bootstrap: str
    source: str
    target: str
    events: int
    batch_size: int
    prefix: str = ""
    state_dir: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def read_job() -> Job:
    return Job(**json.loads(sys.argv[1]))


def report(started: float) -> None:
    """`started`: when the first record was at hand, in POSIX seconds."""
    sys.stdout.write(json.dumps({"started": started}) + "\n")
