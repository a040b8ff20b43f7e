"""What travels on the topics besides events: one model a record. Values on the wire are JSON or Avro (`schemas.codec`).

All are frozen. Times are aware UTC; money is a decimal string; ids are strings.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the records."""


class Lane(StrEnum):
    """Who is served first, in this order. `DEPENDENCY`: a command that a live one waits for."""

    LIVE = "live"
    DEPENDENCY = "dependency"
    REDRIVE = "redrive"
    REPLAY = "replay"
    RECONCILE = "reconcile"

    @property
    def urgent(self) -> bool:
        """Whether it may use the calls that are kept for live commands, and travels on the live topic."""
        return self in (Lane.LIVE, Lane.DEPENDENCY)


# --- deciding -----------------------------------------------------------------------------------------------------


class Run(Record, frozen=True, kw_only=True):
    """One event through one link; it travels with each command and step. `id` is uuid5(event, link, replay).

    `trigger` holds only the values that later steps read; `outputs` what each ended step gave, by step id.
    """

    id: str
    link: str
    flow: str
    flow_version: str
    event_id: str
    event_type: str
    source_connection: str
    subject: str
    party: str
    sourceversion: str = ""
    replay: str = ""
    traceparent: str = ""
    trigger: dict[str, Any] = {}
    outputs: dict[str, dict[str, Any]] = {}


class Emit(Record, frozen=True, kw_only=True):
    """What a fetch becomes: an event of `type` with the fetched object as data, no hint any more."""

    type: str
    source_connection: str


class Command(Record, frozen=True, kw_only=True):
    """One action to be carried out at `connection`. `id` is uuid5(run, step).

    `scope` names the two connections whose ids are mapped to each other (`mapping_scope`).
    `index` is the step's place in the flow; the run goes on through `flow.steps` unless `last`.
    """

    id: str
    connection: str
    app: str
    action: str
    party: str
    input: dict[str, Any]
    run: Run
    step: str
    index: int
    last: bool
    scope: str
    lane: Lane = Lane.LIVE
    emit: Emit | None = None
    created: datetime | None = None


class Step(Record, frozen=True, kw_only=True):
    """A run goes on: the step at `index` ended well and its output is in `run.outputs`. `id` is that command's."""

    id: str
    run: Run
    step: str
    index: int
    lane: Lane = Lane.LIVE


class Verdict(StrEnum):
    """What became of an event (or, in `LinkDecision`, of an event at one link)."""

    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    NO_LINK = "no_link"
    FETCHING = "fetching"
    DUPLICATE = "duplicate"
    ECHO = "echo"
    FAILED = "failed"


class LinkDecision(Record, frozen=True, kw_only=True):
    """One link's verdict. For a non-match, `clause` is the first that was false and `read` the values it read."""

    link: str
    flow: str
    flow_version: str
    verdict: Verdict
    clause: str = ""
    read: dict[str, Any] = {}
    message: str = ""
    run: str = ""
    command: str = ""


class Decision(Record, frozen=True, kw_only=True):
    """One record an event: what each link decided. Also written for repeated events (`duplicate`)."""

    event_id: str
    event_type: str
    connection: str
    party: str
    subject: str
    verdict: Verdict
    links: list[LinkDecision] = []
    message: str = ""
    replay: str = ""
    decided: datetime | None = None


# --- carrying out -------------------------------------------------------------------------------------------------


class ObjectRef(Record, frozen=True, kw_only=True):
    """An object in an app: `type` is the app's own noun (``account``, ``contact``, ``invoice``)."""

    app: str
    type: str
    id: str


class Status(StrEnum):
    """How a command ended."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    REFUSED = "refused"


class Cause(Record, frozen=True, kw_only=True):
    """Why something was refused: `kind` groups, `code` is the destination's own where it gave one."""

    kind: str
    code: str = ""
    message: str = ""


class Result(Record, frozen=True, kw_only=True):
    """The one terminal record of a command: the public contract of `sync.results`.

    `settled` says how an effect became certain: ``answer`` (the call's own), ``repeat`` (the keyed call was repeated
    after a lost answer), ``lookup`` (the object was found by our number or name), ``none`` (no call was needed).
    `calls` counts calls to the destination, reads included. `redrive` is the round of a command that was refused before
    and sent again: one result a command and round.
    """

    command: str
    run: str
    link: str
    flow: str
    step: str
    event_id: str
    event_type: str
    subject: str
    connection: str
    app: str
    action: str
    party: str
    status: Status
    operation: str = ""
    object: ObjectRef | None = None
    output: dict[str, Any] = {}
    cause: Cause | None = None
    warnings: list[str] = []
    attempts: int = 0
    calls: int = 0
    settled: str = "none"
    lane: Lane = Lane.LIVE
    replay: str = ""
    redrive: int = 0
    traceparent: str = ""
    started: datetime | None = None
    ended: datetime | None = None


class LedgerState(StrEnum):
    """Where an open command stands; a tombstone ends it.

    `ASIDE` is a command that was refused, with its result written: its party waits until a person releases or skips it.
    """

    INTENT = "intent"
    QUEUED = "queued"
    WAITING = "waiting"
    PARKED = "parked"
    DOUBT = "doubt"
    ASIDE = "aside"


class LedgerRow(Record, frozen=True, kw_only=True):
    """An open command with its whole body, so that the next owner needs nothing else.

    `topic` and `offset` are where it was read: they order the commands of a party. `due` is when it may be tried
    again, for a parked one when it is given up; `waits_for` is the mapping key that releases a parked one; `cause` is
    why one was set aside; `attempts` and `calls` are those so far.
    """

    state: LedgerState
    command: Command
    topic: str
    offset: int
    due: datetime | None = None
    since: datetime | None = None
    waits_for: str = ""
    reason: str = ""
    attempts: int = 0
    calls: int = 0
    doubted: bool = False
    redrive: int = 0
    cause: Cause | None = None


class Mapping(Record, frozen=True, kw_only=True):
    """One direction of a pair: the row's key is ``scope/app/type/id`` of this side, `other` the far side.

    `hash` is of the state last applied, the same in both rows of a pair. `version` is this side's own: of the source
    the one that was applied, of the destination the one that the write gave it: then it is `ours`.
    """

    other: ObjectRef
    hash: str = ""
    version: str = ""
    ours: bool = False
    command: str = ""
    link: str = ""
    time: datetime | None = None


class Behind(Record, frozen=True, kw_only=True):
    """Commands of one lane that were passed over in a topic because they could not start: from `offset` on.

    They are read again when there is room for them. `count` says how many there are.
    """

    topic: str
    lane: Lane
    offset: int
    count: int


class ConnectionState(Record, frozen=True, kw_only=True):
    """What a connection's owner must not forget: calls made, token, backlog, and whether it is stopped.

    `calls` are [POSIX tenth of a second, calls] of the limiter's window, `open_calls` those under way, which may be
    made until a successor takes over; `day` is the organisation's day and `day_calls` its calls, `day_limit` how many
    the app said that it takes, 0 where it did not say.
    `token` is encrypted; `refreshes` are the POSIX times of recent token requests. `in_flight` is the number of calls
    at once that the app was found to take, 0 where it takes what it says. `failures` are those in a row that opened the
    breaker or will; while it is open no call is made before `breaker_until`. `cursors` say where each poll goes on.
    """

    connection: str
    calls: list[tuple[int, int]] = []
    open_calls: int = 0
    day: str = ""
    day_calls: int = 0
    day_limit: int = 0
    blocked_until: datetime | None = None
    token: str = ""
    token_expires: datetime | None = None
    refreshes: list[float] = []
    profile: dict[str, Any] = {}
    checked: datetime | None = None
    stopped: str = ""
    in_flight: int = 0
    failures: int = 0
    breaker_until: datetime | None = None
    behind: list[Behind] = []
    cursors: dict[str, dict[str, Any]] = {}
    credentials: str = ""
    """Hash of the credentials this state belongs to: new credentials start with a new token, running."""


# --- control ------------------------------------------------------------------------------------------------------


class Connection(Record, frozen=True, kw_only=True):
    """Credentials of one app. `secrets` are encrypted (`control.secrets`).

    `typed` are encrypted fingerprints of the secrets as a person gave them: the same ones are not exchanged twice.
    `credentials` and `hook` are written when keys are rotated: what the credentials were known by before, and the
    encrypted token of the webhook addresses; "" while both follow from the rest. While the token is replaced, `hook`
    holds the new one and the old one with a comma between.
    `name` is what people call it. It may change; the id may not, because records, pairs and addresses hold it.
    """

    id: str
    app: str
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    typed: dict[str, str] = {}
    paused: bool = False
    credentials: str = ""
    hook: str = ""
    name: str = ""


class FlowVersion(Record, frozen=True, kw_only=True):
    """A flow as it was written; `version` is the hash of its content."""

    id: str
    version: str
    text: str
    file: str = ""


class Link(Record, frozen=True, kw_only=True):
    """A flow switched on with concrete connections: `connections` gives one connection id for each app."""

    id: str
    flow: str
    flow_version: str
    connections: dict[str, str]
    options: dict[str, Any] = {}
    enabled: bool = True


class Shadow(Record, frozen=True, kw_only=True):
    """A version of a flow that is looked at beside the one that runs (`live`), on events that come, without effect.

    `starts` are the offsets of the events topic, by partition, from which on both are compared.
    """

    flow: str
    version: str
    live: str
    text: str
    file: str = ""
    starts: dict[str, int] = {}
    started: datetime | None = None


# --- what went wrong ----------------------------------------------------------------------------------------------


class DeadLetter(Record, frozen=True, kw_only=True):
    """A record that could not be decoded, or a command that was refused: complete, so that it can be sent again."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: list[tuple[str, bytes | None]] = []
    cause: Cause
    attempts: int = 0
    command: str = ""
    stage: str = ""
    seen: datetime | None = None


REDRIVE = "redrive"
"""Header of a record that was a dead letter before: how many times it has been sent again."""


def redrive_rounds(headers: list[tuple[str, bytes | None]]) -> int:
    """How often a record has been sent again; 0 where it never was, or where the header is not a number."""
    text = next((value for name, value in reversed(headers) if name == REDRIVE), None) or b""
    return int(text) if text.isdigit() else 0


def with_redrive(letter: DeadLetter) -> list[tuple[str, str | bytes | None]]:
    """The letter's own headers, with its next round."""
    kept: list[tuple[str, str | bytes | None]] = [(name, value) for name, value in letter.headers if name != REDRIVE]
    return [*kept, (REDRIVE, str(redrive_rounds(letter.headers) + 1).encode())]


def mapping_scope(one: str, other: str) -> str:
    """The pair of connections whose ids are mapped to each other, in an order that both sides agree on."""
    return "+".join(sorted((one, other)))


def mapping_key(scope: str, ref: ObjectRef) -> str:
    """``scope/app/type/id``; the id comes last because it may hold slashes."""
    return f"{scope}/{ref.app}/{ref.type}/{ref.id}"
