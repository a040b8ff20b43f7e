"""The consumers of `examples/` read `sync.results` as it is: JSON, in lz4, in transactions that may not commit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.kafka.admin import create_topics
from pipeline.kafka.artifacts import Jar, JarSource, ensure_jars
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java
from pipeline.schemas.codec import Codec
from pipeline.schemas.records import ObjectRef, Result, Status
from pipeline.schemas.topics import Topics

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 90.0
COMPILER = Jar(
    group="org.eclipse.jdt",
    artifact="ecj",
    version="3.42.0",
    sha256="29f6d3918ee02db4400c103bc25dd90a22491c3a395867d9393070cb96a7dd29",
    size=3_327_035,
)
"""Eclipse's compiler is a jar like the others: no JDK is needed."""

FIRST = ["acme", "globex", "acme"]
ROLLED_BACK = ["nobody"]
LAST = ["acme", "hooli"]
PRINTED = {
    "acme": [f"acme create_invoice {status} INV-1" for status in ("succeeded", "unchanged", "refused")],
    "globex": ["globex create_invoice succeeded INV-1"],
    "hooli": ["hooli create_invoice succeeded -"],
}


@pytest.fixture(scope="module")
def results(kafka: KafkaAccess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A topic of results, written as the sinks do; gives its name."""
    topics = Topics(f"{tmp_path_factory.mktemp('examples').name}.", 2, ())
    create_topics(kafka, [spec for spec in topics.specs() if spec.name == topics.results], 1)
    statuses = {"acme": iter([Status.SUCCEEDED, Status.UNCHANGED, Status.REFUSED])}
    producer = kafka.transactional_producer(f"{topics.prefix}writer")
    for parties in (FIRST, ROLLED_BACK, LAST):
        producer.begin_transaction()
        for party in parties:
            status = next(statuses.get(party, iter([Status.SUCCEEDED])))
            producer.produce(topics.results, Codec().encode(result(party, status)), party.encode())
        if parties is ROLLED_BACK:
            producer.flush(PATIENCE)
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    return topics.results


def result(party: str, status: Status) -> Result:
    return Result(
        command="c-1",
        run="r-1",
        link="l-1",
        flow="f",
        step="invoice",
        event_id="e-1",
        event_type="togai.invoice.generated",
        subject="INV-1",
        connection="books-main",
        app="zohobooks",
        action="create_invoice",
        party=party,
        status=status,
        object=None if party == "hooli" else ObjectRef(app="zohobooks", type="invoice", id="INV-1"),
    )


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
    request: pytest.FixtureRequest, kafka: KafkaAccess, results: str, language: str
) -> None:
    command: list[str] = request.getfixturevalue(f"{language}_example")
    printed: dict[str, list[str]] = {}
    for line in lines_of([*command, results], kafka):
        printed.setdefault(line.split()[0], []).append(line)
        if sum(map(len, printed.values())) == len(FIRST + LAST):
            break
    assert printed == PRINTED


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
