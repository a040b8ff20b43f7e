"""Forward with Quix Streams, exactly once: run by the interpreter of its own environment.

Takes the job as JSON, reports on the last line when the first event was at hand. Commits every five seconds, its
default and its fastest.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found,unused-ignore]


def main() -> None:
    job = json.loads(sys.argv[1])
    logging.disable(logging.INFO)
    app = Application(
        broker_address=job["bootstrap"],
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=str(Path(job["state_dir"]) / "quix"),
        consumer_extra_config={"fetch.queue.backoff.ms": 20, "queued.min.messages": 20_000},
        producer_extra_config={"retry.backoff.ms": 5, "compression.type": "lz4"},
        loglevel="ERROR",
    )
    started: list[float] = []

    def wanted(event: dict[str, Any]) -> bool:
        if not started:
            started.append(time.time())
        data = event["data"]
        return bool(data["status"] == "DUE" and data["total"] > 0)

    frame = app.dataframe(app.topic(job["source"], value_deserializer="json"))
    frame = frame.filter(wanted)
    frame.to_topic(app.topic(job["target"], value_serializer="json"))
    app.run(count=job["events"], timeout=60.0, collect=False)
    sys.stdout.write(json.dumps({"started": started[0]}) + "\n")


if __name__ == "__main__":
    main()
