"""The job of the decide figures: both shipped flows, accounts and invoices of Togai in turn, all matched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Message

from pipeline.agents.batch import DecideBatch
from pipeline.agents.dedupe import Dedupe
from pipeline.apps.base import App
from pipeline.apps.registry import load_apps
from pipeline.clock import SystemClock
from pipeline.flows.compile import load_flow
from pipeline.flows.rules import RuleSet
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Connection, Decision, FlowVersion, Link, Verdict
from pipeline.schemas.topics import Topics
from tests.bench.backlog import PARTITIONS

EVENTS = 40_000
BATCH_SIZE = 2_000
PARTIES = 1_000
CONNECTIONS = {"togai": "togai-main", "zohobooks": "zoho-main"}
FLOWS = Path(__file__).parents[2] / "configs" / "flows"
FLOW_IDS = ("togai-account-to-zohobooks-contact", "togai-invoice-to-zohobooks-invoice")
TRIGGERS = ("account.created", "invoice.generated")


def topics_of(prefix: str) -> Topics:
    return Topics(prefix, PARTITIONS, tuple(load_apps()))


def rules(apps: Mapping[str, App]) -> RuleSet:
    """Both flows, switched on."""
    flows, links = [], []
    for flow_id in FLOW_IDS:
        text = (FLOWS / f"{flow_id}.yaml").read_text(encoding="utf-8")
        version = load_flow(text, apps).version
        flows.append(FlowVersion(id=flow_id, version=version, text=text))
        links.append(Link(id=flow_id, flow=flow_id, flow_version=version, connections=CONNECTIONS))
    return RuleSet(apps, [Connection(id=name, app=app) for app, name in CONNECTIONS.items()], flows, links)


def evaluator(prefix: str) -> DecideBatch:
    """The agents' own, with nothing to restore."""
    apps = load_apps()
    in_force = rules(apps)
    return DecideBatch(
        topics=topics_of(prefix),
        apps=apps,
        codec=Codec(),
        rules=lambda: in_force,
        dedupe=Dedupe(),
        restore=lambda partition: (),
        clock=SystemClock(),
    )


def events(count: int) -> Iterator[tuple[bytes, bytes]]:
    """The triggers' samples with ids of their own, and their keys."""
    samples: list[dict[str, Any]] = [dict(load_apps()["togai"].triggers[trigger].sample) for trigger in TRIGGERS]
    connection = CONNECTIONS["togai"]
    for number in range(count):
        which = number % len(TRIGGERS)
        party = f"account-{number % PARTIES}"
        event = {
            "specversion": "1.0",
            "id": f"event-{number}",
            "source": f"togai/{connection}",
            "type": f"togai.{TRIGGERS[which]}",
            "subject": f"object-{number}",
            "connection": connection,
            "party": party,
            "data": {**samples[which], "id": f"object-{number}"},
        }
        yield f"{connection}/{party}".encode(), json.dumps(event, default=str).encode()


_codec = Codec()


def number_of(message: Message) -> int:
    """Of the event that a decision is about. Raises where it was not decided as it should be."""
    decision = _codec.decode(Decision, message.value() or b"")
    if decision.verdict is not Verdict.MATCHED:
        raise RuntimeError(f"{decision.event_id} is {decision.verdict}: {decision.message} {decision.links}")
    return int(decision.event_id.removeprefix("event-"))
