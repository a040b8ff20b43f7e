"""Named points in our own code where a test may let a process die, fail or hang. Off unless the environment arms them.

`PIPELINE_FAIL_POINTS` holds ``name=effect[@hit]``, comma separated: ``sinks.intent.committed=kill@3`` kills the process
by SIGKILL when it comes to that point for the third time. Effects: ``kill``, ``raise`` (`FailPointReached`), ``stop``
(SIGSTOP: whoever armed it wakes the process). Without ``@hit`` the first time counts. Each fires once in a process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from pipeline.errors import ConfigurationError

VARIABLE = "PIPELINE_FAIL_POINTS"

POINTS = frozenset(
    {
        "agents.batch.received",
        "agents.event.decoded",
        "agents.event.decided",
        "agents.batch.evaluated",
        "agents.batch.produced",
        "agents.batch.committed",
        "sinks.command.taken",
        "sinks.intent.gathered",
        "sinks.intent.produced",
        "sinks.intent.committed",
        "sinks.call.sending",
        "sinks.call.answered",
        "sinks.result.gathered",
        "sinks.mapping.gathered",
        "sinks.result.produced",
        "sinks.mapping.produced",
        "sinks.result.committed",
        "sinks.mapping.committed",
        "sinks.partition.restored",
        "sinks.partition.drained",
        "views.batch.written",
        "views.batch.committed",
    }
)
"""All there are, in the order in which an event passes them: <stage>.<thing>.<what has just happened>."""


class FailPointReached(Exception):
    """What an armed ``raise`` raises: no error of ours, so nothing but the last resort handles it."""


class _Armed:
    __slots__ = ("effect", "hit", "seen")

    def __init__(self, effect: str, hit: int) -> None:
        self.effect = effect
        self.hit = hit
        self.seen = 0


_armed: dict[str, _Armed] = {}


def fail_point(name: str) -> None:
    """One line where it may happen. Costs one look at an empty dict when nothing is armed."""
    if _armed:
        _reach(name)


def arm(text: str) -> None:
    """Arm the points of ``name=effect[@hit]``, and no others. Raises `ConfigurationError`."""
    points = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, rest = item.partition("=")
        effect, _, hit = rest.partition("@")
        if name not in POINTS or effect not in _EFFECTS or not (hit or "1").isdecimal():
            raise ConfigurationError(
                f"{VARIABLE}: {item!r} is not <name>=<effect>[@<hit>]; names are {', '.join(sorted(POINTS))}; "
                f"effects are {', '.join(_EFFECTS)}"
            )
        points[name] = _Armed(effect, int(hit or "1"))
    _armed.clear()
    _armed.update(points)


def arm_from_environment(environ: Mapping[str, str] = os.environ) -> None:
    """Called once by a role's entry."""
    arm(environ.get(VARIABLE, ""))


def _reach(name: str) -> None:
    armed = _armed.get(name)
    if armed is None:
        return
    armed.seen += 1
    if armed.seen == armed.hit:
        _EFFECTS[armed.effect](name)


def _kill(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(name: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(name: str) -> None:
    raise FailPointReached(name)


_EFFECTS = {"kill": _kill, "stop": _stop, "raise": _raise}
