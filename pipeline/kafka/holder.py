"""Who holds a broker's data directory: one lock, and a note beside it that says who and where.

The lock is flock(2) on an open file. Guardian and JVM inherit the descriptor, so the data counts as held until the
last of them is gone, even when the process that started them is not there any more.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.kafka.errors import KafkaStartError

_LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """The running broker of a data directory: who started it, its JVM, and its address."""

    owner: int
    broker: int
    bootstrap_servers: str


def acquire(directory: Path, timeout: float) -> int:
    """The descriptor of the locked file; the lock lasts while any copy of it is open.

    Waits up to `timeout` seconds, then raises `KafkaStartError` that names the holder.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout
    while not _try_lock(descriptor):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            raise KafkaStartError(_held(directory))
        time.sleep(_LOOK_EVERY_SECONDS)
    _note(directory).unlink(missing_ok=True)
    return descriptor


def announce(directory: Path, holder: Holder) -> None:
    """Leaves the note. Call it with the lock held."""
    draft = directory / f"holder.{os.getpid()}"
    draft.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    draft.replace(_note(directory))


def current_holder(directory: Path) -> Holder | None:
    """The broker that runs on this data now, or None: nobody holds the lock, or it is only starting."""
    return _read_note(directory) if is_held(directory) else None


def is_held(directory: Path) -> bool:
    """Whether anybody holds the lock."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _held(directory: Path) -> str:
    holder = _read_note(directory)
    if holder is None:
        return f"another process is just starting a broker on {directory}; wait for it, or stop it"
    return (
        f"{directory} is in use: process {holder.owner} runs its broker (Java process {holder.broker}) on "
        f"{holder.bootstrap_servers}; stop process {holder.owner}, or set "
        f"KAFKA_BOOTSTRAP_SERVERS={holder.bootstrap_servers} to use its broker"
    )


def _read_note(directory: Path) -> Holder | None:
    try:
        return Holder(**json.loads(_note(directory).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _note(directory: Path) -> Path:
    return directory / "holder.json"


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        raise KafkaStartError(
            "the embedded Kafka runs on Linux and macOS; on Windows set KAFKA_BOOTSTRAP_SERVERS to a cluster"
        )
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
