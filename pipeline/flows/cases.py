"""Tests of a flow as its author writes them: given an event and mappings, expect a verdict and requests. No I/O.

A case is run by the same preview that `pipeline flows preview` shows, so nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.apps.base import App, Mapped
from pipeline.errors import ConfigurationError
from pipeline.flows.compile import CompiledFlow
from pipeline.flows.preview import ActionPreview, Preview, plan_word, preview_flow
from pipeline.flows.samples import event_with, sample_event
from pipeline.flows.source import Source
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import ObjectRef, Verdict

Planned = Literal["create", "update", "write", "read", "unchanged", "superseded", "park", "skip", "refuse", "none"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Side(_Part):
    """One object of a pair."""

    app: str
    type: str
    id: str


class PairGiven(_Part):
    """Two objects that are mapped to each other. `hash` and `version` are of the state that was applied last."""

    one: Side
    other: Side
    hash: str = ""
    version: str = ""


class EventGiven(_Part):
    """The trigger's sample with `change` merged into its data, or `data` instead of it."""

    change: dict[str, Any] = {}
    data: dict[str, Any] | None = None


class ActionExpected(_Part):
    """What is to become of one action; what is not said is not looked at. Mappings must hold what is given here."""

    plan: Planned | None = None
    input: dict[str, Any] | None = None
    method: str | None = None
    path: str | None = None
    body: dict[str, Any] | None = None
    message: str | None = Field(None, description="A part of what is said about it")


class Expected(_Part):
    verdict: Verdict
    clause: str | None = Field(None, description="The first clause that is false")
    actions: dict[str, ActionExpected] = {}


class Case(_Part):
    """One test. `steps` are what actions give that would make a call, by action id."""

    name: str = Field(min_length=1)
    event: EventGiven = EventGiven()
    options: dict[str, Any] = {}
    mappings: list[PairGiven] = []
    settings: dict[str, dict[str, Any]] = Field({}, description="Of the connections, by app")
    profiles: dict[str, dict[str, Any]] = Field({}, description="What start-up checks learnt, by app")
    steps: dict[str, dict[str, Any]] = {}
    expect: Expected


class Cases(_Part):
    """A file of tests."""

    tests: list[Case] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of a case: `differences` is empty where it went as expected."""

    name: str
    differences: Sequence[str]


def read_cases(text: str, file: str) -> Cases:
    """Raises `ConfigurationError` that names each place."""
    source = Source(text, file)
    try:
        return Cases.model_validate(source.value)
    except ValidationError as error:
        lines = [f"{file}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(lines)) from None


def run_case(case: Case, flow: CompiledFlow, apps: Mapping[str, App]) -> Tested:
    known = [ref for ref in case.steps if ref not in {action.id for action in flow.actions}]
    unknown = [name for name in case.expect.actions if name not in {action.id for action in flow.actions}]
    if known or unknown:
        return Tested(case.name, [f"the flow has no action {name!r}" for name in [*known, *unknown]])
    views = {name: _View(case, name) for name in apps}
    try:
        seen = preview_flow(flow, _event(case, flow), apps, views, case.options, steps=case.steps)
    except ConfigurationError as error:
        return Tested(case.name, str(error).splitlines())
    return Tested(case.name, list(_differences(case.expect, seen)))


class _View:
    """`apps.base.View` of what a case gives."""

    def __init__(self, case: Case, app: str) -> None:
        self.settings: Mapping[str, Any] = case.settings.get(app, {})
        self.profile: Mapping[str, Any] = case.profiles.get(app, {})
        self._mapped = {
            _ref(one): Mapped(_ref(other), pair.hash, pair.version)
            for pair in case.mappings
            for one, other in ((pair.one, pair.other), (pair.other, pair.one))
        }

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return self._mapped.get(ref)


def _ref(side: Side) -> ObjectRef:
    return ObjectRef(app=side.app, type=side.type, id=side.id)


def _event(case: Case, flow: CompiledFlow) -> Event:
    sample = sample_event(flow.app, flow.trigger, flow.spec.trigger.given)
    given = case.event.data if case.event.data is not None else _merged(sample.data, case.event.change)
    return event_with(flow.app, flow.trigger, given)


def _merged(value: Any, change: Mapping[str, Any]) -> Any:
    """`change` over `value`, part by part; null takes a part out."""
    if not isinstance(value, dict):
        return change
    merged = {name: one for name, one in value.items() if name not in change or change[name] is not None}
    for name, one in change.items():
        if one is not None:
            merged[name] = _merged(merged.get(name), one) if isinstance(one, dict) else one
    return merged


def _differences(expected: Expected, seen: Preview) -> Iterator[str]:
    if seen.verdict is not expected.verdict:
        yield f"verdict: expected {expected.verdict}, is {seen.verdict} {seen.message}".rstrip()
    false = next((outcome.clause for outcome in seen.clauses if not outcome.holds), None)
    if expected.clause is not None and expected.clause != false:
        yield f"first false clause: expected {expected.clause!r}, is {false!r}"
    found = {action.id: action for action in seen.actions}
    for name, wanted in expected.actions.items():
        if name not in found:
            yield f"{name}: the flow did not come to it"
            continue
        for difference in _of_action(wanted, found[name]):
            yield f"{name}: {difference}"


def _of_action(wanted: ActionExpected, action: ActionPreview) -> Iterator[str]:
    planned = plan_word(action.plan)
    if wanted.plan is not None and wanted.plan != planned:
        yield f"plan: expected {wanted.plan}, is {planned}: {_message(action)}"
    if wanted.message is not None and wanted.message not in _message(action):
        yield f"message: expected a part {wanted.message!r}, is {_message(action)!r}"
    if wanted.input is not None:
        yield from _lacks("input", wanted.input, _plain(action.input))
    request = action.request
    if request is None:
        if wanted.method or wanted.path or wanted.body is not None:
            yield "request: expected one, there is none"
        return
    if wanted.method is not None and wanted.method != request.method:
        yield f"method: expected {wanted.method}, is {request.method}"
    if wanted.path is not None and wanted.path != request.path:
        yield f"path: expected {wanted.path}, is {request.path}"
    if wanted.body is not None:
        yield from _lacks("body", wanted.body, _body(request.body))


def _message(action: ActionPreview) -> str:
    return str(getattr(action.plan, "message", "") or action.message)


def _body(body: bytes | None) -> Any:
    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(body or b"null")
    except msgspec.DecodeError:
        return (body or b"").decode(errors="replace")


def _plain(value: Any) -> Any:
    return msgspec.json.Decoder(float_hook=Decimal).decode(msgspec.json.encode(value))


def _lacks(place: str, wanted: Any, found: Any) -> Iterator[str]:
    """Where `found` does not hold what is `wanted`: mappings by their keys, lists item by item, numbers by value."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name, one in wanted.items():
            if name in found:
                yield from _lacks(f"{place}.{name}", one, found[name])
            else:
                yield f"{place}.{name}: expected {one!r}, is missing"
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{place}: expected {len(wanted)} items, there are {len(found)}"
        for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _lacks(f"{place}[{number}]", one, other)
    elif _comparable(wanted) != _comparable(found):
        yield f"{place}: expected {wanted!r}, is {found!r}"


def _comparable(value: Any) -> Any:
    """Numbers by their value: 12.5 is 12.50, and a bool is no number."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return value
