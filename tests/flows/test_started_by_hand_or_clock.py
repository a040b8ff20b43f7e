"""Flows that time or a person starts: when they are due, and which flow an event is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Mapped
from pipeline.apps.registry import load_apps
from pipeline.flows.compile import CompiledFlow, load_flow
from pipeline.flows.decide import decide
from pipeline.flows.preview import preview_flow
from pipeline.flows.rules import RuleSet
from pipeline.flows.samples import sample_event
from pipeline.flows.source import FlowFaults
from pipeline.flows.wanted import wanted
from pipeline.schemas.records import Connection, FlowVersion, Link, ObjectRef, Verdict

APPS = load_apps()


def text(trigger: str, id_: str = "nightly") -> str:
    return f"""
id: {id_}
name: Nightly
type: outbound
trigger: {{app: togai, {trigger}}}
actions:
  - id: all
    app: togai
    action: sync_accounts
    input: {{ids: "${{trigger.data.ids?}}"}}
""".replace('\n    input: {ids: "${trigger.data.ids?}"}' if "schedule" in trigger else "\0", "")


def flow(trigger: str, id_: str = "nightly") -> CompiledFlow:
    return load_flow(text(trigger, id_), APPS)


class Unknowing:
    """A `View` of a connection of which nothing is known."""

    settings: Mapping[str, Any] = {}
    profile: Mapping[str, Any] = {}

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return None


def verdict(of: CompiledFlow, data: dict[str, Any] | None = None) -> Verdict:
    """On an event with this data; without any, on the sample."""
    event = sample_event(of.app, of.trigger, of.spec.trigger.given)
    if data is not None:
        event = msgspec.structs.replace(event, data=data)
    return preview_flow(of, event, APPS, {"togai": Unknowing()}).verdict


@pytest.mark.parametrize(
    ("trigger", "place", "says"),
    [
        ("event: schedule", "5:", "either every (hour or day) or cron"),
        ("event: schedule, every: hour, cron: '0 * * * *'", "5:", "either every"),
        ("event: schedule, cron: '61 * * * *'", "5:", "bad minute"),
        ("event: schedule, every: day, timezone: Oslo", "5:", "no time zone"),
        ("event: customer.created, every: day", "5:", "not started by the clock: it takes no every"),
        ("event: on_demand, cron: '0 * * * *'", "5:", "not started by the clock: it takes no cron"),
    ],
)
def test_a_wrong_schedule_is_a_fault_with_its_place(trigger: str, place: str, says: str) -> None:
    with pytest.raises(FlowFaults) as caught:
        flow(trigger)
    assert any(place in str(fault) and says in str(fault) for fault in caught.value.faults)


def test_a_word_that_every_does_not_know_is_a_fault() -> None:
    with pytest.raises(FlowFaults, match="every"):
        flow("event: schedule, every: minute")


def test_a_due_time_starts_the_flows_of_its_schedule_alone() -> None:
    hourly, nightly = flow("event: schedule, every: hour"), flow("event: schedule, cron: '0 2 * * *'")
    data = {"id": "0 * * * * UTC", "due": "2026-01-01T00:00:00Z"}
    assert verdict(hourly, data) is Verdict.MATCHED
    assert verdict(nightly, data) is Verdict.NOT_MATCHED


def test_what_a_person_asks_for_starts_the_flow_that_is_named_or_all() -> None:
    one, two = flow("event: on_demand", "one"), flow("event: on_demand", "two")
    assert verdict(one, {}) is verdict(two, {}) is Verdict.MATCHED
    assert verdict(one, {"flow": "one"}) is Verdict.MATCHED
    assert verdict(two, {"flow": "one"}) is Verdict.NOT_MATCHED


@pytest.mark.parametrize("trigger", ["event: schedule, every: hour", "event: schedule, cron: '30 4 * * 0'"])
def test_the_preview_of_a_scheduled_flow_is_of_a_due_time_of_its_own(trigger: str) -> None:
    assert verdict(flow(trigger)) is Verdict.MATCHED


def test_the_owner_of_a_connection_learns_when_its_flows_are_due() -> None:
    written = text("event: schedule, every: day, timezone: Europe/Oslo")
    version = FlowVersion(id="nightly", version="1", text=written)
    link = Link(id="l", flow="nightly", flow_version="1", connections={"togai": "main"})
    found = wanted([link], {("nightly", "1"): version})
    assert found["main"].triggers == {"schedule": ({"every": "day", "timezone": "Europe/Oslo"},)}


@pytest.mark.parametrize("trigger", ["event: on_demand", "event: schedule, every: hour"])
def test_a_link_that_is_started_by_hand_starts_alone(trigger: str) -> None:
    version = FlowVersion(id="nightly", version="1", text=text(trigger))
    links = [Link(id=id_, flow="nightly", flow_version="1", connections={"togai": "main"}) for id_ in ("one", "two")]
    rules = RuleSet(APPS, [Connection(id="main", app="togai")], [version], links)
    sample = sample_event(APPS["togai"], flow(trigger).trigger, flow(trigger).spec.trigger.given)

    def started(**data: Any) -> list[str]:
        event = msgspec.structs.replace(sample, connection="main", data={**sample.data, **data})
        decided = decide(event, rules, datetime(2026, 1, 1, tzinfo=UTC))
        return [said.link for said in decided.decision.links if said.verdict is Verdict.MATCHED]

    assert started() == ["one", "two"]
    assert started(link="two") == ["two"]
