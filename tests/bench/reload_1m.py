"""How long a worker takes to read a million pairs of ids back from Kafka, and the memory they take."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from statistics import median

from pipeline.clock import utc
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import Mapping, ObjectRef, mapping_key, mapping_scope
from tests.bench.backlog import drop_topics, fill, fresh_topics
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.process import run_module
from tests.bench.systems.arguments import Job

PAIRS = 1_000_000
PARTITIONS = 6
MEGABYTES = 200
SCOPE = mapping_scope("togai-main", "books-main")


def _rows(pairs: int) -> Iterator[tuple[bytes, bytes]]:
    """As sinks write them."""
    encode, time = Codec().encode, utc(1_772_000_000.123456)
    for number in range(pairs):
        account = ObjectRef(app="togai", type="account", id=f"account-{number * 7919 % pairs:08d}")
        contact = ObjectRef(app="zohobooks", type="contact", id=str(460000000000000000 + number * 17))
        command = str(uuid.UUID(int=number))
        for one, other in ((account, contact), (contact, account)):
            row = Mapping(
                other=other,
                hash=f"{number:016x}",
                version="2026-03-01T00:05:12.004000Z",
                command=command,
                link="accounts",
                time=time,
            )
            yield mapping_key(SCOPE, one).encode(), encode(row)


def _measure(bench: Bench) -> Outcome:
    pairs = bench.amount(PAIRS)
    (topic,) = fresh_topics(bench.bootstrap, "id.mappings", partitions=PARTITIONS)
    try:
        rows = fill(bench.bootstrap, topic, _rows(pairs), compression="lz4")
        job = Job(bench.bootstrap, topic, "", rows, 0)
        done = [run_module("tests.bench.systems.reload", job.to_json()) for _ in range(bench.rounds)]
    finally:
        drop_topics(bench.bootstrap, [topic])
    megabytes = median(each["megabytes"] for each in done)
    return Outcome(
        median(each["seconds"] for each in done),
        {
            "pairs": pairs,
            "rows": rows,
            "megabytes": megabytes,
            "at_most_megabytes": MEGABYTES,
            "cpu": median(each["cpu"] for each in done),
            "rounds": done,
        },
        met=megabytes <= MEGABYTES,
    )


FIGURE = Figure(
    name="reload_1m",
    what="1,000,000 pairs (2,000,000 rows) from id.mappings into a worker; `megabytes` of memory they add",
    unit="s",
    bounds=(Bound(3.0, at_most=True),),
    run=_measure,
)
