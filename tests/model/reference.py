"""What the system must do, as simply as it can be said. It shares no code and no idea with the pipeline.

It is told what happened (an event was accepted, a decision, a command, a result appeared) and says whether that may be.
Of the system's freedom it leaves exactly this: which of several parties, or of two lanes, goes first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import NamedTuple


class Said(NamedTuple):
    """An event as far as it matters. `kind` is ``account`` or ``invoice``; `subject` its id; `value` "" is missing."""

    id: str
    replay: str
    kind: str
    subject: str
    account: str
    party: str
    version: int
    value: str
    active: bool = True
    hint: bool = False


class Todo(NamedTuple):
    """One command: a step of one event, in its `round` of being sent again."""

    event: Said
    step: str
    round: int = 0

    def makes(self, account: str) -> bool:
        """Whether the contact of an account comes of it."""
        return self.step == "contact" and self.event.subject == account and self.event.value != "bad"


GOOD = frozenset({"succeeded", "unchanged", "superseded"})


@dataclass
class Reference:
    """Parties with queues, objects by key, one result a command."""

    verdicts: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    wanted: defaultdict[tuple[str, str], deque[Todo]] = field(default_factory=lambda: defaultdict(deque))
    queues: defaultdict[tuple[str, str], list[Todo]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[Todo, str] = field(default_factory=dict)
    objects: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """By kind and id: the newest version that was carried out, and its value."""
    marked: set[str] = field(default_factory=set)
    may_refuse: set[tuple[str, str, str]] = field(default_factory=set)
    """Event id, replay and step of commands that the destination, or a person, may have ended."""
    again: set[Todo] = field(default_factory=set)
    aside: dict[tuple[str, str], Todo] = field(default_factory=dict)
    """By app and party, the refused command that it waits behind until a person says so."""
    _released: set[Todo] = field(default_factory=set)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def accepted(self, event: Said) -> None:
        """It has one verdict, and at most one command follows."""
        verdict = self._verdict(event)
        self.verdicts[event.party].append(verdict)
        if verdict != "failed":
            self._seen.add((event.id, event.replay))
        if verdict == "fetching":
            self._want(event, "fetch")
        elif verdict == "matched":
            self._want(event, "contact" if event.kind == "account" else "invoice")

    def decided(self, party: str, verdict: str) -> None:
        """Verdicts of a party come in the order of its events."""
        expected = self.verdicts[party].popleft()
        assert verdict == expected, f"{party}: {verdict}, not {expected}"

    def commanded(self, party: str, step: str, topic: str) -> Todo:
        """Commands of a party and step come in the order in which they are wanted, each once."""
        todo = self.wanted[party, step].popleft()
        self.queues[topic, party].append(todo)
        return todo

    def redriven(self, todo: Todo) -> Todo:
        """A refused command is sent again. Its place among those that came meanwhile is free."""
        assert self.ended[todo] == "refused"
        again = todo._replace(round=todo.round + 1)
        self.again.add(again)
        return again

    def tried_again(self, app: str, party: str) -> bool:
        """Whether what a party is set aside behind has been sent again."""
        held = self.aside.get((app, party))
        return held is not None and held._replace(round=held.round + 1) in self.again

    def settled(self, app: str, party: str, how: str) -> Todo | None:
        """A person's word on a party: it is ``released`` or ``skipped``, or "" where it was found not to be aside."""
        held = self.aside.get((app, party))
        if how == "skipped":
            del self.aside[app, party]
        elif how == "released":
            assert held is not None
            self._released.add(held)
            return self.redriven(held)
        else:
            assert held is None or held in self._released, f"{party} is set aside behind {held}"
        return None

    def finished(self, todo: Todo, status: str, topic: str, cause: str = "") -> None:
        """A command has its one result, in the order of its party, and the right one."""
        queue, event, app = self.queues[topic, todo.event.party], todo.event, topic.partition(".")[0]
        assert todo not in self.ended, f"two results: {todo}"
        held = self.aside.pop((app, event.party), None) if cause != "waited" else None
        assert held is None or todo == held._replace(round=held.round + 1), f"{todo} passed {held}, which is set aside"
        if todo.round:
            self.again.remove(todo)
        else:
            ahead = [one for one in queue[: queue.index(todo)] if one.event.value != "bad"]
            assert not ahead or self._may_pass(todo, ahead), f"{todo} overtook {ahead}"
            queue.remove(todo)
        self.ended[todo] = status
        if status != "refused" or (event.id, event.replay, todo.step) not in self.may_refuse:
            expected = self.expected(todo)
            assert status == expected, f"{todo}: {status}, not {expected}"
        if cause == "conflict" and todo.step != "fetch":
            self.aside[app, event.party] = todo
        if status not in GOOD:
            return
        if todo.step == "contact":
            known = self.objects.get(("account", event.subject), (0, ""))
            self.objects["account", event.subject] = known if event.version < known[0] else (event.version, event.value)
            self._want(event, "mark")
        elif todo.step == "invoice":
            self.objects.setdefault(("invoice", event.subject), (event.version, event.value))
        elif todo.step == "mark":
            self.marked.add(event.subject)

    def expected(self, todo: Todo) -> str:
        """How a command must end that nobody refuses, if it ends now."""
        event = todo.event
        known = self.objects.get((event.kind, event.subject))
        if todo.step == "mark":
            return "unchanged" if event.subject in self.marked else "succeeded"
        if todo.step == "invoice":
            if known is not None:
                return "unchanged" if known[1] == event.value else "refused"
            return "succeeded" if ("account", event.account) in self.objects else "parked"
        if todo.step == "contact":
            if event.value == "bad":
                return "refused"
            if known is not None and event.version < known[0]:
                return "superseded"
            return "unchanged" if known is not None and known[1] == event.value else "succeeded"
        return "succeeded"

    def open(self) -> list[Todo]:
        """What has not ended yet, and what no command was seen for."""
        return [todo for each in (*self.queues.values(), *self.wanted.values(), self.again) for todo in each]

    def _verdict(self, event: Said) -> str:
        if (event.id, event.replay) in self._seen:
            return "duplicate"
        if event.hint:
            return "fetching"
        if not event.active:
            return "not_matched"
        return "matched" if event.value else "failed"

    def _want(self, event: Said, step: str) -> None:
        self.wanted[event.party, step].append(Todo(event, step))

    def _may_pass(self, todo: Todo, ahead: list[Todo]) -> bool:
        """Only what makes the contact that the first of the party waits for, and only past what cannot go either."""
        account = ahead[0].event.account
        waits = ahead[0].step == "invoice" and ("account", account) not in self.objects
        return waits and todo.makes(account) and not any(one.makes(account) for one in ahead)
