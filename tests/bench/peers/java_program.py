"""A peer in Java: compiled by Eclipse's compiler, which is a jar like the others and needs no JDK."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pipeline.kafka.artifacts import JarSource, ensure_jars
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java
from tests.bench.figure import Skipped

KAFKA_STREAMS = ("org.apache.kafka", "kafka-streams", "4.3.1")
COMPILER = ("org.eclipse.jdt", "ecj", "3.42.0")
_SECONDS = 300.0


def command(build: Path, jars: JarSource, source: Path) -> list[str]:
    """What runs the main class of `source`, compiled into ``build/peers``. Raises `Skipped` where it cannot be had."""
    try:
        java = find_java()
        beside = [*ensure_jars(jars), _jar(*KAFKA_STREAMS, build)]
        compiler = _jar(*COMPILER, build)
    except (KafkaStartError, OSError, RuntimeError) as error:
        raise Skipped(f"Kafka Streams cannot be had: {error}") from error
    classes = build / "peers" / "java"
    classes.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(map(str, [*beside, classes]))
    main = "org.eclipse.jdt.internal.compiler.batch.Main"
    compile_ = [str(java), "-cp", str(compiler), main, "-17", "-nowarn", "-cp", path, "-d", str(classes), str(source)]
    done = subprocess.run(compile_, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr[-2000:]}")
    return [str(java), "-Xmx512m", "-cp", path, source.stem]


def _jar(group: str, artifact: str, version: str, build: Path) -> Path:
    from jgo.maven import MavenContext

    mirror = os.environ.get("PIPELINE_MAVEN_MIRROR", "").rstrip("/")
    context = MavenContext(repo_cache=build / "peers" / "maven", remote_repos={"mirror": mirror} if mirror else None)
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())
