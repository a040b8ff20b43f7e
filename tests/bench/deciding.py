"""The job of the decide figures: both shipped flows, accounts and invoices of Togai in turn, all matched.

With more links than one a flow, they are spread in one of the ways of `Spread`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
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


class Spread(StrEnum):
    """How `n` links of each flow are spread. The event meets one that matches, and besides it:"""

    ELSEWHERE = "elsewhere"
    """None: the others are for other accounts of Togai."""
    SAME_NO = "same no"
    """n - 1 that say no, all for the same reason."""
    OTHER_NO = "other no"
    """n - 1 that say no, each for a reason of its own: what it is compared with is an option."""
    YES = "yes"
    """n - 1 that match as well: each gives a command."""


REGION = """  - '!has(data.metadata) || !has(data.metadata.region) || data.metadata.region == options.region'

options:
  region: {type: string}
"""
"""Put into a shipped flow: a clause that reads an option, as copies of a flow for parts of a business have."""


def rules(apps: Mapping[str, App], spread: Spread = Spread.ELSEWHERE, count: int = 1) -> RuleSet:
    """`count` links of each flow."""
    named = [CONNECTIONS, *(_named(spread, number) for number in range(1, count))]
    flows, links = [], []
    for flow_id in FLOW_IDS:
        text = (FLOWS / f"{flow_id}.yaml").read_text(encoding="utf-8")
        if spread is not Spread.ELSEWHERE:
            text = text.replace("\noptions:\n", REGION, 1)
        version = load_flow(text, apps).version
        flows.append(FlowVersion(id=flow_id, version=version, text=text))
        for number, each in enumerate(named):
            link = f"{flow_id}-{number}"
            options = _options(spread, number)
            links.append(Link(id=link, flow=flow_id, flow_version=version, connections=dict(each), options=options))
    known = {name: Connection(id=name, app=app) for each in named for app, name in each.items()}
    return RuleSet(apps, known.values(), flows, links)


def _named(spread: Spread, number: int) -> Mapping[str, str]:
    """Connections by app: a destination of its own, from the events' source or another one."""
    own = {app: f"{name}-{number}" for app, name in CONNECTIONS.items()}
    return own if spread is Spread.ELSEWHERE else own | {"togai": CONNECTIONS["togai"]}


def _options(spread: Spread, number: int) -> dict[str, str]:
    match spread:
        case Spread.ELSEWHERE:
            return {}
        case Spread.SAME_NO if number:
            return {"region": "there"}
        case Spread.OTHER_NO if number:
            return {"region": f"there-{number}"}
        case _:
            return {"region": "here"}


def evaluator(prefix: str, spread: Spread = Spread.ELSEWHERE, count: int = 1) -> DecideBatch:
    """The agents' own, with nothing to restore."""
    apps = load_apps()
    in_force = rules(apps, spread, count)
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
            "data": {**samples[which], "id": f"object-{number}", "metadata": {"region": "here"}},
        }
        yield f"{connection}/{party}".encode(), json.dumps(event, default=str).encode()


_codec = Codec()


def number_of(message: Message) -> int:
    """Of the event that a decision is about. Raises where it was not decided as it should be."""
    decision = _codec.decode(Decision, message.value() or b"")
    if decision.verdict is not Verdict.MATCHED:
        raise RuntimeError(f"{decision.event_id} is {decision.verdict}: {decision.message} {decision.links}")
    return int(decision.event_id.removeprefix("event-"))
