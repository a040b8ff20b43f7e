"""`python -m tests.guards [--model] [NAME ...]`: take each guard out of a copy; its test must fail there.

Every test is also run on the untouched copy, so that a test which fails anyway proves nothing. Exits 1 if a guard is
not proven. `--model` runs the model in place of each guard's own test. One broker serves all runs that need one;
`KAFKA_BOOTSTRAP_SERVERS` names another one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.embedded import EmbeddedKafka
from tests.guards.guards import GUARDS, Guard

REPOSITORY = Path(__file__).parents[2]
PROVEN = "proven"
MODEL = "model/test_model.py"
COPIED = ("pipeline", "tests", "configs", "pyproject.toml")
LONGEST = 900
"""Seconds of one test: a guard that is out may make it wait for what never comes."""


def apply(guard: Guard, root: Path) -> None:
    """Take the guard out below `root`. Raises ValueError where its text is not there exactly once."""
    file = root / guard.file
    text = file.read_text(encoding="utf-8")
    if text.count(guard.old) != 1:
        raise ValueError(f"{guard.name}: {guard.old!r} is {text.count(guard.old)} times in {guard.file}, not once")
    file.write_text(text.replace(guard.old, guard.new), encoding="utf-8")


def copy(root: Path) -> None:
    """What the tests need, without what was compiled from the untouched source."""
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)


def failure(test: str, root: Path, bootstrap_servers: str) -> str:
    """Why the test failed when pytest ran it in `root`, "" if it passed. Raises RuntimeError for any other end."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "MODEL_SHRINK": "0"}
    kafka = ["--kafka", bootstrap_servers] if bootstrap_servers else []
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *kafka, f"tests/{test}"],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {LONGEST} s"
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-1000:]}")
    if ended.returncode == 0:
        return ""
    lines = [line.lstrip(" |") for line in ended.stdout.splitlines()]
    why = next((line for line in lines if line.startswith(("E   ", "AssertionError", "KeyError"))), "no reason shown")
    return why.removeprefix("E").strip()[:100]


def prove(guard: Guard, test: str, bootstrap_servers: str, good: dict[str, bool]) -> str:
    """What came of it: ``proven`` and why the test failed, or why not. `good` remembers what passes untouched."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        copy(root)
        try:
            if test not in good:
                good[test] = not failure(test, root, bootstrap_servers)
            if not good[test]:
                return "its test fails with the guard in place"
            apply(guard, root)
            why = failure(test, root, bootstrap_servers)
        except (ValueError, RuntimeError) as error:
            return f"NOT PROVEN: {error}"
        return f"{PROVEN}: {why}" if why else "NOT PROVEN: its test passes without it"


def _broker(until: ExitStack) -> Callable[[], str]:
    """Gives the bootstrap servers of a broker that is started when it is first needed."""

    @cache
    def servers() -> str:
        given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
        if given:
            return given
        directory = until.enter_context(tempfile.TemporaryDirectory())
        jars = JarSource.from_environment(REPOSITORY / ".state")
        return until.enter_context(EmbeddedKafka(Path(directory), jars=jars)).bootstrap_servers

    return servers


def main(arguments: Sequence[str]) -> int:
    if "--help" in arguments:
        print(__doc__)
        return 0
    model = "--model" in arguments
    names = [argument for argument in arguments if argument != "--model"]
    unknown = set(names) - {guard.name for guard in GUARDS}
    if unknown:
        print(f"no guard {', '.join(sorted(unknown))}; there are {', '.join(guard.name for guard in GUARDS)}")
        return 2
    chosen = [guard for guard in GUARDS if (guard.name in names if names else guard.model or not model)]
    good: dict[str, bool] = {}
    proven = 0
    with ExitStack() as until:
        servers = _broker(until)
        for guard in chosen:
            began = time.monotonic()
            verdict = prove(guard, MODEL if model else guard.test, servers() if guard.kafka and not model else "", good)
            proven += verdict.startswith(PROVEN)
            print(f"{guard.name:28} {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{proven} of {len(chosen)} proven")
    return 0 if proven == len(chosen) else 1
