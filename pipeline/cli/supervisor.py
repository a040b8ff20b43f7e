"""Child processes kept running: started, watched, restarted with back-off, and stopped together."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import structlog

from pipeline.cli.exits import Exit

SUPERVISED = "PIPELINE_SUPERVISED"
"""Set for a child: its standard input is a pipe that closes when the supervisor is gone, however that ends."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_STEADY_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LOOK_EVERY = 0.1


class Stop:
    """SIGTERM and SIGINT as a flag, within a block. A second signal ends the process at once.

    A pipe, not a `threading.Event`: a handler runs in the middle of whatever the main thread does, and an event's lock
    may be held there by that very thread, which would then wait for itself.
    """

    def __init__(self) -> None:
        self._set = False
        self._reader, self._writer = os.pipe()
        self._before: dict[int, Any] = {}

    def wait(self, seconds: float) -> bool:
        """True as soon as we are to stop."""
        if not self._set:
            select.select([self._reader], [], [], seconds)
        return self._set

    def set(self) -> None:
        """Safe from any thread, and from a signal's handler."""
        if not self._set:
            self._set = True
            os.write(self._writer, b"\0")

    def __bool__(self) -> bool:
        return self._set

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, _: FrameType | None) -> None:
        if self._set:
            raise KeyboardInterrupt
        self.set()


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to be kept running.

    `environment` goes over ours, and is read at each start; `log` takes what it prints (None: as ours).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


class Supervisor:
    """Runs children until `stop`. A child that ends with exit code 2 is a mistake to be mended: all are stopped.

    Every other end is followed by a restart, after 0.5 s, doubling up to 30 s, from the start again once the child
    ran for a minute; the log says it the first time, and again after it was steady.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        on_tick: Callable[[], None] = lambda: None,
        longest_delay: float = _LONGEST_DELAY,
    ) -> None:
        self._children = [_Child(spec, longest_delay) for spec in specs]
        self._on_tick = on_tick

    def run(self, stop: Stop) -> int:
        """Gives the exit code: 0 after `stop`, 2 for a mistake of a child."""
        try:
            for child in self._children:
                child.start()
            while not stop.wait(_LOOK_EVERY):
                self._on_tick()
                for child in self._children:
                    if child.look() == Exit.MISTAKE:
                        return Exit.MISTAKE
            return Exit.GOOD
        finally:
            self._stop_all()

    def pid(self, name: str) -> int | None:
        """The process id of a child while it runs."""
        return next((child.pid for child in self._children if child.spec.name == name), None)

    def _stop_all(self) -> None:
        """In the order of the data flow: what feeds others stops first."""
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children:
            child.join(deadline)


class _Child:
    def __init__(self, spec: ChildSpec, longest_delay: float) -> None:
        self.spec = spec
        self._longest_delay = longest_delay
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay = _FIRST_DELAY
        self._due = 0.0
        self._said = False
        self._log = structlog.get_logger(child=spec.name)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        # A session of its own: ctrl-c at the terminal reaches the supervisor alone, which stops all in order.
        with nullcontext() if self.spec.log is None else self.spec.log.open("ab") as output:
            self._process = subprocess.Popen(
                list(self.spec.command),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.spec.environment, SUPERVISED: "1"},
                start_new_session=True,
            )
        self._started = time.monotonic()

    def look(self) -> int | None:
        """Restart it when it is time; gives the exit code of one that has just ended."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            if now - self._started > _STEADY_SECONDS:
                self._delay, self._said = _FIRST_DELAY, False
            return None
        self._close_pipe()
        self._process = None
        self._due = now + self._delay
        say = self._log.debug if self._said else self._log.warning
        say("a process ended and is started again", code=code, seconds=self._delay)
        self._said, self._delay = True, min(self._delay * 2, self._longest_delay)
        return code

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def join(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._log.warning("a process did not stop in time and is killed")
            self._process.kill()
            self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def stop_with_supervisor() -> None:
    """In a child: end as by SIGTERM when the supervisor is gone. Does nothing in a process of its own."""
    if os.environ.pop(SUPERVISED, "") != "1":
        return

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, would crash the interpreter's own end.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
