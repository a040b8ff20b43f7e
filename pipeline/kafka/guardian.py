"""A small process between us and the broker's JVM, so that no JVM outlives the process that wanted it.

Run as a script with a JSON object as its only argument: `format` and `run` (commands; `format` may be empty),
`output` (file for what they print), `lock` (descriptor that the JVM must hold while it lives) and `grace`
(seconds between SIGTERM and SIGKILL). It needs the standard library alone.

Standard input is the life line: it ends when the parent closes it or dies in any way, and the broker is stopped.
A child forked by the parent may hold the pipe open, so a changed parent process counts as its end too. If the
guardian itself is killed, Linux kills the JVM (PR_SET_PDEATHSIG, prctl(2)).
Standard output reports `running <pid>` and `ended <exit status>`.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_SECONDS = 0.25


class _Terminated(Exception):
    """SIGTERM came."""


def main() -> int:
    spec = json.loads(sys.argv[1])
    parent = os.getppid()
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(spec["output"], "wb") as output:
        status = _supervise(spec["format"], output, spec, parent, announce=False) if spec["format"] else 0
        if status == 0:
            status = _supervise(spec["run"], output, spec, parent, announce=True)
    _say(f"ended {status}")
    return 0


def _supervise(command: list[str], output: IO[bytes], spec: dict[str, Any], parent: int, *, announce: bool) -> int:
    """Runs the command until it ends or is no longer wanted; its exit status (negative: the signal)."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=(spec["lock"],),
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 (this process has one thread)
    )
    try:
        if announce:
            _say(f"running {process.pid}")
        while process.poll() is None and not _abandoned(parent):
            pass
    except _Terminated:
        pass
    if process.poll() is None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process.terminate()
        try:
            process.wait(spec["grace"])
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _abandoned(parent: int) -> bool:
    """Waits a moment; True when nobody wants the broker any more."""
    readable, _, _ = select.select([sys.stdin], [], [], _LOOK_EVERY_SECONDS)
    return bool(readable) or os.getppid() != parent


def _die_with_parent() -> Callable[[], object] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        # The parent is gone; so is whoever would read this.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _terminated(_signum: int, _frame: FrameType | None) -> None:
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main())
