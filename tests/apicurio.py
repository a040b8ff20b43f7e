"""A real schema registry for the tests: Apicurio Registry from Maven Central, in memory, on the broker's own Java.

Its `ccompat` API is Confluent's. https://www.apicur.io/registry/
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipeline.kafka.artifacts import Jar, JarSource, ensure_jars
from pipeline.kafka.java import find_java
from pipeline.kafka.ports import free_port

SERVER = Jar(
    group="io.apicurio",
    artifact="apicurio-registry-app",
    version="3.3.3",
    sha256="8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    size=158_577_952,
    classifier="all",
    packaging="tar.gz",
)
_QUICK_START = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_START_SECONDS = 300.0
_STOP_SECONDS = 15.0


def unpacked(jars: JarSource) -> Path:
    """The server's folder beside its archive; both are kept from run to run. Raises `KafkaStartError`."""
    (archive,) = ensure_jars(jars, jars=[SERVER])
    folder = archive.parent / "unpacked"
    if not folder.exists():
        incoming = archive.parent / f".incoming-{time.monotonic_ns()}"
        with tarfile.open(archive) as packed:
            packed.extractall(incoming, filter="data")
        try:
            incoming.rename(folder)
        except OSError:
            # Another process of this run was first; its folder holds the same.
            shutil.rmtree(incoming)
    return folder


@contextmanager
def apicurio(jars: JarSource, log: Path) -> Iterator[str]:
    """The address of its Confluent-compatible API while the block runs."""
    folder, port = unpacked(jars), free_port()
    settings = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": str(port),
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": str(free_port(avoid={port})),
        "apicurio.storage.kind": "sql",
        "apicurio.storage.sql.kind": "h2",
    }
    command = [str(find_java()), *_QUICK_START, *(f"-D{name}={value}" for name, value in settings.items())]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "-jar", str(folder / "quarkus-run.jar")], stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        _await(server, url, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/subjects").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the schema registry did not start:\n{log.read_text(errors='replace')[-3000:]}")
