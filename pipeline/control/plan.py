"""What applying files would change: pure, from what is written, what is stored, and the apps and flows there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import ValidationError

from pipeline.apps.base import App, ChecksSecrets
from pipeline.control.checked import CheckedFlow, FlowCheck
from pipeline.control.connections import locked, same_secrets
from pipeline.control.files import ConnectionForm, Desired, LinkForm, Written, form_faults
from pipeline.control.joined import joined_otherwise, place_of
from pipeline.control.places import Fault, Faults
from pipeline.control.planned import ApplyPlan, Change, PlannedConnection, as_stored
from pipeline.control.rivals import rivals
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import ConfigurationError
from pipeline.schemas.records import Connection, FlowVersion, Link


def make_plan(
    desired: Desired,
    stored: ControlSnapshot,
    apps: Mapping[str, App],
    check_flow: FlowCheck,
    box: SecretBox,
    *,
    key_lost: bool = False,
    move_links: bool = True,
) -> ApplyPlan:
    """Raises `Faults` with every fault of the files at once.

    `move_links`: links that are not written run the version of their flow that is applied now, else they stay.
    """
    planner = _Planner(desired, stored, apps, check_flow, box, key_lost, move_links)
    plan = planner.plan()
    if planner.faults:
        raise Faults(planner.faults)
    return plan


class _Planner:
    def __init__(  # noqa: PLR0917
        self,
        desired: Desired,
        stored: ControlSnapshot,
        apps: Mapping[str, App],
        check_flow: FlowCheck,
        box: SecretBox,
        key_lost: bool,
        move_links: bool,
    ) -> None:
        self._key_lost, self._move_links = key_lost, move_links
        self._desired, self._stored, self._apps, self._check_flow, self._box = desired, stored, apps, check_flow, box
        self.faults = list(desired.faults)
        self._app_of = {id: connection.app for id, connection in stored.connections.items()}
        self._places = {
            id: place_of(apps.get(connection.app), id, connection.settings)
            for id, connection in stored.connections.items()
        }
        self._checked: dict[str, CheckedFlow] = {}
        self._applied: set[str] = set()
        self._versions: dict[tuple[str, str], CheckedFlow | None] = {}
        self._broken_flows = 0

    def plan(self) -> ApplyPlan:
        for kind, written in (("connection", self._desired.connections), ("link", self._desired.links)):
            self._once(kind, written)
        connections = [plan for written in self._desired.connections if (plan := self._connection(written))]
        flows = [change for file, text in self._desired.flows if (change := self._flow(str(file), text))]
        links = [change for written in self._desired.links if (change := self._link(written))]
        if self._move_links:
            links += self._moved_links({written.form.id for written in self._desired.links})
        if not self.faults:
            self._clashes(links)
        return ApplyPlan(tuple(connections), tuple(flows), tuple(links))

    def _once(self, kind: str, all_written: Sequence[Written]) -> None:
        seen: dict[str, Written] = {}
        for written in all_written:
            first = seen.setdefault(written.form.id, written)
            if first is not written:
                place = first.document.place(*first.path)
                self.faults.append(written.fault(f"{kind} {written.form.id!r} is there twice; first at {place}", "id"))

    def _connection(self, written: Written) -> PlannedConnection | None:
        form: ConnectionForm = written.form
        before = len(self.faults)
        # Known even where it is faulty, and fit for any app: a link to it is not a second fault.
        self._app_of[form.id] = form.app if form.app in self._apps else ""
        self._places[form.id] = place_of(self._apps.get(form.app), form.id, form.settings)
        app = self._apps.get(form.app)
        if app is None:
            installed = ", ".join(self._apps)
            self.faults.append(written.fault(f"no app {form.app!r}: installed are {installed}", "app"))
            return None
        stored = self._stored.connections.get(form.id)
        if stored is not None and stored.app != form.app:
            message = f"connection {form.id!r} is one of app {stored.app!r}: choose another id"
            self.faults.append(written.fault(message, "app"))
        settings: Mapping[str, Any] = {}
        try:
            # What is left out stays out: a default that changes in a later version then holds for it too.
            settings = app.settings.model_validate(form.settings).model_dump(mode="json", exclude_unset=True)
        except ValidationError as error:
            self.faults += form_faults(error, written.document, *written.path, "settings")
        for name in form.secrets.keys() - app.secrets.keys():
            message = f"{form.app} has no secret {name!r}; it has: {', '.join(app.secrets)}"
            self.faults.append(written.fault(message, "secrets", name))
        secrets = self._secrets(written, stored)
        if len(self.faults) > before:
            return None
        return PlannedConnection(written, app, settings, secrets, stored)

    def _secrets(self, written: Written, stored: Connection | None) -> Mapping[str, str] | None:
        form: ConnectionForm = written.form
        typed = {name: source.read(written.document.file.parent) for name, source in form.secrets.items()}
        why = locked(stored, self._box) if stored is not None else ""
        if why and not self._key_lost:
            # Else a used code would be exchanged again, or a secret sealed under a key that the workers have not.
            self.faults.append(written.fault(why, "id"))
            return None
        if stored is not None and not why and same_secrets(stored, typed, self._box):
            return None
        for name, value in typed.items():
            if value is None:
                message = f"{name}: {form.secrets[name]} is not set, empty or not readable"
                self.faults.append(written.fault(message, "secrets", name))
        given = {name: value for name, value in typed.items() if value is not None}
        app = self._apps[form.app]
        if isinstance(app, ChecksSecrets):
            # One that is named and not to be had is said to be so above; it is not missing besides.
            said = [fault for fault in app.secret_faults(given) if fault[0] not in typed or typed[fault[0]] is not None]
            self.faults += [written.fault(f"{name}: {message}", "secrets", name) for name, message in said]
        return given

    def _flow(self, file: str, text: str) -> Change | None:
        try:
            flow = self._check_flow(text, file)
        except ConfigurationError as error:
            self._broken_flows += 1
            self.faults += error.faults if isinstance(error, Faults) else _flow_faults(error, file)
            return None
        if (other := self._checked.get(flow.id)) is not None and other.version != flow.version:
            self.faults.append(Fault(file, f"flow {flow.id!r} is in two of the files, with different content"))
            return None
        self._checked[flow.id] = flow
        self._applied.add(flow.id)
        record = FlowVersion(id=flow.id, version=flow.version, text=text, file=file)
        latest = self._stored.flow(flow.id)
        what = "create" if latest is None else "unchanged" if latest.version == flow.version else "update"
        return Change("flow", flow.id, what, record)

    def _link(self, written: Written) -> Change | None:
        form: LinkForm = written.form
        if form.version:
            return self._link_to(written, self._version_named(written))
        flow = self._flow_named(form.flow)
        if flow is None:
            # A flow of these files that does not compile may be the one that is meant: it has its own faults.
            if not self._broken_flows:
                known = sorted({*self._checked, *(id for id, _ in self._stored.flows)})
                message = f"no flow {form.flow!r}; there are: {', '.join(known) or 'none'}"
                self.faults.append(written.fault(message, "flow"))
            return None
        return self._link_to(written, flow)

    def _link_to(self, written: Written, flow: CheckedFlow | None) -> Change | None:
        if flow is None:
            return None
        form: LinkForm = written.form
        before = len(self.faults)
        for app in sorted(set(flow.apps) - form.connections.keys()):
            self.faults.append(written.fault(f"flow {flow.id!r} needs a connection for app {app!r}", "connections"))
        for app, connection in form.connections.items():
            if app not in flow.apps:
                message = f"flow {flow.id!r} has no app {app!r}; its apps are: {', '.join(sorted(flow.apps))}"
                self.faults.append(written.fault(message, "connections", app))
            elif connection not in self._app_of:
                message = f"no connection {connection!r}; there are: {', '.join(sorted(self._app_of)) or 'none'}"
                self.faults.append(written.fault(message, "connections", app))
            elif self._app_of[connection] not in (app, ""):
                message = f"connection {connection!r} is one of app {self._app_of[connection]!r}, not of {app!r}"
                self.faults.append(written.fault(message, "connections", app))
        for option, message in flow.option_faults(form.options):
            self.faults.append(written.fault(f"option {option}: {message}", "options", option))
        if len(self.faults) > before:
            return None
        link = Link(
            id=form.id,
            flow=flow.id,
            flow_version=flow.version,
            connections=form.connections,
            options=form.options,
            enabled=form.enabled,
        )
        stored = self._stored.links.get(form.id)
        what = "create" if stored is None else "unchanged" if stored == as_stored(link) else "update"
        return Change("link", form.id, what, link, tuple(form.connections.values()))

    def _flow_named(self, id: str) -> CheckedFlow | None:
        if id not in self._checked and (stored := self._stored.flow(id)) is not None:
            try:
                self._checked[id] = self._check_flow(stored.text, stored.file)
            except ConfigurationError as error:
                self._broken_flows += 1
                self.faults += _flow_faults(error, f"stored flow {id}")
        return self._checked.get(id)

    def _version_named(self, written: Written) -> CheckedFlow | None:
        form: LinkForm = written.form
        applied = self._checked.get(form.flow)
        if applied is not None and applied.version == form.version:
            return applied
        record = self._stored.flows.get((form.flow, form.version))
        if record is None:
            there = ", ".join(version for id, version in self._stored.flows if id == form.flow) or "none"
            message = f"flow {form.flow!r} has no version {form.version!r}; there are: {there}"
            self.faults.append(written.fault(message, "version"))
            return None
        try:
            return self._check_flow(record.text, record.file)
        except ConfigurationError as error:
            self.faults += _flow_faults(error, f"version {form.version} of flow {form.flow}")
            return None

    def _moved_links(self, written: Collection[str]) -> list[Change]:
        """Links that no file names run the version of their flow that is applied now."""
        moved = []
        for link in self._stored.links.values():
            flow = self._checked.get(link.flow)
            if (
                link.id in written
                or flow is None
                or link.flow not in self._applied
                or flow.version == link.flow_version
            ):
                continue
            problems = [f"option {name}: {message}" for name, message in flow.option_faults(link.options)]
            problems += [f"no connection for app {app!r}" for app in sorted(set(flow.apps) - link.connections.keys())]
            if problems:
                what = f"link {link.id!r} cannot run this version: {'; '.join(problems)}; write the link too"
                self.faults.append(Fault(f"flow {flow.id}", what))
                continue
            record = msgspec.structs.replace(link, flow_version=flow.version)
            moved.append(Change("link", link.id, "update", record, tuple(link.connections.values())))
        return moved

    def _clashes(self, changes: Sequence[Change]) -> None:
        """Links that stand in the way of others, as far as these files switch one of them on or move it."""
        changed = {change.id: change.record for change in changes if isinstance(change.record, Link)}
        links = ({**self._stored.links, **changed}).values()
        for id, message in rivals(links, changed, self._flow_of):
            self.faults.append(self._link_fault(id, message, "flow"))
        for id, message in joined_otherwise(links, changed, self._places):
            self.faults.append(self._link_fault(id, message, "connections"))

    def _link_fault(self, id: str, message: str, part: str) -> Fault:
        """At the part of the link in the files; by its name where they do not hold it."""
        written = next((one for one in self._desired.links if one.form.id == id), None)
        return written.fault(message, part) if written else Fault(f"link {id}", message)

    def _flow_of(self, link: Link) -> CheckedFlow | None:
        """The version that a link runs; None where it is gone or broken, which is told where events are decided."""
        checked = self._checked.get(link.flow)
        if checked is not None and checked.version == link.flow_version:
            return checked
        key = link.flow, link.flow_version
        if key not in self._versions:
            record = self._stored.flow_of(link)
            try:
                self._versions[key] = self._check_flow(record.text, record.file) if record is not None else None
            except ConfigurationError:
                self._versions[key] = None
        return self._versions[key]


def _flow_faults(error: ConfigurationError, file: str) -> list[Fault]:
    """Each line of a compiler's error; one that is already written as ``place: message`` keeps its place."""
    faults = []
    for line in str(error).splitlines():
        place, colon, message = line.partition(": ")
        known = bool(colon) and place.startswith(file)
        faults.append(Fault(place, message) if known else Fault(file, line))
    return faults
