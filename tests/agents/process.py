"""A worker in a process of its own, to be killed.

`python -m tests.agents.process`, settings by the environment as in production.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from pipeline.failpoints import VARIABLE, arm_from_environment
from tests.agents.house import PATIENCE, House


class WorkerProcess:
    """Killed with -9 or asked to end; its output is in `log`."""

    def __init__(self, house: House, log: Path, fail_points: str = "") -> None:
        settings = house.settings
        environment = {
            **os.environ,
            VARIABLE: fail_points,
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "PIPELINE_STATE_DIR": str(settings.state_dir),
            "PIPELINE_TOPIC_PREFIX": settings.topic_prefix,
            "PIPELINE_PARTITIONS": str(settings.partitions),
            "PIPELINE_BATCH_SIZE": str(settings.batch_size),
            "PIPELINE_SESSION_TIMEOUT_SECONDS": str(settings.session_timeout_seconds),
        }
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.agents.process"], env=environment, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def halted(self) -> bool:
        """A fail point stopped it (SIGSTOP)."""
        return self.alive and psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED

    def terminate(self) -> int:
        """SIGTERM, also to one that is halted; gives the exit code."""
        self._process.send_signal(signal.SIGTERM)
        self._process.send_signal(signal.SIGCONT)
        return self._process.wait(PATIENCE)


@contextmanager
def worker_process(house: House, name: str, fail_points: str = "") -> Iterator[WorkerProcess]:
    process = WorkerProcess(house, house.settings.state_dir / f"{name}.log", fail_points)
    try:
        yield process
    finally:
        process.kill()


def main() -> None:
    from pipeline.agents.worker import run
    from pipeline.settings import Settings

    arm_from_environment()
    run(Settings())


if __name__ == "__main__":
    main()
