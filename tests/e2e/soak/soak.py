"""The soak: every flow of the catalogue switched on between one Togai and one Zoho Books, people at work in both.

Webhooks are lost, repeated and reordered meanwhile; polls find what no webhook told of. In the end both twins have to
agree, nothing may be there twice, and no call may be made any more: each write comes back as an event, and ends there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.apps.registry import load_apps
from pipeline.control.secrets import load_secret_box
from pipeline.flows.compile import CompiledFlow, load_flow
from pipeline.flows.files import flow_files
from pipeline.gateway.hooks import hook_path, signed_path
from pipeline.operations.settle import Watchman
from pipeline.sandbox.config import Hook, ZohoHook
from pipeline.sandbox.togai.hooks import HookFaults as TogaiHookFaults
from pipeline.sandbox.zohobooks.hooks import HookFaults as BooksHookFaults
from tests.e2e.control import BOOKS, TOGAI
from tests.e2e.machine import PATIENCE, Machine
from tests.e2e.soak.agreement import differences
from tests.e2e.soak.both import Both
from tests.e2e.soak.people import People
from tests.e2e.twins import ROOT

CATALOGUE = ROOT / "configs" / "flows"
CONNECTIONS = {TOGAI: "togai", BOOKS: "zohobooks"}
SECRET = "soaksoaksoak1"
FAULTS = {"drop": 0.15, "duplicate": 0.15, "reorder": 2}
POLL_SECONDS = 1.0
LISTS = {
    "books": ("contacts", "invoices", "customerpayments"),
    "togai": ("accounts", "invoices", "payments", "credits"),
}
"""What polls ask for."""
LOOKS = 5
"""Between two bursts of edits: the pipeline comes to a part of them."""
QUIET_ROUNDS = 3
"""How many rounds of polls have to pass without a write."""
WRITES_AN_EDIT = 3.0
"""Most writing calls that an edit may come to, over all edits: an invoice takes three, a payment one."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it; `writes` are the pipeline's own writing calls."""

    edits: Mapping[str, int]
    writes: int
    after: int
    differences: list[str]
    hooks: Mapping[str, int]
    verdicts: Mapping[str, int]
    refused: list[str]
    seconds: float

    @property
    def good(self) -> bool:
        return not (self.differences or self.after or self.refused) and self.writes <= WRITES_AN_EDIT * self.count

    @property
    def count(self) -> int:
        return sum(self.edits.values())

    def __str__(self) -> str:
        made = ", ".join(f"{count} {name}" for name, count in sorted(self.edits.items()))
        hooks = ", ".join(f"{count} {name}" for name, count in self.hooks.items())
        verdicts = ", ".join(f"{count} {name}" for name, count in sorted(self.verdicts.items()))
        lines = [
            f"{self.count} edits in {self.seconds:.0f} s: {made}",
            f"webhooks: {hooks}",
            f"decisions: {verdicts}",
            f"writing calls: {self.writes}, {self.writes / max(1, self.count):.1f} an edit, {self.after} in the end",
            f"{len(self.refused)} commands refused, {len(self.differences)} differences",
        ]
        return "\n".join([*lines, *self.refused[:10], *self.differences[:20]])


class Soak:
    """One machine, all flows; `edit` as often as wanted, then `settle`."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self.machine = machine
        self.both = Both(machine.twins)
        self.people = People(self.both, seed)
        self._seed = seed
        self._began = time.monotonic()
        self._apps = load_apps()
        files = flow_files(CATALOGUE)
        self._flows = [load_flow(file.read_text(encoding="utf-8"), self._apps, file.name) for file in files]

    def begin(self) -> None:
        """Switch everything on, and let webhooks go wrong."""
        control, machine = self.machine.control, self.machine
        polls: dict[str, Any] = {"poll_seconds": POLL_SECONDS}
        secrets = {"self_client_code": machine.twins.code(), "webhook_secret": SECRET}
        books = control.books(secrets=secrets, recognize_sent=True, poll_overlap_seconds=3600, **polls)
        file = control.write([control.togai(**polls), books], [_link(flow) for flow in self._flows])
        done = machine.apply(file)
        assert all(item.good for item in done.values()), done
        self._hook()
        # What is there when a poll looks for the first time is nothing new.
        self.machine.until(lambda: all(map(self._has_looked, (TOGAI, BOOKS))), "every poll has begun")
        self._polls_go_round(1)

    def edit(self, times: int) -> None:
        """So many at once; then a look at what the pipeline does with them, which it does meanwhile."""
        for _ in range(times):
            self.people.edit()
        for _ in range(LOOKS):
            self.machine.record.poll()

    def sync_all(self) -> None:
        """A person asks for everything to be gone through, in the middle of it all."""
        event = {"specversion": "1.0", "id": "sync-all", "source": f"togai/{TOGAI}", "type": "togai.on_demand"}
        self.machine.send([{**event, "subject": "all", "connection": TOGAI, "party": "all", "data": {"payload": {}}}])

    def settle(self) -> Soaked:
        """Until both agree and nothing is open; then some rounds of polls more, which have to write nothing."""
        twins = self.machine.twins
        twins.togai.call(twins.togai.twin.state.hooks.flush)
        twins.books.call(self._books_hooks().flush)
        self.machine.until(lambda: not differences(self.both), "both twins agree")
        self._settled()
        before = self._writes()
        self._polls_go_round(QUIET_ROUNDS)
        self._settled()
        record = self.machine.record
        return Soaked(
            edits=dict(self.people.made),
            writes=self._writes(),
            after=self._writes() - before,
            differences=differences(self.both),
            hooks=self._hooks(),
            verdicts=Counter(str(decision.verdict) for decision in record.decisions),
            refused=[
                f"{each.flow} {each.step} of {each.subject}: {each.cause.message}"
                for each in record.results
                if each.cause
            ],
            seconds=time.monotonic() - self._began,
        )

    # --- inside -------------------------------------------------------------------------------------------------

    def _has_looked(self, connection: str) -> bool:
        """Whether each poll of the connection that flows wait for has been through once."""
        app, state = self._apps[CONNECTIONS[connection]], self.machine.record.states.get(connection)
        wanted = {flow.spec.trigger.event for flow in self._flows if flow.app is app}
        names = {poll.name for poll in app.polls.values() if poll.triggers & wanted}
        return state is not None and names <= state.cursors.keys()

    def _polls_go_round(self, times: int) -> None:
        before = self._rounds()
        self.machine.until(
            lambda: all(now > before[name] + times for name, now in self._rounds().items()), "all polls went round"
        )

    def _settled(self) -> None:
        here = self.machine.here
        Watchman(here.access, here.topics, here.codec).settled(timeout=PATIENCE, parked=True)
        while self.machine.record.poll(0.2):
            pass

    def _hook(self) -> None:
        """Togai calls an address for each kind, Zoho Books a signed one; both lose, repeat and reorder."""
        twins, box, gateway = self.machine.twins, load_secret_box(self.machine.here.settings), self.machine.gateway
        for kind in ("account.created", "invoice.generated", "invoice.updated"):
            twins.hook(Hook(kind=kind, url=gateway + hook_path("togai", TOGAI, kind, box)))
        hooks = self._books_hooks()
        url = f"{gateway}{signed_path('zohobooks', BOOKS)}?event={{kind}}"
        twins.books.call(lambda: hooks.hooks.append(ZohoHook(kind="*", url=url, secret=SECRET)))
        faults = {**FAULTS, "seed": self._seed}
        twins.togai.call(partial(twins.togai.twin.state.hooks.set_faults, TogaiHookFaults(**faults)))  # type: ignore[arg-type]
        twins.books.call(partial(hooks.set_faults, BooksHookFaults(**faults)))  # type: ignore[arg-type]

    def _books_hooks(self) -> Any:
        twins = self.machine.twins
        return twins.books.twin.state.organizations[twins.organization].hooks

    def _hooks(self) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for hooks in (self.machine.twins.togai.twin.state.hooks, self._books_hooks()):
            sums.update({name: count for name, count in hooks.counters().items() if count})
        return dict(sums)

    def _writes(self) -> int:
        """The pipeline's writing calls: those of Togai's API that people made are no part of them."""
        return self.machine.twins.writing_calls() - self.both.calls

    def _rounds(self) -> dict[str, int]:
        """How often each list was asked for."""
        twins = self.machine.twins
        found = Counter((app, entry.kind) for app in LISTS for entry in getattr(twins, app).ledger.entries)
        return {f"{app} {kind}": found[app, f"{kind}.list"] for app, kinds in LISTS.items() for kind in kinds}


def _link(flow: CompiledFlow) -> dict[str, Any]:
    connections = {app: connection for connection, app in CONNECTIONS.items() if app in flow.apps}
    return {"id": flow.id, "flow": flow.id, "connections": connections}


def soak(machine: Machine, *, edits: int, seed: int, burst: int = 8) -> Soaked:
    """`edits` in bursts; in between, the pipeline catches up as far as it does."""
    run = Soak(machine, seed)
    run.begin()
    for done in range(0, edits, burst):
        if done <= edits // 2 < done + burst:
            run.sync_all()
        run.edit(min(burst, edits - done))
    return run.settle()
