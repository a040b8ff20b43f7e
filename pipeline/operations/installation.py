"""What every function for people works with, the same behind the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.control.apply import Applier
    from pipeline.control.plan import CheckedFlow
    from pipeline.control.secrets import SecretBox
    from pipeline.control.snapshot import ControlSnapshot
    from pipeline.control.store import ControlStore
    from pipeline.kafka.clients import KafkaAccess
    from pipeline.operations.lookup import Lookup
    from pipeline.operations.opened import Opened
    from pipeline.operations.replay import Replay
    from pipeline.schemas.codec import Codec
    from pipeline.schemas.topics import Topics


def flow_check(apps: Mapping[str, App]) -> Callable[[str, str], CheckedFlow]:
    """Compiles flows against the installed apps."""
    from pipeline.flows.compile import load_flow

    return lambda text, file: load_flow(text, apps, file)


@dataclass(frozen=True)
class Parts:
    """One installation. Its parts are made when they are asked for: commands start quickly."""

    settings: Settings
    apps: Mapping[str, App]
    topics: Topics
    codec: Codec
    access: KafkaAccess

    def store(self) -> ControlStore:
        from pipeline.control.store import ControlStore

        return ControlStore(self.access, self.topics.control, self.codec)

    def control(self) -> ControlSnapshot:
        """All that was acknowledged before."""
        from pipeline.control.store import read_control

        return read_control(self.access, self.topics.control, self.codec)

    def box(self) -> SecretBox:
        from pipeline.control.secrets import load_secret_box

        return load_secret_box(self.settings)

    def applier(self, *, probe: bool = True) -> Applier:
        from pipeline.control.apply import Applier

        return Applier(self.apps, flow_check(self.apps), self.box(), probe=probe)

    def lookup(self) -> Lookup:
        from pipeline.operations.lookup import Lookup

        return Lookup(self.access, self.topics, self.codec)

    def opened(self) -> Opened:
        from pipeline.operations.opened import Opened

        return Opened(self.access, self.topics, self.codec)

    def replay(self) -> Replay:
        from pipeline.operations.replay import Replay

        return Replay(self.access, self.apps, self.topics, self.codec)
