"""The agents' runtime against Kafka Streams on the JVM, exactly once. https://kafka.apache.org/documentation/streams/

Its JVM is new in every round, as our process is: what it gains by running for long is not in the figure.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.kafka.artifacts import JarSource
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.forward import compare
from tests.bench.peers.java_program import command
from tests.bench.process import run_command

SOURCE = Path(__file__).parent / "peers" / "KStreamsForward.java"
STATE = Path(__file__).parents[2] / ".state"


def run(bench: Bench) -> Outcome:
    java = command(bench.build, JarSource.from_environment(STATE), SOURCE)
    return compare(bench, "kstreams", lambda job: run_command([*java, job.to_json()]))


FIGURE = Figure(
    name="forward_vs_kstreams",
    what="agents' runtime ÷ Kafka Streams: decode, two comparisons, forward, exactly once v2, one thread",
    unit="×",
    bounds=(Bound(1.0),),
    run=run,
)
