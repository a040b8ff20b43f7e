"""Tells the reference what was committed, and in the end compares what there is with what it says there must be."""

from __future__ import annotations

from collections.abc import Mapping as MappingType

from confluent_kafka import Message

from pipeline.kafka.messages import headers_of
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Command, DeadLetter, Decision, Mapping, Result, redrive_rounds
from pipeline.sinks.verbs import VERBS
from tests.model.reference import Reference, Said, Todo
from tests.model.system import PARKING, System
from tests.model.world import SKEW

Place = tuple[str, str, str]
"""Event id, replay and step: what a command is for."""


class Judge:
    """Reads the journal. `letters` are the dead letters of commands, `verbs` the operator's words without a result."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.reference = Reference()
        self.letters: list[DeadLetter] = []
        self.verbs: set[str] = set()
        self._said = 0
        self._read = 0
        self._commands: dict[tuple[Place, int], tuple[Todo, str]] = {}
        self._since: dict[Place, float] = {}

    # --- while it runs ------------------------------------------------------------------------------------------------

    def hear(self) -> None:
        """Everything that was committed since. Raises AssertionError where the reference does not allow it."""
        journal, self._read = self.system.log.journal[self._read :], len(self.system.log.journal)
        for message in journal:
            self._hear(message)

    def _hear(self, message: Message) -> None:
        topics, codec = self.system.topics, self.system.codec
        topic, value = message.topic() or "", message.value() or b""
        if topic == topics.events("shop"):
            self.reference.accepted(said(codec.decode_event(value)))
        elif topic == topics.decisions:
            decision = codec.decode(Decision, value)
            self.reference.decided(decision.party, decision.verdict.value)
        elif topic in topics.carried_out():
            self._command(codec.decode(Command, value), topic, redrive_rounds(headers_of(message)))
        elif topic == topics.results:
            self._result(codec.decode(Result, value))
        elif topic == topics.dead_letters:
            letter = codec.decode(DeadLetter, value)
            self.letters += [letter] if letter.command else []

    def _command(self, command: Command, topic: str, round_: int) -> None:
        if command.action in VERBS:
            self.verbs.add(command.id)
            self._said += 1
            return
        place = place_of(command)
        if round_:
            todo = self.reference.redriven(self._commands[place, round_ - 1][0])
        else:
            todo = self.reference.commanded(command.party, command.step, topic)
            assert (todo.event.id, todo.event.replay) == place[:2], f"{place} came before {todo}"
            self._since[place] = self.system.world.now
        self._commands[place, round_] = todo, topic

    def _result(self, result: Result) -> None:
        if result.action in VERBS:
            self.verbs.remove(result.command)
            again = self.reference.settled(result.app, result.party, result.operation)
            if again is not None:
                place = (again.event.id, again.event.replay, again.step)
                self._commands[place, again.round] = again, self._commands[place, 0][1]
            return
        place, cause = (result.event_id, result.replay, result.step), result.cause.kind if result.cause else ""
        todo, topic = self._commands[place, result.redrive]
        if cause == "waited":
            assert self.system.world.now >= self._since[place] + PARKING - SKEW
            self.reference.may_refuse.add(place)
        self.reference.finished(todo, result.status.value, topic, cause)

    def may_refuse(self, command: Command) -> None:
        """The destination gave an answer that may end this command in a refusal."""
        self.reference.may_refuse.add(place_of(command))

    def known(self, command: Command, round_: int) -> bool:
        """Whether this round of a command has been asked for already."""
        return (place_of(command), round_) in self._commands

    # --- in the end ---------------------------------------------------------------------------------------------------

    def unfinished(self) -> bool:
        """Whether anything is still to come of what was accepted."""
        topics, log, world, reference = self.system.topics, self.system.log, self.system.world, self.reference
        indexes = range(topics.partitions)
        unread = any(log.next("agents", topic, index) for topic in topics.decided() for index in indexes)
        people = self.verbs or reference.aside
        return bool(unread or people or reference.open() or world.under_way or world.late)

    def compare(self) -> None:
        """The ledger is empty, and objects, marks and pairs are those of the reference."""
        topics, log, reference = self.system.topics, self.system.log, self.reference
        indexes = range(topics.partitions)
        assert not any(list(log.last(topics.ledger, index)) for index in indexes), "the ledger is not empty"
        assert not any(reference.verdicts.values()), "events without a decision"
        results = sum(message.topic() == topics.results for message in log.journal)
        assert results == len(reference.ended) + self._said
        made = {(noun, key): state for (_, noun, key), state in self.system.world.objects.items()}
        wanted = {(_NOUN[kind], id_): value for (kind, id_), (_, value) in reference.objects.items()}
        wanted |= {("mark", id_): made["contact", id_][0] for id_ in reference.marked}
        assert {place: value for place, (_, _, value) in made.items()} == wanted
        pairs = self.pairs()
        assert all(pairs[far][0] == near for near, (far, _) in pairs.items()), f"pairs that do not agree: {pairs}"
        assert len(pairs) == 2 * len(wanted)

    def pairs(self) -> MappingType[str, tuple[str, str]]:
        """The mappings in the log, by ``type/id``: the far side, and the value last applied."""
        topics, found = self.system.topics, {}
        for index in range(topics.partitions):
            for key, value in self.system.log.last(topics.mappings, index):
                row = self.system.codec.decode(Mapping, value)
                found["/".join(key.decode().split("/")[2:])] = f"{row.other.type}/{row.other.id}", row.hash
        return found


_NOUN = {"account": "contact", "invoice": "invoice"}


def place_of(command: Command) -> Place:
    return command.run.event_id, command.run.replay, command.step


def said(event: Event) -> Said:
    """The event as the reference hears of it."""
    kind = "account" if event.type == "shop.account.changed" else "invoice"
    data = event.data
    return Said(
        event.id, event.replay, kind, event.subject, data.get("account", event.subject), event.party,
        int(data.get("version", 0)), data.get("value", ""), data.get("active", True), event.hint,
    )  # fmt: skip
