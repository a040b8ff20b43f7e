"""Restores the mapping table as a sink worker does, and checks that it is whole."""

from __future__ import annotations

import json
import sys
import time

import psutil  # type: ignore[import-untyped]

from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.records import ObjectRef
from pipeline.schemas.topics import Topics
from pipeline.sinks.mappings import MappingTable
from pipeline.sinks.restore import MappingTail
from tests.bench.systems.arguments import Job, read_job


def main(job: Job) -> None:
    prefix = job.source.removesuffix("id.mappings")
    topics, table, process = Topics(prefix, 6, ()), MappingTable(), psutil.Process()
    before, began, spent = process.memory_info().rss, time.monotonic(), time.process_time()
    tail = MappingTail(KafkaAccess(job.bootstrap), topics, table)
    tail.catch_up()
    seconds, cpu = time.monotonic() - began, time.process_time() - spent
    tail.close()
    megabytes = (process.memory_info().rss - before) / 1e6
    for number in range(0, job.events // 2, 9973):
        contact = ObjectRef(app="zohobooks", type="contact", id=str(460000000000000000 + number * 17))
        there = table.get("books-main+togai-main", contact)
        back = table.get("books-main+togai-main", there.other) if there else None
        if back is None or back.other != contact:
            raise RuntimeError(f"pair {number} is not found from both sides")
    sys.stdout.write(
        json.dumps({"seconds": round(seconds, 2), "cpu": round(cpu, 2), "megabytes": round(megabytes)}) + "\n"
    )


if __name__ == "__main__":
    main(read_job())
