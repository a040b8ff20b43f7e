"""Carry out what files ask for: exchange and seal credentials, write what changed, run the start-up checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.apps.base import App, StartupCheck, Transport
from pipeline.control.checked import FlowCheck
from pipeline.control.connections import check, connect
from pipeline.control.files import Desired, read_files
from pipeline.control.plan import make_plan
from pipeline.control.planned import ApplyPlan, Change, PlannedConnection
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import Controlled, ControlSnapshot
from pipeline.errors import PipelineError
from pipeline.schemas.records import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ControlWriter(Protocol):
    """Where rows are written; returns after the broker acknowledged them."""

    def write(self, records: Iterable[Controlled]) -> None: ...


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one row. `what`: ``create`` | ``update`` | ``unchanged`` | ``failed``; `remedy` says what to mend.

    A connection may be stored and still have a remedy: its credentials are good, its start-up checks are not. `note`
    says what else a person should see.
    """

    kind: str
    id: str
    what: str
    remedy: str = ""
    note: str = ""
    checks: tuple[StartupCheck, ...] = ()
    """Of a connection that was tested."""

    @property
    def good(self) -> bool:
        return not self.remedy


def _http() -> Transport:
    # A third of a second to import, which commands that call no app need not wait for.
    from pipeline.apps.transport import HttpTransport

    return HttpTransport()


@dataclass(frozen=True, slots=True)
class Applier:
    """The function behind `pipeline apply`, `check` and `connect`, and behind the API.

    `transport` makes one transport a connection, of the app's own host. `probe` switches the start-up checks off
    (they call the app), for tests and for machines without a way out.
    """

    apps: Mapping[str, App]
    check_flow: FlowCheck
    box: SecretBox
    transport: Callable[[], Transport] = _http
    probe: bool = True

    def plan(self, files: Iterable[Path], stored: ControlSnapshot, *, key_lost: bool = False) -> ApplyPlan:
        """A dry run: reads the files, calls nobody. Raises `Faults` with all that is wrong.

        `key_lost`: credentials that were sealed under a key that is gone are taken anew from the files.
        """
        return make_plan(read_files(files), stored, self.apps, self.check_flow, self.box, key_lost=key_lost)

    def planned(self, desired: Desired, stored: ControlSnapshot, *, move_links: bool = True) -> ApplyPlan:
        """As `plan`, of what was typed or sent."""
        return make_plan(desired, stored, self.apps, self.check_flow, self.box, move_links=move_links)

    async def apply(self, plan: ApplyPlan, stored: ControlSnapshot, writer: ControlWriter) -> list[Done]:
        """Write what changed. Each connection is written as soon as its code was exchanged: the code works once.

        A connection that cannot be exchanged fails alone; links that need it fail with it unless it was stored before.
        """
        done = [await self._connection(planned, writer) for planned in plan.connections]
        lost = {item.id for item in done if item.what == "failed"} - stored.connections.keys()
        for change in (*plan.flows, *plan.links):
            missing = sorted(lost & set(change.needs))
            if missing:
                remedy = f"not written: connection {', '.join(missing)} could not be made"
                done.append(Done(change.kind, change.id, "failed", remedy))
            else:
                done.append(Done(change.kind, change.id, change.what))
        written = {(item.kind, item.id) for item in done if item.what in ("create", "update")}
        writer.write(change.record for change in (*plan.flows, *plan.links) if (change.kind, change.id) in written)
        return done

    async def test(self, connection: Connection) -> Done:
        """Run the start-up checks of a stored connection."""
        async with self.opened() as transport:
            checked = await check(connection, self.apps[connection.app], self.box, transport)
        return Done("connection", connection.id, "unchanged", checked.remedy, checked.warnings, checked.checks)

    async def _connection(self, planned: PlannedConnection, writer: ControlWriter) -> Done:
        if not planned.changed and planned.stored is not None:
            return await self.test(planned.stored) if self.probe else Done("connection", planned.id, "unchanged")
        record = planned.kept()
        if record is None:
            try:
                record = await self.exchange(planned)
            except PipelineError as error:
                return Done("connection", planned.id, "failed", str(error))
        if planned.stored is None:
            writer.write([record])
            tested = await self._tested(record)
            return Done("connection", planned.id, "create", tested.remedy, tested.note)
        tested = await self._tested(record)
        if tested.remedy:
            return Done("connection", planned.id, "failed", f"not written, what was stored stays: {tested.remedy}")
        writer.write([record])
        return Done("connection", planned.id, "update", note="; ".join(filter(None, (planned.note, tested.note))))

    async def _tested(self, record: Connection) -> Done:
        return await self.test(record) if self.probe else Done("connection", record.id, "unchanged")

    async def exchange(self, planned: PlannedConnection) -> Connection:
        """What was typed, exchanged and sealed; nothing is written. Raises the `EffectError`s."""
        async with self.opened() as transport:
            return await connect(
                id=planned.id,
                app=planned.app,
                settings=planned.settings,
                secrets=planned.secrets or {},
                paused=planned.paused,
                box=self.box,
                transport=transport,
                hook=planned.hook(self.box),
                name=planned.name,
            )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Transport]:
        """A transport, for one connection."""
        transport = self.transport()
        try:
            yield transport
        finally:
            close = getattr(transport, "close", None)
            if close is not None:
                await close()


def changes(plan: ApplyPlan) -> list[Done]:
    """What `apply` would do, for a dry run."""
    done = []
    for planned in plan.connections:
        what = "unchanged" if not planned.changed else "create" if planned.stored is None else "update"
        done.append(Done("connection", planned.id, what, note=planned.note))
    rows: tuple[Change, ...] = (*plan.flows, *plan.links)
    return [*done, *(Done(change.kind, change.id, change.what) for change in rows)]
