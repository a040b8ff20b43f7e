"""`python -m tests.faults [--rounds N] [--seed S] [--only NAME]...`: every fault, and the table of what it did."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from tests.e2e.twins import ROOT
from tests.faults import table
from tests.faults.fault import Fault, Row, Size
from tests.faults.lab import Lab
from tests.faults.registry import FAULTS
from tests.faults.runner import Runner, in_order


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where every count is 0 and every fault injected something; else 1."""
    chosen = _parse(arguments)
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("pipeline.kafka.clients").setLevel(logging.CRITICAL)  # the broker's absence is no news here
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.monotonic()
    with _directory(chosen.logs) as directory:
        rows = _run(chosen, directory)
    seconds = round(time.monotonic() - began)
    table.write(chosen.build / "faults.json", rows, chosen.seed, rounds=chosen.rounds, seconds=seconds)
    if chosen.rounds > 1:
        _say("\n".join(["all rounds", table.head(), *(table.line(fault, row) for fault, row in rows)]))
    _say(table.foot(rows))
    return 0 if all(row.good for _, row in rows) else 1


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.absolute()
        return
    with TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def _run(chosen: argparse.Namespace, here: Path) -> list[tuple[Fault, Row]]:
    """A row a fault, all its rounds added up; a line is printed for each round."""
    faults = [fault for fault in FAULTS if not chosen.only or fault.name in chosen.only]
    runs = [(fault, number) for number in range(chosen.rounds) for fault in faults]
    jars = JarSource.from_environment(ROOT / ".state")
    rows: dict[str, Row] = {}
    with EmbeddedKafka(here / "broker", jars=jars) as broker:
        access = KafkaAccess(broker.bootstrap_servers)
        with Runner(lambda: Lab(access, here, jars), chosen.seed, chosen.size, chosen.jobs) as runner:
            _say(f"seed {chosen.seed}, {chosen.rounds} rounds\n{table.head()}")
            for fault, row in in_order(runs, runner.submit(runs)):
                rows[fault.name] = rows[fault.name] + row if fault.name in rows else row
                _say(table.line(fault, row))
    return [(fault, rows[fault.name]) for fault in faults]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser("python -m tests.faults", description="Prove the promises under fire.")
    parser.add_argument("--rounds", type=_at_least_one, default=1, help="how often each fault is run (1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices (1)")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--size",
        type=Size,
        choices=list(Size),
        default=Size.LONG,
        metavar="short|long",
        help="long, or what every test run does",
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many faults at once (2)")
    parser.add_argument("--logs", type=Path, help="keep the logs of roles and brokers there")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where faults.json goes")
    return parser.parse_args(arguments)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one at least")
    return number


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
