"""The agents' runtime against Quix Streams, exactly once. https://quix.io/docs/quix-streams/"""

from __future__ import annotations

from pathlib import Path

from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.forward import compare
from tests.bench.peers.environment import interpreter
from tests.bench.process import run_script

REQUIREMENT = "quixstreams==3.28.1"
SCRIPT = Path(__file__).parent / "peers" / "quix_forward.py"


def run(bench: Bench) -> Outcome:
    python = interpreter(bench.build, "quix", REQUIREMENT)
    return compare(bench, "quix", lambda job: run_script(python, SCRIPT, job.to_json()))


FIGURE = Figure(
    name="forward_vs_quix",
    what="agents' runtime ÷ Quix Streams: decode, two comparisons, forward, exactly once",
    unit="×",
    bounds=(Bound(2.0),),
    run=run,
)
