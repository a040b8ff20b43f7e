"""`python -m tests.faults [--rounds N] [--seed S] [--only NAME]...`: every fault, and the table of what it did."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from tests.e2e.twins import ROOT
from tests.faults import table
from tests.faults.fault import Fault, Row, Size, Tally
from tests.faults.lab import Lab
from tests.faults.registry import FAULTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where every count is 0 and every fault injected something; else 1."""
    chosen = _parse(arguments)
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    faults = [fault for fault in FAULTS if not chosen.only or fault.name in chosen.only]
    rows: dict[str, Row] = {}
    began = time.monotonic()
    jars = JarSource.from_environment(ROOT / ".state")
    with TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as directory:
        here = Path(directory)
        with EmbeddedKafka(here / "broker", jars=jars) as broker:
            lab = Lab(KafkaAccess(broker.bootstrap_servers), here, jars)
            try:
                _say(f"seed {chosen.seed}, {chosen.rounds} rounds\n{table.head()}")
                for fault in faults:
                    for number in range(chosen.rounds):
                        row = run(fault, lab, chosen.seed, number, chosen.size)
                        rows[fault.name] = rows[fault.name] + row if fault.name in rows else row
                        _say(table.line(fault, row))
            finally:
                lab.close()
    found = [(fault, rows[fault.name]) for fault in faults]
    seconds = round(time.monotonic() - began)
    table.write(chosen.build / "faults.json", found, chosen.seed, rounds=chosen.rounds, seconds=seconds)
    if chosen.rounds > 1:
        _say("\n".join(["all rounds", table.head(), *(table.line(fault, row) for fault, row in found)]))
    _say(table.foot(found))
    return 0 if all(row.good for _, row in found) else 1


def run(fault: Fault, lab: Lab, seed: int, round_: int, size: Size) -> Row:
    """One round of one fault. What it raises is a finding, so that the others still run."""
    try:
        return fault.run(lab, random.Random(f"{seed}/{fault.name}/{round_}"), size)
    except Exception as error:
        logging.getLogger(__name__).exception("%s broke", fault.name)
        broken = Tally(unresolved=1, findings=(f"the fault broke: {type(error).__name__}: {error}"[:500],))
        return Row(0, broken, 0.0, {})


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser("python -m tests.faults", description="Prove the promises under fire.")
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault is run")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.LONG, metavar="short|long")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where faults.json goes")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
