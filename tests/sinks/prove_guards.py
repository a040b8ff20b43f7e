"""`python -m tests.sinks.prove_guards [NAME ...]`: take each guard out of a copy; its test must fail there.

Every test is also run on the untouched copy, so that a test which fails anyway proves nothing. Exits 1 if a guard is
not proven. One broker serves all runs; `KAFKA_BOOTSTRAP_SERVERS` names another one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.embedded import EmbeddedKafka
from tests.sinks.guards import GUARDS, Guard

REPOSITORY = Path(__file__).parents[2]
PROVEN = "proven"
COPIED = ("pipeline", "tests", "configs", "pyproject.toml")


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
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--kafka", bootstrap_servers, f"tests/{test}"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-1000:]}")
    if ended.returncode == 0:
        return ""
    why = next((line for line in ended.stdout.splitlines() if line.startswith("E   ")), "E   no reason shown")
    return why[1:].strip()[:100]


def prove(guard: Guard, bootstrap_servers: str, good: dict[str, bool]) -> str:
    """What came of it: ``proven`` and why the test failed, or why not. `good` remembers what passes untouched."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        copy(root)
        if guard.test not in good:
            good[guard.test] = not failure(guard.test, root, bootstrap_servers)
        if not good[guard.test]:
            return "its test fails with the guard in place"
        apply(guard, root)
        why = failure(guard.test, root, bootstrap_servers)
        return f"{PROVEN}: {why}" if why else "NOT PROVEN: its test passes without it"


@contextmanager
def _broker() -> Iterator[str]:
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedKafka(Path(directory), jars=JarSource.from_environment(REPOSITORY / ".state")) as broker,
    ):
        yield broker.bootstrap_servers


def main(names: Sequence[str]) -> int:
    unknown = set(names) - {guard.name for guard in GUARDS}
    if unknown:
        print(f"no guard {', '.join(sorted(unknown))}; there are {', '.join(guard.name for guard in GUARDS)}")
        return 2
    chosen = [guard for guard in GUARDS if not names or guard.name in names]
    good: dict[str, bool] = {}
    proven = 0
    with _broker() as bootstrap_servers:
        for guard in chosen:
            began = time.monotonic()
            verdict = prove(guard, bootstrap_servers, good)
            proven += verdict.startswith(PROVEN)
            print(f"{guard.name:28} {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{proven} of {len(chosen)} proven")
    return 0 if proven == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
