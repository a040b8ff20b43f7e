"""A system under measurement runs in a process of its own and reports on its last line of output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_SECONDS = 300.0


def run_module(module: str, argument: str) -> dict[str, Any]:
    """Run one of ours: `python -m module ARGUMENT`; gives what it reported."""
    return run_command([sys.executable, "-m", module, argument])


def run_script(python: Path, script: Path, argument: str) -> dict[str, Any]:
    """Run a peer by the interpreter of its own environment."""
    return run_command([str(python), str(script), argument])


def run_command(command: list[str]) -> dict[str, Any]:
    """Run any command; gives what it reported."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    reported: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return reported
