"""The consumers of `examples/` read `sync.results` as it is: JSON, in lz4, in transactions that may not commit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.kafka.artifacts import Jar, JarSource, ensure_jars
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java
from pipeline.schemas.topics import Topics
from tests.sinks.harness import backlog, bench

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 90.0
PARTIES, VERSIONS = 3, 2
COMPILER = Jar(
    group="org.eclipse.jdt",
    artifact="ecj",
    version="3.42.0",
    sha256="29f6d3918ee02db4400c103bc25dd90a22491c3a395867d9393070cb96a7dd29",
    size=3_327_035,
)
"""Eclipse's compiler is a jar like the others: no JDK is needed."""


class Results(NamedTuple):
    """The topic, and what an example has to print of it: by party, in order."""

    topic: str
    printed: dict[str, list[str]]


@pytest.fixture(scope="module")
def results(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Of commands that a real worker carried out at the twin; in front of them is what was rolled back."""
    directory = tmp_path_factory.mktemp("examples")
    with bench(kafka, f"{directory.name}.", directory, partitions=2) as sinks:
        roll_back(kafka, sinks.topics)
        sinks.connect()
        sinks.send(backlog(PARTIES, VERSIONS))
        sinks.start()
        sinks.until_results(PARTIES * VERSIONS)
        sinks.end()
        found, topic = sinks.results(), sinks.topics.results
    printed: dict[str, list[str]] = {}
    for each in found:
        assert each.object is not None
        printed.setdefault(each.party, []).append(f"{each.party} upsert_contact succeeded {each.object.id}")
    return Results(topic, printed)


def roll_back(kafka: KafkaAccess, topics: Topics) -> None:
    """A result on each partition, in a transaction that is aborted."""
    producer = kafka.transactional_producer(f"{topics.prefix}writer")
    producer.begin_transaction()
    for partition in range(topics.partitions):
        value = b'{"party": "nobody", "action": "upsert_contact", "status": "succeeded"}'
        producer.produce(topics.results, value, b"nobody", partition=partition)
    producer.flush(PATIENCE)
    producer.abort_transaction()


@pytest.fixture(scope="session")
def python_example() -> list[str]:
    return [sys.executable, str(EXAMPLES / "consume_results.py")]


@pytest.fixture(scope="session")
def java_example(jars: JarSource, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Compiled, to be run on the broker's own Java and with its jars."""
    try:
        java, class_path, (compiler,) = find_java(), ensure_jars(jars), ensure_jars(jars, jars=[COMPILER])
    except KafkaStartError as error:
        pytest.skip(f"no Java tool chain: {error}")
    classes = tmp_path_factory.mktemp("classes")
    path = os.pathsep.join(map(str, [*class_path, classes]))
    main, source = "org.eclipse.jdt.internal.compiler.batch.Main", EXAMPLES / "ConsumeResults.java"
    compile_ = [*map(str, [java, "-cp", compiler, main, "-17", "-cp", path, "-d", classes, source])]
    done = subprocess.run(compile_, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [str(java), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", path, "ConsumeResults"]


@pytest.mark.parametrize("language", ["python", "java"])
def test_an_example_prints_every_result_that_was_committed_in_the_order_of_its_party(
    request: pytest.FixtureRequest, kafka: KafkaAccess, results: Results, language: str
) -> None:
    command: list[str] = request.getfixturevalue(f"{language}_example")
    printed: dict[str, list[str]] = {}
    for line in lines_of([*command, results.topic], kafka):
        printed.setdefault(line.split()[0], []).append(line)
        if sum(map(len, printed.values())) >= PARTIES * VERSIONS:
            break
    assert printed == results.printed


def lines_of(command: list[str], kafka: KafkaAccess) -> Iterator[str]:
    """What it prints, until nobody wants more or it takes too long."""
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if not line.startswith("SLF4J"):
                    yield line.rstrip("\n")
        finally:
            watch.cancel()
            process.kill()
