"""The broker's jars are the pinned bytes, or nothing starts."""

from __future__ import annotations

import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.kafka.artifacts import KAFKA_VERSION, Jar, JarSource, ensure_jars, pinned_jars
from pipeline.kafka.errors import KafkaStartError

CONTENT = b"not much of a jar"
JAR = Jar("org.example.deep", "tool", "1.2", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Maven repository over HTTP: its base URL, and the folder that it serves."""
    root = tmp_path / "mirror"
    root.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", root
        server.shutdown()
        thread.join()
    with warnings.catch_warnings():
        # jgo leaves the connection of a refused download to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def put(root: Path, content: bytes) -> Path:
    path = root / JAR.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_pins_cover_the_whole_class_path_of_one_kafka_version() -> None:
    jars = pinned_jars()

    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)


def test_a_missing_jar_comes_from_the_mirror_and_progress_is_told(mirror: tuple[str, Path], tmp_path: Path) -> None:
    url, root = mirror
    put(root, CONTENT)
    told: list[tuple[int, int, str]] = []

    paths = ensure_jars(JarSource(tmp_path / "cache", url), jars=[JAR], progress=lambda *report: told.append(report))

    assert paths == [tmp_path / "cache" / "org/example/deep/tool/1.2/tool-1.2.jar"]
    assert paths[0].read_bytes() == CONTENT
    assert told == [(1, 1, "tool-1.2.jar")]


def test_a_mirror_that_serves_other_bytes_is_refused_and_leaves_nothing_behind(
    mirror: tuple[str, Path], tmp_path: Path
) -> None:
    url, root = mirror
    put(root, b"other bytes")

    with pytest.raises(KafkaStartError) as refusal:
        ensure_jars(JarSource(tmp_path / "cache", url), jars=[JAR])

    got = hashlib.sha256(b"other bytes").hexdigest()
    assert all(part in str(refusal.value) for part in ("tool-1.2.jar", JAR.sha256, got, "PIPELINE_MAVEN_MIRROR"))
    assert list((tmp_path / "cache").rglob("*.jar")) == []


def test_a_kept_jar_with_other_bytes_is_refused_and_the_message_says_what_to_delete(tmp_path: Path) -> None:
    kept = put(tmp_path, CONTENT[:-1])

    with pytest.raises(KafkaStartError) as refusal:
        ensure_jars(JarSource(tmp_path), jars=[JAR])

    got = hashlib.sha256(CONTENT[:-1]).hexdigest()
    assert all(part in str(refusal.value) for part in (JAR.sha256, got, f"delete {kept}"))


def test_a_kept_jar_needs_no_repository(tmp_path: Path) -> None:
    kept = put(tmp_path, CONTENT)

    assert ensure_jars(JarSource(tmp_path, "http://127.0.0.1:1"), jars=[JAR]) == [kept]


@pytest.mark.parametrize("version", ["1.2", "9.9"])
def test_a_repository_without_the_jar_or_out_of_reach_gives_one_clear_line(
    mirror: tuple[str, Path], tmp_path: Path, version: str
) -> None:
    url = mirror[0] if version == "9.9" else "http://127.0.0.1:1"

    with pytest.raises(KafkaStartError, match=f"cannot fetch org.example.deep:tool:{version}.*PIPELINE_MAVEN_MIRROR"):
        ensure_jars(JarSource(tmp_path / "cache", url), jars=[replace(JAR, version=version)])


def test_cache_and_mirror_are_set_by_the_environment(tmp_path: Path) -> None:
    chosen = JarSource.from_environment(
        tmp_path, {"M2_REPO": str(tmp_path / "m2"), "PIPELINE_MAVEN_MIRROR": "http://mirror.test/maven/"}
    )

    assert chosen == JarSource(tmp_path / "m2", "http://mirror.test/maven")
    assert JarSource.from_environment(tmp_path, {}) == JarSource(tmp_path / "maven", None)
