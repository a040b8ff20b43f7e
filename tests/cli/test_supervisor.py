"""Children are kept running and stopped together; nothing outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.supervisor import ChildSpec, Stop, Supervisor

PATIENCE = 20.0

FAITHFUL = """
import os, pathlib, signal, sys, time
from pipeline.cli.supervisor import stop_with_supervisor
def end(*_):
    pathlib.Path(sys.argv[1] + ".ended").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
stop_with_supervisor()
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
while True:
    time.sleep(0.05)
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def faithful(name: str, file: Path) -> ChildSpec:
    return ChildSpec(name, [sys.executable, "-c", FAITHFUL, str(file)])


class Supervised:
    """A supervisor on a thread."""

    def __init__(self, *specs: ChildSpec) -> None:
        self.stop = Stop()
        self.supervisor = Supervisor(specs)
        self.codes: list[int] = []
        self._thread = threading.Thread(target=lambda: self.codes.append(self.supervisor.run(self.stop)))
        self._thread.start()

    def join(self) -> int:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.codes[0]


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervised]]:
    made: list[Supervised] = []

    def start(*specs: ChildSpec) -> Supervised:
        made.append(Supervised(*specs))
        return made[-1]

    yield start
    for each in made:
        each.stop.set()
        each.join()


def test_a_child_that_is_killed_is_started_again_and_the_others_run_on(
    supervise: Callable[..., Supervised], tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    running = supervise(faithful("one", one), faithful("two", two))
    until(lambda: len(pids(one)) == 1 and len(pids(two)) == 1)

    os.kill(pids(one)[0], signal.SIGKILL)
    until(lambda: len(pids(one)) == 2)

    assert running.supervisor.pid("one") == pids(one)[1]
    assert running.supervisor.pid("two") == pids(two)[0]
    assert len(pids(two)) == 1


def test_stopping_stops_all_in_good_order(supervise: Callable[..., Supervised], tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    running = supervise(*(faithful(file.name, file) for file in files))
    until(lambda: all(pids(file) for file in files))

    running.stop.set()

    assert running.join() == Exit.GOOD
    assert all(Path(f"{file}.ended").exists() for file in files)
    assert not any(psutil.pid_exists(pid) for file in files for pid in pids(file))


def test_a_mistake_of_one_child_stops_all_with_its_exit_code(
    supervise: Callable[..., Supervised], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    mistaken = [
        sys.executable,
        "-c",
        f"import os, sys, time\nwhile not os.path.exists({str(other)!r}): time.sleep(.02)\nsys.exit(2)",
    ]

    running = supervise(faithful("other", other), ChildSpec("mistaken", mistaken))

    assert running.join() == Exit.MISTAKE
    assert not psutil.pid_exists(pids(other)[0])


def test_no_child_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "child"
    code = (
        "from pipeline.cli.supervisor import ChildSpec, Stop, Supervisor\n"
        f"Supervisor([ChildSpec('child', [{sys.executable!r}, '-c', {FAITHFUL!r}, {str(file)!r}])]).run(Stop())"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: len(pids(file)) == 1)

    supervisor.kill()
    supervisor.wait()

    until(lambda: Path(f"{file}.ended").exists() and not psutil.pid_exists(pids(file)[0]))
