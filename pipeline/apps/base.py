"""What an app is: the seam that Togai, Zoho Books and any third app fill in the same way.

An action is two parts. `plan` is pure: it decides from the input and what is known (create, update, unchanged, park,
refuse …). `apply` carries a planned call out. Previews, replay plans and no-op replays use `plan` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

import msgspec
from pydantic import BaseModel

from pipeline.schemas.envelope import Event
from pipeline.schemas.records import ObjectRef

# --- transport ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is absolute on the API host; secrets travel in headers or body, never in `query`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request to `base_url` and gives the answer, whatever its status.

    Raises `Retry` where the request surely was not sent, `InDoubt` where it was or may have been.
    """

    async def send(self, base_url: str, request: Request) -> Response: ...


# --- planning -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mapped:
    """The far side of a pair, with the hash of the state last applied, and this side's version of it.

    `ours`: it is the version that a write of ours gave the object.
    """

    other: ObjectRef
    hash: str = ""
    version: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two objects that are the same thing, to be written to `id.mappings` when the effect is certain.

    `hash` is of the state applied, `version` the source's version of it, `theirs` the destination's own after the
    write: an event of the destination with that version is an echo of ours. `replaces` is the far side that the source
    had before, where that one is no more and this was made in its place.
    """

    source: ObjectRef
    destination: ObjectRef
    hash: str = ""
    version: str = ""
    theirs: str = ""
    replaces: ObjectRef | None = None


class View(Protocol):
    """What planning may look at; no I/O."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The connection's settings, without secrets."""

    @property
    def profile(self) -> Mapping[str, Any]:
        """What the start-up checks learnt (`Session.check`)."""

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        """The far side of `ref` within the command's pair of connections, looked up from either side."""


@dataclass(frozen=True, slots=True)
class Call:
    """Calls are needed. `operation`: ``create`` | ``update`` | ``write`` | ``read``; `most` calls at the most.

    `request` is the main one, for previews; `source` the object that the effect will be mapped to, `hash` and
    `version` what the mapping will hold; `diff` what an update changes. `state` is the action's own.
    """

    operation: str
    request: Request
    most: int = 1
    source: ObjectRef | None = None
    hash: str = ""
    version: str = ""
    diff: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The destination already holds this: no call. The run goes on with `output`.

    `pair` notes a newer version of the same state, so that what is older than it stays superseded.
    """

    output: Mapping[str, Any]
    object: ObjectRef | None = None
    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer version was applied before: no call. The run goes on with `output`."""

    output: Mapping[str, Any]
    object: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Wait until `ref` has a counterpart. `passable`: others of its party go on meanwhile; in the end it is skipped."""

    ref: ObjectRef
    message: str
    passable: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """By option, nothing is to be done; the run ends here."""

    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Final: a person decides. `cause` groups, `code` is stable within it."""

    message: str
    cause: str = "invalid"
    code: str = ""


Plan = Call | Unchanged | Superseded | Park | Skip | Refuse


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` achieved. `operation`: ``created`` | ``updated`` | ``unchanged`` | ``written`` | ``read``."""

    operation: str
    output: Mapping[str, Any]
    object: ObjectRef | None = None
    pair: Pair | None = None
    warnings: Sequence[str] = ()
    data: Any = None
    """The object itself, for a fetch that becomes an event."""
    also: Sequence[str] = ()
    """Other triggers that the fetched object is an event of: its state speaks of more than what was asked for."""
    sourceversion: str = ""
    found: Sequence[Found] = ()
    """Objects that become events of their own, in the lane of reconciliation."""
    go_on: Mapping[str, Any] | None = None
    """It is not done: the parts of its input that the next attempt differs in. `found` is kept with them."""
    settled: str = ""
    """How the effect became certain, where the action knows better than its caller: ``lookup``."""


Input = TypeVar("Input", bound=msgspec.Struct)


class Action(Protocol, Generic[Input]):
    """One thing an app can be asked to do.

    `repeat` says what makes it safe to repeat: ``keyed`` (the destination enforces our unique key), ``idempotent``
    (setting the same state twice is one state), ``read``. `safe` says it in words, `calls` how many calls are made.

    An action may have `names`, the inputs that say which object it writes (else `source`, else all of them), and
    `shared` where several links may ask for the same object, because it only makes what is missing.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    repeat: ClassVar[str]
    safe: ClassVar[str]
    calls: ClassVar[str]
    input: type[Input]

    def plan(self, input: Input, view: View) -> Plan:
        """Decide without I/O. Raises `Refused` where the input cannot be booked."""

    async def apply(self, call: Call, session: Session) -> Applied:
        """Carry `call` out. Raises the `EffectError`s; never retries on its own."""


# --- triggers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event kind an app offers. `schema` types its data for CEL (a msgspec Struct), `sample` is a realistic object.

    `fetch` names the action that gets the object afresh when an event is a hint; `object` the app's noun for it, `id`
    the field of its data that holds the object's id. `returns`: an object may come to a version that it had before (a
    hash of its content), which is then another event. `scheduled`: flows say when it is due
    (`schedules`). `asked`: a person starts it, for one flow (``data.flow``) or for all.
    """

    name: str
    title: str
    object: str
    schema: type[msgspec.Struct]
    sample: Mapping[str, Any]
    fetch: str = ""
    id: str = "id"
    returns: bool = False
    scheduled: bool = False
    asked: bool = False

    def subject(self, data: Any) -> str:
        """The object's id; "" where the data has none."""
        found = data.get(self.id) if isinstance(data, Mapping) else None
        return found if isinstance(found, str) else ""


# --- connections --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with its end (POSIX seconds)."""

    value: str = field(repr=False)
    expires: float


class TokenStore(Protocol):
    """Where a session keeps its token across restarts and owners; it is stored encrypted."""

    def load(self) -> Token | None: ...

    def save(self, token: Token | None) -> None: ...

    def refreshes(self) -> Sequence[float]:
        """POSIX times of the token requests of the last ten minutes, over all owners."""

    def refreshed(self, at: float) -> None:
        """Note a token request; called before it is sent."""


@dataclass(frozen=True, slots=True)
class StartupCheck:
    """One of the start-up checks. `title` is what is true where it passes, `remedy` what to mend where it does not.

    `warning` says what works, and less well than it could; `tried` is False where an earlier failure is in the way.
    """

    name: str
    title: str
    remedy: str = ""
    warning: str = ""
    tried: bool = True


@runtime_checkable
class SurveysItself(Protocol):
    """What a session has besides where its checks can be told one by one."""

    async def survey(self) -> Sequence[StartupCheck]:
        """As `Session.check`, but it goes on after a failure and raises nothing of the `EffectError`s."""


class Session(Protocol):
    """A connection in use: authenticates, sends, and sorts answers into the error tree. One a connection and worker."""

    async def send(self, request: Request) -> Any:
        """The decoded JSON answer (money as Decimal) of a call that succeeded. Raises the `EffectError`s."""

    async def check(self) -> Mapping[str, Any]:
        """All start-up checks; gives the profile. Raises `Stopped` with the remedy in the vendor's own words."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Quota:
    """What a connection may use. `windows` are (calls, seconds); `day` calls a day, None for no limit."""

    windows: Sequence[tuple[int, float]]
    day: int | None
    in_flight: int
    live_reserve: float = 0.1
    """Share of the day's calls that bulk commands leave to live ones."""
    timeout: float = 30.0
    """Seconds after which the answer of a call counts as lost."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that was found new or changed: what becomes an event of `trigger`.

    `hint`: the data is not the whole object, which has to be fetched.
    """

    trigger: str
    subject: str
    data: Any
    sourceversion: str = ""
    hint: bool = False


@dataclass(frozen=True, slots=True)
class Polled:
    """What one step of a poll gave. `cursor` is where the next one goes on, kept with the events in one transaction.

    `after`: seconds until then; 0.0 where there is more to be had at once.
    """

    found: Sequence[Found]
    cursor: Mapping[str, Any]
    after: float


@dataclass(frozen=True, slots=True)
class Polling:
    """What a step of a poll may look at.

    `wanted` are the triggers that links wait for, each with what their flows say about it (`TriggerSpec.given`).
    `cursor` is the last step's, empty before the first one. `memory` lives as long as the connection has this owner.
    """

    wanted: Mapping[str, Sequence[Mapping[str, Any]]]
    cursor: Mapping[str, Any]
    memory: dict[str, Any]
    settings: Mapping[str, Any]
    profile: Mapping[str, Any]
    now: float


class Poll(Protocol):
    """Looks for what webhooks have missed. `most` calls a step at the most; `triggers` are those that it can give."""

    name: ClassVar[str]
    triggers: ClassVar[frozenset[str]]
    most: ClassVar[int]

    async def step(self, session: Session, look: Polling) -> Polled:
        """Raises the `EffectError`s. The same change gives the same event as a webhook does: same trigger, version."""


@dataclass(frozen=True, slots=True)
class DayQuota:
    """What an answer says of the calls of its day: the `limit`, and how many are `left` for all users together."""

    limit: int
    left: int


@dataclass(frozen=True, slots=True)
class Hook:
    """What a webhook body came down to: one hinted event without connection (the receiver adds it)."""

    trigger: str
    subject: str
    data: Any
    sourceversion: str = ""


Direction = Literal["outbound", "inbound"]
"""The type of the flows that start with an app's events. Togai's pages call outbound what leaves Togai."""


class App(Protocol):
    """An app: found by entry point (`pipeline.apps`), one instance, no state."""

    name: str
    title: str
    direction: Direction
    settings: type[BaseModel]
    """Connection form: what is not secret. Raises a validation error that names the field."""
    secrets: Mapping[str, str]
    """Connection form: secret fields with their descriptions."""
    triggers: Mapping[str, Trigger]
    actions: Mapping[str, Action[Any]]
    polls: Mapping[str, Poll]

    def quota(self, settings: Mapping[str, Any]) -> Quota: ...

    def day_quota(self, headers: Mapping[str, str]) -> DayQuota | None:
        """From the headers of an answer (lower case); None where they say nothing."""

    def quiet_period(self, settings: Mapping[str, Any]) -> float:
        """Seconds after which a lost call can no longer take effect: longer than the app's own time-out."""

    def party(self, trigger: str, data: Any) -> str:
        """The party of an event whose producer gave none; "" where it cannot be told."""

    def version(self, trigger: str, data: Any) -> str:
        """The source's version of the object, "" where it has none."""

    def document(self, trigger: str, event: Event) -> msgspec.Struct | None:
        """The event's object as a neutral document; None where the trigger has none. Raises `Refused` if it cannot."""

    def hooks(self, kind: str, body: bytes) -> Sequence[Hook]:
        """The events of a webhook body. Raises `Undecodable`."""

    async def connect(
        self, settings: Mapping[str, Any], secrets: Mapping[str, str], transport: Transport
    ) -> Mapping[str, str]:
        """Turn what the user typed into what is kept (a code becomes a refresh token). Raises `Stopped`."""

    def session(
        self,
        *,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        api: Transport,
        auth: Transport,
        tokens: TokenStore,
        now: Any,
    ) -> Session:
        """A session over two transports: `api` is metered by the worker's quota, `auth` reaches the token endpoint."""


@runtime_checkable
class NamesItsPlace(Protocol):
    """What an app has besides where its settings say what a connection leads to."""

    def place(self, settings: Mapping[str, Any]) -> str:
        """The same text for all connections that see the same objects; "" where it is not said. Never raises."""


@runtime_checkable
class ChecksSecrets(Protocol):
    """What an app has besides where it sees that secrets will not do before anybody is asked."""

    def secret_faults(self, secrets: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """(field, what is wrong) of all secrets of a connection, missing ones too; no value is repeated."""


@runtime_checkable
class SignsHooks(Protocol):
    """What an app has besides where its webhooks are signed in its own way; receivers ask by `isinstance`."""

    def verify(
        self,
        *,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        body: bytes,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> None:
        """Raises `Unverified`. `headers` are in lower case, `query` holds the address's pairs, decoded."""


@runtime_checkable
class GuidesHooks(Protocol):
    """What an app may say besides, for the person who sets its webhooks up."""

    hook_steps: Sequence[str]
    """What to do at the app, so that it sends webhooks and signs them."""
    hook_rules: Mapping[str, str]
    """By trigger: when the app is to call the address of this one, in its own words."""
