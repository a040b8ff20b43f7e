"""What every function for people works with, the same behind the command line and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.control.apply import Applier
    from pipeline.control.files import Desired
    from pipeline.control.manage.flows import Flows
    from pipeline.control.manage.links import Links
    from pipeline.control.planned import ApplyPlan
    from pipeline.control.secrets import SecretBox
    from pipeline.control.snapshot import ControlSnapshot
    from pipeline.control.store import ControlStore
    from pipeline.flows.compile import CompiledFlow
    from pipeline.kafka.clients import KafkaAccess
    from pipeline.operations.lookup import Lookup
    from pipeline.operations.opened import Opened
    from pipeline.operations.preview import Previewer
    from pipeline.operations.replay import Replay
    from pipeline.schemas.codec import Codec
    from pipeline.schemas.topics import Topics


def flow_check(apps: Mapping[str, App]) -> Callable[[str, str], CompiledFlow]:
    """Compiles flows against the installed apps; each text once."""
    from pipeline.flows.compile import load_flow

    return lru_cache(maxsize=256)(lambda text, file: load_flow(text, apps, file))


@dataclass(frozen=True)
class Parts:
    """One installation. Its parts are made when they are asked for: commands start quickly."""

    settings: Settings
    apps: Mapping[str, App]
    topics: Topics
    codec: Codec
    access: KafkaAccess

    @cached_property
    def check_flow(self) -> Callable[[str, str], CompiledFlow]:
        return flow_check(self.apps)

    def store(self) -> ControlStore:
        from pipeline.control.store import ControlStore

        return ControlStore(self.access, self.topics.control, self.codec)

    def control(self) -> ControlSnapshot:
        """All that was acknowledged before."""
        from pipeline.control.store import read_control

        return read_control(self.access, self.topics.control, self.codec)

    @contextmanager
    def changing(self) -> Iterator[tuple[ControlSnapshot, ControlStore]]:
        """What is stored now, and where to write. Of two writers of one row at the same moment the later one counts."""
        yield self.control(), self.store()

    def box(self) -> SecretBox:
        from pipeline.control.secrets import load_secret_box

        return load_secret_box(self.settings)

    def applier(self, *, probe: bool = True) -> Applier:
        from pipeline.control.apply import Applier

        return Applier(self.apps, self.check_flow, self.box(), probe=probe)

    def flows(self, stored: ControlSnapshot) -> Flows:
        from pipeline.control.manage.flows import Flows
        from pipeline.flows.catalogue import catalogue_flows, catalogue_folder

        ready = [(str(flow.file), flow.text) for flow in catalogue_flows(catalogue_folder(self.settings.catalogue))]
        return Flows(stored, ready, self.check_flow, self._plan)

    def links(self, stored: ControlSnapshot, within: str = "") -> Links:
        from pipeline.control.manage.links import Links

        return Links(self.flows(stored), self._plan, within)

    def previewer(self) -> Previewer:
        from pipeline.operations.preview import Previewer

        return Previewer(self.access, self.apps, self.topics, self.codec)

    def previewed(self, flow: str, link: str, stored: ControlSnapshot) -> CompiledFlow:
        """A flow to look at: the version that `link` runs, where it is one of this flow; else the last."""
        from pipeline.errors import NotThere

        running = stored.links.get(link) if link else None
        record = stored.flow_of(running) if running is not None and running.flow == flow else None
        if link and running is None:
            raise NotThere(f"no link {link!r}; there are: {', '.join(sorted(stored.links)) or 'none'}")
        record = record or self.flows(stored).record(flow)
        return self.check_flow(record.text, record.file)

    def _plan(self, desired: Desired, stored: ControlSnapshot, move_links: bool) -> ApplyPlan:
        return self.applier(probe=False).planned(desired, stored, move_links=move_links)

    def lookup(self) -> Lookup:
        from pipeline.operations.lookup import Lookup

        return Lookup(self.access, self.topics, self.codec)

    def opened(self) -> Opened:
        from pipeline.operations.opened import Opened

        return Opened(self.access, self.topics, self.codec)

    def replay(self) -> Replay:
        from pipeline.operations.replay import Replay

        return Replay(self.access, self.apps, self.topics, self.codec)
