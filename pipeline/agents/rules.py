"""The rules that are on now, kept fresh from the `control` topic."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from pipeline.apps.base import App
from pipeline.control.snapshot import ControlSnapshot
from pipeline.control.store import ControlTail
from pipeline.flows.rules import RuleSet
from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.codec import Codec

log = structlog.get_logger(__name__)


class LiveRules:
    """Follows the topic on a thread of its own. Calling it gives the rules of the moment; a change takes no restart."""

    def __init__(self, apps: Mapping[str, App], access: KafkaAccess, codec: Codec, topic: str) -> None:
        self._apps = apps
        self._rules = RuleSet(apps)
        self._tail = ControlTail(access, topic, codec, on_change=self._change)

    def __call__(self) -> RuleSet:
        return self._rules

    def start(self) -> None:
        """Returns once all that was acknowledged before is known. Raises what `ControlTail.start` does."""
        self._change(self._tail.start())
        self._tail.follow(interval=0.1)

    def close(self) -> None:
        self._tail.close()

    def _change(self, snapshot: ControlSnapshot) -> None:
        rules = RuleSet(
            self._apps,
            snapshot.connections.values(),
            snapshot.flows.values(),
            snapshot.links.values(),
            previous=self._rules,
        )
        self._rules = rules
        for link, fault in rules.faults.items():
            log.error("a link does not work: its events fail", link=link, reason=fault)
        log.info("rules in force", links=len(rules.links), connections=len(rules.connections))
