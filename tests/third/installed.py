"""The third app, installed by pip into a folder of its own, as a user installs one into an environment.

Only who puts that folder on the path has the app: no other test meets it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pipeline.apps.base import App
from pipeline.apps.registry import load_apps

SOURCE = Path(__file__).parents[1] / "third-app"
KEPT = Path(__file__).parents[2] / ".state" / "third-app"
"""An installation is kept from run to run, by its sources' hash."""


@cache
def third_app() -> Path:
    """The folder that holds the installed package; pip is run where its sources are not installed yet."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(SOURCE.rglob("*")):
        if file.suffix in (".py", ".toml"):
            digest.update(f"{file.relative_to(SOURCE)}\n".encode() + file.read_bytes())
    target = KEPT / digest.hexdigest()[:16]
    if not target.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT.parent) as directory:
            # A copy: the build writes beside the sources.
            source, made = Path(directory) / "source", Path(directory) / "made"
            shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
            _pip("install", "--no-deps", "--target", str(made), str(source))
            try:
                made.rename(target)
            except OSError:
                # Another test run was there first.
                if not target.exists():
                    raise
    return target


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def on_the_path() -> Iterator[Path]:
    """Within the block this process has the app installed."""
    target = third_app()
    sys.path.insert(0, str(target))
    try:
        yield target
    finally:
        sys.path.remove(str(target))


def all_apps() -> Mapping[str, App]:
    """The apps of the registry where the third one is installed too."""
    with on_the_path():
        return load_apps()


def environment() -> dict[str, str]:
    """Of processes that have the app installed."""
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(third_app()), before)))}
