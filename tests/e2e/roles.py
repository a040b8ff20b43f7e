"""Roles as processes, each kept running by the supervisor that `pipeline run` uses."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pipeline.cli.run import Role, role_command
from pipeline.cli.supervisor import ChildSpec, Stop, Supervisor

LONGEST_DELAY = 1.0
"""Seconds until a process is started again, however often it ended: a test that kills it often would else wait."""


class RoleProcess:
    """One role process. It is started again when it ends, until `leave`.

    `environment` may be changed: it is that of the next life.
    """

    def __init__(self, role: Role, environment: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        self.environment = dict(environment)
        spec = ChildSpec(role, role_command(role), self.environment, log)
        self._supervisor = Supervisor([spec], longest_delay=LONGEST_DELAY)
        self._stop = Stop()
        self._thread = threading.Thread(target=self._supervisor.run, args=(self._stop,), name=f"keeps-{role}")
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """None while it is between two lives."""
        return self._supervisor.pid(self.role)

    def kill(self) -> int:
        """SIGKILL; gives the process id that died."""
        pid = self.pid
        assert pid is not None, f"{self.role} does not run: see {self.log}"
        os.kill(pid, signal.SIGKILL)
        return pid

    def send(self, number: signal.Signals) -> None:
        """Does nothing while it is between two lives."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def ask_to_leave(self) -> None:
        """SIGTERM, and no new start. Returns at once."""
        self._stop.set()

    def leave(self) -> None:
        """SIGTERM, and wait for the end."""
        self.ask_to_leave()
        self._thread.join()

    def last_words(self, lines: int = 15) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
