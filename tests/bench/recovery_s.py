"""From the kill -9 of a sink worker to the first new result, with commands waiting and another worker standing by.

With none waiting, one is sent right after the kill. The session time-out is the default; nobody can take over sooner.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from pipeline.schemas.records import Command
from pipeline.settings import Settings
from tests.bench.figure import Bench, Bound, Figure, Outcome
from tests.bench.sinks import PATIENCE, Stage, make_command, stage
from tests.sinks.harness import SinkProcess

WAITING = (0, 10_000, 1_000_000)
MARGIN = 2.0
SESSION: float = Settings.model_fields["session_timeout_seconds"].default


def _measure(bench: Bench) -> Outcome:
    took = {}
    for waiting in WAITING:
        rounds = 1 if bench.quick or waiting == WAITING[-1] else bench.rounds
        took[waiting] = [round(_recover(bench, bench.amount(waiting) if waiting else 0), 2) for _ in range(rounds)]
    middle = {waiting: median(rounds) for waiting, rounds in took.items()}
    return Outcome(max(middle[waiting] for waiting in WAITING[:-1]), {"session": SESSION, "seconds": took})


def _recover(bench: Bench, waiting: int) -> float:
    with (
        TemporaryDirectory(prefix="bench-recovery-") as logs,
        stage(bench.bootstrap, bench.build, 1, partitions=1, worker=False) as here,
        _workers(here, Path(logs)) as workers,
    ):
        (connection,) = here.connections
        commands = map(partial(_like, make_command(connection, "account"), here.topics.prefix), count())

        def send(many: int) -> None:
            here.send_commands(islice(commands, many))

        _first_result(here, 0.0, partial(send, 1))
        if waiting:
            send(waiting)
            _first_result(here, time.time(), partial(send, 0))
        owner = max(workers, key=_taken_over)
        owner.kill()
        killed = time.time()
        return _first_result(here, killed, partial(send, 0 if waiting else 1)) - killed


def _first_result(here: Stage, after: float, send: Callable[[], None]) -> float:
    """When the first result was written that ended after the moment `after`. `send` may bring it about."""
    with here.reading() as read:
        send()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for result, written in read(0.05):
                if result.ended is not None and result.ended.timestamp() > after:
                    return written
    raise TimeoutError(f"no result within {PATIENCE:g} s")


def _taken_over(worker: SinkProcess) -> str:
    """When it last took partitions over; "" where it never did."""
    lines = worker.said("partitions taken over")
    return max((str(line["timestamp"]) for line in lines if line["partitions"]), default="")


def _like(made: Command, prefix: str, number: int) -> Command:
    """Another party's: a million are made quickly."""
    account = f"account-{number:07d}"
    given = {
        "party": {**made.input["party"], "id": account, "name": account},
        "source": {**made.input["source"], "id": account},
    }
    return msgspec.structs.replace(made, id=f"{prefix}{number}", party=account, input=given)


@contextmanager
def _workers(here: Stage, logs: Path) -> Iterator[list[SinkProcess]]:
    """One that has taken over, and one that is ready to."""
    environment = {**here.environment, "PIPELINE_LOG_LEVEL": "INFO"}
    workers: list[SinkProcess] = []
    try:
        for name in ("one", "two"):
            workers.append(SinkProcess(environment, logs / f"{name}.log"))
            deadline = time.monotonic() + PATIENCE
            while not workers[-1].said("sink worker started") or not any(map(_taken_over, workers)):
                if time.monotonic() > deadline:
                    raise TimeoutError(workers[-1].last_words())
                time.sleep(0.05)
        yield workers
    finally:
        for worker in workers:
            worker.kill()


FIGURE = Figure(
    name="recovery_s",
    what="kill -9 of a sink worker to the first new result, with 0 and 10,000 commands waiting; 1,000,000 is told",
    unit="s",
    bounds=(Bound(SESSION + MARGIN, at_most=True),),
    run=_measure,
)
