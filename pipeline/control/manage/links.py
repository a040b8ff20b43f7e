"""Links as people manage them: connections added to a flow, switched on and off, moved, removed.

Every change is planned as `apply` plans a file, so that the same faults are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from pipeline.control.apply import ControlWriter
from pipeline.control.files import Desired, LinkForm, Written, form_faults
from pipeline.control.manage.changes import Changed, Planner, carry_out, not_ended
from pipeline.control.manage.flows import Flows
from pipeline.control.places import Document, Faults
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import ConfigurationError, Conflict, NotThere
from pipeline.schemas.records import Link


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A link in the list. `state`: ``on`` | ``off`` | ``waiting`` (a connection is paused) | ``broken``.

    `why` says more of it. `latest`: it runs the version of its flow that was written last. `runs` are counted by
    status, as far back as the log of runs goes.
    """

    id: str
    flow: str
    version: str
    latest: bool
    connections: dict[str, str]
    options: dict[str, Any]
    enabled: bool
    state: str
    why: str
    runs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Links:
    """Over what is stored now. `within` goes before the places of faults: ``body`` of a request."""

    flows: Flows
    plan: Planner
    within: str = ""

    @property
    def stored(self) -> ControlSnapshot:
        return self.flows.stored

    def cards(self, runs: Mapping[str, Mapping[str, int]], *, flow: str = "") -> list[LinkCard]:
        """`runs` counts by status, by the link's id."""
        links = sorted(self.stored.links.values(), key=lambda link: (link.flow, link.id))
        return [self.card(link, runs.get(link.id, {})) for link in links if not flow or link.flow == flow]

    def card(self, link: Link, runs: Mapping[str, int]) -> LinkCard:
        latest = self.stored.flow(link.flow)
        state, why = self._state(link)
        return LinkCard(
            id=link.id,
            flow=link.flow,
            version=link.flow_version,
            latest=latest is not None and latest.version == link.flow_version,
            connections=dict(link.connections),
            options=dict(link.options),
            enabled=link.enabled,
            state=state,
            why=why,
            runs=dict(runs),
        )

    def link(self, id: str) -> Link:
        """Raises `NotThere`."""
        if id not in self.stored.links:
            there = ", ".join(sorted(self.stored.links)) or "none"
            raise NotThere(f"no link {id!r}; there are: {there}")
        return self.stored.links[id]

    def add(
        self,
        flow: str,
        connections: Mapping[str, str],
        writer: ControlWriter,
        *,
        id: str = "",
        options: Mapping[str, Any] | None = None,
        enabled: bool = True,
    ) -> list[Changed]:
        """Switch a flow on with these connections. One of the catalogue is stored along.

        Raises `Faults` with all that is wrong, `NotThere`, `Conflict` where the id is taken.
        """
        if id in self.stored.links:
            raise Conflict(f"there is a link {id!r} already: change it, or choose another id")
        record = self.flows.record(flow)
        form = {"id": id or self._free(flow), "flow": flow, "connections": dict(connections)}
        desired = self._asked({**form, "options": dict(options or {}), "enabled": enabled})
        if (record.id, record.version) not in self.stored.flows:
            desired = Desired(links=desired.links, flows=((Path(record.file), record.text),))
        return carry_out(self.plan(desired, self.stored, False), writer)

    def change(
        self,
        id: str,
        writer: ControlWriter,
        *,
        connections: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        version: str = "",
        latest: bool = False,
    ) -> list[Changed]:
        """What is given takes the place of what was there; the version stays unless one is named, or the `latest`."""
        link = self.link(id)
        form = {
            "connections": dict(link.connections if connections is None else connections),
            "options": dict(link.options if options is None else options),
            "version": "" if latest else version or link.flow_version,
        }
        return carry_out(self.plan(self._asked(_form(link) | form), self.stored, False), writer)

    def enable(self, id: str, writer: ControlWriter) -> list[Changed]:
        """Checked as a new link is: what has come to be wrong since is said now."""
        form = _form(self.link(id)) | {"enabled": True}
        return carry_out(self.plan(self._asked(form), self.stored, False), writer)

    def disable(self, id: str, writer: ControlWriter) -> list[Changed]:
        """No event starts a run any more; those that are open go on. A broken link can be switched off, too."""
        link = self.link(id)
        if link.enabled:
            writer.write([msgspec.structs.replace(link, enabled=False)])
        return [Changed("link", id, "update" if link.enabled else "unchanged", link.flow_version)]

    def removed(self, id: str, open_runs: int, *, force: bool = False) -> Link:
        """The row that goes. Raises `NotThere`, and `Conflict` while runs of it are open, unless told to.

        A run reads its link at each step: without its row it ends there as failed, and says so.
        """
        link = self.link(id)
        if open_runs and not force:
            raise Conflict(f"{not_ended(open_runs, f'link {id!r}')}: disable it, and remove it when they have")
        return link

    def _asked(self, form: Mapping[str, Any]) -> Desired:
        document = _Sent(Path("link"), self.within, {})
        try:
            return Desired(links=(Written(LinkForm.model_validate(form), document, ()),))
        except ValidationError as error:
            raise Faults(form_faults(error, document)) from None

    def _free(self, flow: str) -> str:
        """The flow's own id, or with the first number that is free."""
        number = 1
        while (id := flow if number == 1 else f"{flow}-{number}") in self.stored.links:
            number += 1
        return id

    def _state(self, link: Link) -> tuple[str, str]:
        record = self.stored.flow_of(link)
        if record is None:
            return "broken", f"version {link.flow_version} of flow {link.flow!r} is gone"
        try:
            flow = self.flows.check(record.text, record.file)
        except ConfigurationError as error:
            return "broken", "; ".join(str(error).splitlines())
        there = self.stored.connections
        gone = [id for app, id in link.connections.items() if id not in there or there[id].app != app]
        faults = [f"there is no connection {id!r} of that app" for id in gone]
        faults += [f"it needs a connection of {app}" for app in flow.apps if app not in link.connections]
        faults += [f"option {name}: {message}" for name, message in flow.option_faults(link.options)]
        if faults:
            return "broken", "; ".join(faults)
        if not link.enabled:
            return "off", ""
        paused = sorted(id for id in link.connections.values() if there[id].paused)
        return ("waiting", f"paused: {', '.join(paused)}") if paused else ("on", "")


class _Sent(Document):
    """What was sent or typed has no lines: a place is the name of its part, below that of the whole."""

    def place(self, *path: str | int) -> str:
        return ".".join(filter(None, (str(self.value), *map(str, path)))) or "link"


def _form(link: Link) -> dict[str, Any]:
    return {
        "id": link.id,
        "flow": link.flow,
        "version": link.flow_version,
        "connections": dict(link.connections),
        "options": dict(link.options),
        "enabled": link.enabled,
    }
