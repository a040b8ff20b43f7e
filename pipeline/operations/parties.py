"""Parties that were set aside: which they are and why, and what an operator says about them."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
from pipeline.operations.delivery import Delivery
from pipeline.operations.opened import Opened
from pipeline.operations.reader import Scan, ends_of, scan
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Cause, Command, Lane, LedgerState, Result, Run
from pipeline.schemas.topics import Topics
from pipeline.sinks.verbs import RELEASE, SKIP

Verb = Literal["release", "skip"]
_ACTIONS: dict[Verb, str] = {"release": RELEASE, "skip": SKIP}


@dataclass(frozen=True, slots=True)
class Aside:
    """A party that waits for a person: `command` was refused and holds up the `behind` that are queued after it.

    `since` is when the refused command was taken up. `round` is how often it was sent again.
    """

    connection: str
    app: str
    party: str
    command: str
    action: str
    subject: str
    since: datetime | None
    cause: Cause
    round: int
    behind: int


@dataclass(frozen=True, slots=True)
class Said:
    """A verb that was sent: `command` is its own id. Results of it and of `party` come from `ends` on."""

    command: str
    verb: Verb
    party: Aside
    ends: dict[int, int]


@dataclass(frozen=True, slots=True)
class Parties:
    """Reads the ledger; says things as commands of the connection, so that each is done once and has a result."""

    access: KafkaAccess
    topics: Topics
    codec: Codec

    def aside(self, connection: str = "") -> list[Aside]:
        """The longest waiting first."""
        rows = Opened(self.access, self.topics, self.codec).rows()
        waiting = Counter((row.command.connection, row.command.party) for row in rows)
        return [
            Aside(
                connection=row.command.connection,
                app=row.command.app,
                party=row.command.party,
                command=row.command.id,
                action=row.command.action,
                subject=row.command.run.subject,
                since=row.since,
                cause=row.cause or Cause(kind="", message=row.reason),
                round=row.redrive,
                behind=waiting[row.command.connection, row.command.party] - 1,
            )
            for row in rows
            if row.state is LedgerState.ASIDE and connection in ("", row.command.connection)
        ]

    def chosen(self, parties: Sequence[str], connection: str = "") -> list[Aside]:
        """Those that are named. Raises `ConfigurationError` for one that is not set aside, or at two connections."""
        found: list[Aside] = []
        there = self.aside(connection)
        for party in parties:
            fitting = [each for each in there if each.party == party]
            if not fitting:
                at = f" at {connection}" if connection else ""
                raise ConfigurationError(
                    f"party {party!r} is not set aside{at}; `pipeline party list` shows those that are"
                )
            if len(fitting) > 1:
                names = ", ".join(each.connection for each in fitting)
                raise ConfigurationError(f"party {party!r} is set aside at {names}: choose one with --connection")
            found += fitting
        return found

    def say(self, verb: Verb, parties: Sequence[Aside]) -> list[Said]:
        """Send it for each. Raises `KafkaUnavailable`."""
        ends = dict(ends_of(self.access, [self.topics.results])[self.topics.results])
        commands = [_command(verb, aside) for aside in parties]
        with Delivery(self.access) as delivery:
            for command in commands:
                topic = self.topics.commands(command.app, bulk=True)
                delivery.produce(topic, command.connection.encode(), self.codec.encode(command), {})
        return [Said(command.id, verb, aside, ends) for command, aside in zip(commands, parties, strict=True)]

    def result(self, said: Said, timeout: float) -> Result | None:
        """What came of it: of a release the refused command's own next result, else the verb's. None: not in time."""
        deadline = time.monotonic() + timeout
        wanted = Scan(self.topics.results, starts=said.ends, follow=True)
        for message in scan(self.access, wanted, stop=lambda: time.monotonic() > deadline):
            result = self.codec.decode(Result, message.value() or b"")
            if result.command == said.command and (said.verb == "skip" or result.operation != "released"):
                return result
            if result.command == said.party.command and result.redrive > said.party.round:
                return result
        return None


def _command(verb: Verb, aside: Aside) -> Command:
    """It belongs to no run: nothing follows from it."""
    id_ = str(uuid.uuid4())
    now = datetime.now(UTC)
    run = Run(
        id=id_,
        link="",
        flow="",
        flow_version="",
        event_id=f"operator-{id_}",
        event_type=_ACTIONS[verb],
        source_connection=aside.connection,
        subject=aside.subject,
        party=aside.party,
    )
    return Command(
        id=id_,
        connection=aside.connection,
        app=aside.app,
        action=_ACTIONS[verb],
        party=aside.party,
        input={},
        run=run,
        step=verb,
        index=0,
        last=True,
        scope="",
        lane=Lane.REDRIVE,
        created=now,
    )
