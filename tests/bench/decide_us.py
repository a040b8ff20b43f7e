"""Where the microseconds of a decision go: processor time, in one process without Kafka.

The stages are those with one link a flow; `links` has the whole by how many links there are, and how they are spread.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

from confluent_kafka import Message

from pipeline.agents.batch import DecideBatch
from pipeline.apps.incoming import complete
from pipeline.apps.registry import load_apps
from pipeline.clock import utc
from pipeline.flows.decide import Decided, decide
from pipeline.flows.links import CompiledLink
from pipeline.flows.rules import RuleSet
from pipeline.flows.runs import Document, begin, event_values, next_command
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Lane
from tests.bench import deciding
from tests.bench.figure import Bench, Bound, Figure, Outcome

Item = TypeVar("Item")

EVENTS = 2_000
REPEATS = 10
STAGES = ("decode", "validate", "match", "input", "encode", "rest")
LINKS = (1, 10, 100)
"""Links of each of the two flows."""
BOUND_AT = 10


def run(bench: Bench) -> Outcome:
    count = bench.amount(EVENTS)
    rounds = [_round(count) for _ in range(bench.rounds)]
    middle = {stage: median(one[stage] for one in rounds) for stage in (*STAGES, "all")}
    spread = {
        spread.value: {
            links: round(median(_with_links(count, spread, links) for _ in range(bench.rounds)), 1) for links in LINKS
        }
        for spread in deciding.Spread
    }
    stages = {stage: round(middle[stage], 1) for stage in STAGES}
    return Outcome(spread[deciding.Spread.ELSEWHERE.value][BOUND_AT], {**stages, "links": spread})


def _with_links(count: int, spread: deciding.Spread, links: int) -> float:
    """Microseconds an event, all stages. Over fewer events where each meets many links."""
    count = count if spread is deciding.Spread.ELSEWHERE else max(count // links, 50)
    batch = _batch(list(deciding.events(count)))
    evaluator = deciding.evaluator("", spread, links)
    gc.collect()
    gc.freeze()
    took = _timed(partial(_whole, evaluator), [batch]) / count
    gc.unfreeze()
    return took


def _batch(raw: Sequence[tuple[bytes, bytes]]) -> list[Message]:
    return [
        Message(topic="togai.events", partition=0, offset=offset, key=key, value=value)
        for offset, (key, value) in enumerate(raw)
    ]


def _whole(evaluator: DecideBatch, messages: Sequence[Message]) -> None:
    evaluator.let_go({0})
    for _ in evaluator.evaluate(messages):
        pass


def _round(count: int) -> dict[str, float]:
    """Microseconds an event by stage. Each stage runs over all events by itself; `rest` is what the whole adds."""
    apps, codec, now = load_apps(), Codec(), utc(time.time())
    rules = deciding.rules(apps)
    raw = list(deciding.events(count))
    batch = _batch(raw)
    evaluator = deciding.evaluator("")
    events = [complete(codec.decode_event(value), apps) for _, value in raw]
    decided = [decide(event, rules, now) for event in events]
    links = {link.flow.event_type: link for link in _links(rules)}

    def match(event: Event) -> None:
        link = links[event.type]
        link.flow.clauses.hold({"data": event.data, "options": link.options})

    def build(event: Event) -> None:
        link = links[event.type]
        values = event_values(link, event.data, Document(event, apps))
        next_command(link, begin(link, event), values, after=-1, lane=Lane.LIVE, now=now)

    def encode(one: Decided) -> None:
        codec.encode(one.decision)
        for command in one.commands:
            codec.encode(command)

    gc.collect()
    gc.freeze()
    took = {
        "decode": _timed(lambda record: codec.decode_event(record[1]), raw),
        "validate": _timed(lambda event: complete(event, apps), events),
        "match": _timed(match, events),
        "input": _timed(build, events),
        "encode": _timed(encode, decided),
        "all": _timed(partial(_whole, evaluator), [batch]) / count,
    }
    gc.unfreeze()
    return {**took, "rest": took["all"] - sum(took[stage] for stage in STAGES[:-1])}


def _links(rules: RuleSet) -> Iterator[CompiledLink]:
    for trigger in deciding.TRIGGERS:
        for rule in rules.meeting(deciding.CONNECTIONS["togai"], f"togai.{trigger}"):
            if isinstance(rule, CompiledLink):
                yield rule


def _timed(act: Callable[[Item], object], items: Sequence[Item]) -> float:
    """Microseconds an item of processor time; nothing made is kept."""
    began = time.thread_time()
    for _ in range(REPEATS):
        for item in items:
            act(item)
    return (time.thread_time() - began) / (len(items) * REPEATS) * 1_000_000


FIGURE = Figure(
    name="decide_us",
    what=f"microseconds an event: the whole decision without Kafka, {BOUND_AT} links of each of two flows",
    unit="µs",
    bounds=(Bound(60, at_most=True),),
    run=run,
)
