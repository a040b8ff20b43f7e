"""Events, faults and operators against the pure core, and a reference that says after each step whether it may be so.

`MODEL_EXAMPLES=10000 python -m pytest tests/model` looks for long, in other places each time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.apps.base import Quota, Response
from pipeline.errors import InDoubt, Refused, Retry, Stopped, Wait
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, Run, redrive_rounds, with_redrive
from pipeline.sinks.verbs import RELEASE, SKIP
from tests.model.apps import BOOKS, SHOP, apps, rules
from tests.model.judge import Judge
from tests.model.system import Flight, System
from tests.model.world import LATE, World
from tests.sinks.toy import T0

QUOTAS = [Quota(windows=((8, 60.0),), day=24, in_flight=at_once) for at_once in (1, 3)]
INSTALLED = [apps(quota) for quota in QUOTAS]
RULES = [rules(installed) for installed in INSTALLED]
INVOICES = {"i1": ("a", "a"), "i2": ("b", "b"), "i3": ("a", "group")}
"""Account and party of each."""
BLOCK = 30.0
LONGEST = 12 * 86400.0
"""Seconds of virtual time within which everything has to come to an end once nothing fails any more."""
FAULTS: dict[str, Callable[[], Exception]] = {
    "unsent": lambda: InDoubt("the connection broke"),
    "retry": lambda: Retry("503"),
    "refuse": lambda: Refused("no", code="15"),
    "exists": lambda: Refused("that name exists", code="3062", cause="conflict"),
    "slow": lambda: Wait("1070", delay=timedelta(seconds=1), scope="call"),
    "block": lambda: Wait("44", delay=timedelta(seconds=BLOCK)),
    "stop": lambda: Stopped("the token is dead"),
    "defect": lambda: KeyError("a defect"),
}
ANSWERS = ("ok", "lost", "late", "clash", *FAULTS)

ids = st.sampled_from(["a", "b"])
values = st.sampled_from(["x", "y", "z", "x", "y", "z", "bad", ""])
often = st.sampled_from([True, True, True, False])
picks = st.integers(0, 7)
delays = st.sampled_from([None, 0.0, 2.0, LATE])
aborts = st.sampled_from(["", "abort"])
seconds = st.sampled_from([1.0, 3.0, 6.0, 11.0, 31.0, 61.0, 0.1, 1000.0, 40000.0, 86400.0])


class Machine(RuleBasedStateMachine):
    """One installation: two workers, one agent, two connections; and a judge who hears all that is committed."""

    @initialize(partitions=st.sampled_from([1, 2]), half=st.booleans(), narrow=st.booleans())
    def begin(self, partitions: int, half: bool, narrow: bool) -> None:
        self.world = World(QUOTAS[not narrow], T0)
        self.system = System(INSTALLED[not narrow], RULES[not narrow], self.world, partitions)
        self.world.intended = self.system.intended
        self.judge = Judge(self.system)
        self.sent: list[Event] = []
        self.replays = self.verbs = 0
        for id_ in ("a", "b"):
            self.world.accounts[id_] = {"id": id_, "version": "2", "value": "x", "active": True}
        if half and partitions == 2:
            self._move(0, 1)
        for app in ("books", "shop"):
            self._say(SKIP, app, "nobody")  # so that their checks are behind them
        self.everybody_works()

    # --- events -------------------------------------------------------------------------------------------------------

    @rule(id_=ids, version=st.integers(1, 4), value=values, active=often, works=often)
    def an_account_changes(self, id_: str, version: int, value: str, active: bool, works: bool) -> None:
        self._send_account(id_, version, value, active)
        self._all_turn(works)

    def _send_account(self, id_: str, version: int, value: str, active: bool = True) -> None:
        data = {"id": id_, "version": str(version), "active": active} | ({"value": value} if value else {})
        if value not in ("", "bad"):
            self.world.accounts[id_] = data
        self._send("account.changed", id_, id_, data)

    @rule(id_=st.sampled_from(list(INVOICES)), value=st.sampled_from(["x", "x", "x", "y"]), works=often)
    def an_invoice_is_issued(self, id_: str, value: str, works: bool) -> None:
        account, party = INVOICES[id_]
        self._send("invoice.issued", id_, party, {"id": id_, "account": account, "version": "1", "value": value})
        self._all_turn(works)

    @rule(kind=st.sampled_from(["hint", "repeat", "repeat", "replay"]), pick=picks)
    def something_is_said_again(self, kind: str, pick: int) -> None:
        if kind == "hint":
            id_ = "ab"[pick % 2]
            self._send("account.changed", id_, id_, {"id": id_}, hint=True)
        elif kind == "repeat" and self.sent:
            self._append(self.sent[-1 - pick % len(self.sent)])
        elif kind == "replay" and self.replays < 2:
            self.replays += 1
            for event in list(self.sent):
                self._append(msgspec.structs.replace(event, replay=f"replay-{self.replays}"))

    def _send(self, trigger: str, subject: str, party: str, data: dict[str, Any], *, hint: bool = False) -> None:
        event = Event(
            id=f"e{len(self.sent)}", source=f"shop/{SHOP}", type=f"shop.{trigger}", subject=subject, connection=SHOP,
            party=party, data=data, hint=hint, sourceversion=str(data.get("version", "")),
        )  # fmt: skip
        self.sent.append(event)
        self._append(event)

    def _append(self, event: Event) -> None:
        self.system.log.append(self.system.topics.events("shop"), event.key, self.system.codec.encode(event))

    # --- agents and sinks ---------------------------------------------------------------------------------------------

    @rule(fate=st.sampled_from(["", "abort", "crash"]))
    def agents_decide(self, fate: str) -> None:
        self.system.decide(fate)

    @rule(pick=picks, fate=st.sampled_from(["", "abort", "crash before", "crash after"]))
    def a_worker_takes_its_turn(self, pick: int, fate: str) -> None:
        if self.system.awake:
            self.system.turn(self.system.awake[pick % len(self.system.awake)], fate)

    @rule(pick=picks, id_=ids, slept=st.sampled_from([3.0, 7.0, 20.0]), other_works=st.booleans(), lost=delays)
    def a_worker_sleeps_before_its_calls(
        self, pick: int, id_: str, slept: float, other_works: bool, lost: float | None
    ) -> None:
        self.system.lost_after = lost
        self._send_account(id_, 5 + pick, "xyz"[pick % 3])
        self.system.decide()
        if self.system.awake:
            self.system.turn(self.system.awake[pick % len(self.system.awake)], "sleep")
        self.system.pass_by(slept)
        self._all_turn(other_works)
        self._wake(True)

    @rule()
    def everybody_works(self) -> None:
        for _ in range(2):
            self._all_turn()
            self._answer_all()
        self._all_turn()

    def _all_turn(self, works: bool = True) -> None:
        if not works:
            return
        self.system.decide()
        for sink in list(self.system.awake):
            self.system.take_over(sink)
            self.system.turn(sink)

    def _answer_all(self) -> None:
        for flight in self.system.flights:
            self._answer(flight, "ok")

    @precondition(lambda self: self.system.flights)
    @rule(pick=picks, kind=st.sampled_from(ANSWERS), after=st.sampled_from([0.0, 2.0, LATE]), works=often)
    def a_call_is_answered(self, pick: int, kind: str, after: float, works: bool) -> None:
        flights = self.system.flights
        self._answer(flights[pick % len(flights)], kind, after)
        self._all_turn(works)

    @precondition(lambda self: self.system.flights)
    @rule(kinds=st.lists(st.sampled_from(["ok", "ok", "lost", "late", "retry", "exists"]), min_size=3, max_size=3))
    def calls_are_answered(self, kinds: list[str]) -> None:
        for flight, kind in zip(self.system.flights, kinds, strict=False):
            self._answer(flight, kind, 2.0)

    @rule(id_=ids, value=values)
    def an_account_is_answered_with_the_contact_of_another(self, id_: str, value: str) -> None:
        for each, given in (({"a": "b", "b": "a"}[id_], "x"), (id_, value)):
            self._send_account(each, 5, given)
            self._all_turn()
            for flight in self.system.flights:
                self._answer(flight, "clash" if each == id_ else "ok")
            self._all_turn()

    @rule(passed=seconds, lost=delays, works=often)
    def time_goes_on(self, passed: float, lost: float | None, works: bool) -> None:
        self.system.lost_after = lost
        self.system.pass_by(passed)
        self._all_turn(works)

    def _answer(self, flight: Flight, kind: str, after: float = 0.0) -> None:
        asked, world, entry = flight.asked, self.world, flight.start.entry
        assert asked is not None
        other = self._other(flight) if kind == "clash" else ""
        touched = any(write.command == asked.command for write in world.ledger)
        if kind in ("refuse", "exists", "defect", "clash"):
            if entry is None or touched or (kind == "clash" and not other):
                kind = "ok"
            else:
                self.judge.may_refuse(entry.command)
        match kind:
            case "ok":
                flight.answer(world.apply(asked))
            case "lost":
                world.apply(asked)
                flight.answer(None, InDoubt("lost"))
            case "late":
                world.lose(asked, after)
                flight.answer(None, InDoubt("504"))
            case "clash":
                world.done(asked)
                flight.answer(Response(200, {}, msgspec.json.encode({"id": other})))
            case _:
                world.done(asked)
                if kind == "block":
                    flight.sink.blocked[asked.connection] = world.now + BLOCK
                flight.answer(None, FAULTS[kind]())

    def _other(self, flight: Flight) -> str:
        """Another contact that is mapped, to be given in place of this one; "" where that cannot be."""
        asked = flight.asked
        if asked is None or asked.request.path != "/contact" or asked.request.method != "PUT":
            return ""
        here = asked.request.headers["key"]
        there = {"a": "b", "b": "a"}[here]
        known = self.world.objects.get((BOOKS, "contact", there))
        if (
            known is None
            or (BOOKS, "contact", here) in self.world.objects
            or f"account/{there}" not in self.judge.pairs()
        ):
            return ""
        return known[0]

    # --- workers come and go ------------------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(["kill", "pause", "clock"]), pick=picks, lost=delays, works=often)
    def a_worker_has_trouble(self, kind: str, pick: int, lost: float | None, works: bool) -> None:
        self.system.lost_after = lost
        sink = self.system.sinks[pick % 2]
        if kind == "kill":
            self.system.crash(sink)
        elif kind == "clock":
            sink.skew = float(pick // 2 % 3 - 1)
        elif sink.asleep_since is None:
            sink.asleep_since = self.world.now
        self._all_turn(works)

    @rule(pick=picks, id_=ids, lost=st.sampled_from([0.0, 2.0, LATE]), passed=st.sampled_from([0.1, 3.0, 11.0]))
    def a_worker_is_killed_with_calls_under_way(self, pick: int, id_: str, lost: float, passed: float) -> None:
        self.system.lost_after = lost
        for version in (5 + pick, 6 + pick):
            self._send_account(id_, version, "xyz"[version % 3])
        self._all_turn()
        for flight in self.system.flights[:1]:
            self.system.crash(flight.sink)
        self._all_turn()
        self.system.pass_by(passed)
        self._all_turn()

    @precondition(lambda self: len(self.system.awake) < 2)
    @rule(sends_first=st.booleans(), lost=delays)
    def a_worker_wakes(self, sends_first: bool, lost: float | None) -> None:
        self.system.lost_after = lost
        self._wake(sends_first)

    def _wake(self, sends_first: bool) -> None:
        for sink in self.system.sinks:
            if sink.asleep_since is not None:
                sink.asleep_since = None
                if sends_first:
                    sink.send()

    @rule(
        pick=picks, to=st.integers(0, 1), answered=st.integers(0, 3), fate=st.sampled_from(["", "abort"]), lost=delays
    )
    def a_partition_is_handed_over(self, pick: int, to: int, answered: int, fate: str, lost: float | None) -> None:
        self.system.lost_after = lost
        self._move(pick % self.system.topics.partitions, to, answered, fate)

    def _move(self, index: int, to: int, answered: int = 3, fate: str = "") -> None:
        sink, successor = self.system.owner_of(index), self.system.sinks[to]
        if sink is None or sink is successor or {sink, successor} - set(self.system.awake):
            return
        sink.hand_over(index, [one for one in sink.flights if one.asked is not None][:answered], fate)
        successor.take_over(index)

    # --- operators ----------------------------------------------------------------------------------------------------

    @rule(
        id_=st.sampled_from([SHOP, BOOKS, BOOKS]),
        kind=st.sampled_from(["pause", "resume", "resume", "mend"]),
        pick=picks,
    )
    def a_connection_is_changed(self, id_: str, kind: str, pick: int) -> None:
        if kind == "mend":
            self._mend(id_, str(pick))
        else:
            self.system.change(id_, paused=kind == "pause")

    def _mend(self, id_: str, token: str) -> None:
        """New credentials need not wait for what the old ones had to wait for."""
        self.system.change(id_, paused=False, secrets={"token": token})
        for sink in self.system.sinks:
            sink.blocked.pop(id_, None)

    @rule(pick=picks, action=st.sampled_from([RELEASE, SKIP]), party=st.sampled_from(["a", "b", "group"]), anew=often)
    def a_person_settles_a_party(self, pick: int, action: str, party: str, anew: bool) -> None:
        """One that is set aside, where there is one. A round that is under way is not asked for twice."""
        reference = self.judge.reference
        if anew:
            self.system.crash(self.system.sinks[pick % 2])
        app, party = ([*sorted(reference.aside)] or [("books", party)])[pick % max(1, len(reference.aside))]
        if not reference.tried_again(app, party):
            self._say(action, app, party)

    @precondition(lambda self: self.judge.letters)
    @rule(pick=picks)
    def a_dead_letter_is_redriven(self, pick: int) -> None:
        letter = self.judge.letters.pop(pick % len(self.judge.letters))
        command = self.system.codec.decode(Command, letter.value or b"")
        if not self.judge.verbs and not self.judge.known(command, redrive_rounds(letter.headers) + 1):
            self.system.log.append(letter.topic, letter.key, letter.value, -1, with_redrive(letter))

    def _say(self, action: str, app: str, party: str) -> None:
        connection, id_ = {"books": BOOKS, "shop": SHOP}[app], f"verb-{self.verbs}"
        self.verbs += 1
        run = Run(
            id=id_, link="", flow="", flow_version="", event_id=id_, event_type="", source_connection=connection,
            subject=party, party=party,
        )  # fmt: skip
        command = Command(
            id=id_, connection=connection, app=app, action=action, party=party, input={}, run=run, step="settle",
            index=0, last=True, scope="",
        )  # fmt: skip
        topic = self.system.topics.commands(app)
        self.system.log.append(topic, connection.encode(), self.system.codec.encode(command))

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def the_reference_allows_what_was_committed(self) -> None:
        self.judge.hear()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self._settle()
            self.judge.compare()

    def _settle(self) -> None:
        """Nothing fails any more, and people do what is theirs to do: then everything ends."""
        self.system.lost_after = None
        self._wake(False)
        for id_ in (SHOP, BOOKS):
            self._mend(id_, "good")
        self.judge.hear()
        pause, until = 1.0, self.world.now + LONGEST
        while self.judge.unfinished():
            assert self.world.now < until, f"never ends: {self.judge.reference.open()}"
            before = len(self.system.log.journal), len(self.world.arrivals[BOOKS])
            self._all_turn()
            self._answer_all()
            self.judge.hear()
            self._help()
            after = len(self.system.log.journal), len(self.world.arrivals[BOOKS])
            pause = min(pause * 2, 3600.0) if before == after else 1.0
            self.system.pass_by(pause)

    def _help(self) -> None:
        """Settles what is set aside, and makes the accounts come that invoices wait for in vain."""
        reference = self.judge.reference
        for (app, party), todo in [] if self.judge.verbs else sorted(reference.aside.items()):
            if not reference.tried_again(app, party):
                self._say(SKIP if reference.expected(todo) == "refused" else RELEASE, app, party)
        waiting = reference.open()
        for id_ in ("a", "b"):
            needed = any(todo.step == "invoice" and todo.event.account == id_ for todo in waiting)
            coming = any(todo.makes(id_) for todo in waiting)
            if needed and not coming and not reference.aside and ("account", id_) not in reference.objects:
                self._send_account(id_, 9, "x")


HUNT = int(os.environ.get("MODEL_EXAMPLES", "0"))
TestModel = Machine.TestCase
TestModel.settings = settings(
    max_examples=HUNT or 300,
    stateful_step_count=80 if HUNT else 50,
    derandomize=not HUNT,
    phases=tuple(Phase) if os.environ.get("MODEL_SHRINK", "1") == "1" else (Phase.generate,),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
