"""The broker is restarted, killed, paused and out of disk; transactions time out and are fenced."""

from __future__ import annotations

import os
import random
import resource
import signal
import struct
import time
from collections import Counter
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from tests.e2e.machine import Machine
from tests.e2e.roles import RoleProcess
from tests.faults.fault import Fault, Row, Size
from tests.faults.judge import judge
from tests.faults.lab import SHORT_TIMES, Lab
from tests.faults.work import LATENCY, Work

PAUSED = 3.5
"""Seconds: longer than a delivery and a transaction may take (2 s) and the scan for old transactions (1 s)."""
BETWEEN = 3.0
"""Seconds of work between two faults, at least; more until there are new results."""
PATIENCE = 60.0
SHORT = ("kill", "pause")
ROUNDS = {Size.SHORT: 1, Size.LONG: 2}


def run(lab: Lab, rng: random.Random, size: Size) -> Row:
    with lab.broker() as broker:
        access = KafkaAccess(broker.bootstrap_servers)
        with lab.fresh(environment=SHORT_TIMES, access=access) as machine:
            machine.connect()
            machine.twins.books.twin.latency = LATENCY
            work = Work(machine, rng)
            roles = machine.start(Role.AGENTS, Role.SINKS)
            trouble = _Trouble(broker, machine, roles, rng)
            work.send()
            for _ in range(ROUNDS[size]):
                kinds = SHORT if size is Size.SHORT else tuple(trouble.kinds)
                for kind in rng.sample(kinds, len(kinds)):
                    _until_under_way(work)
                    trouble.make(kind)
                    work.recovery.injected()  # how long the broker itself takes to start is none of ours
            _until_under_way(work)
            work.finish()
            machine.stop()
            seen = trouble.made
            return Row(seen.total(), judge(machine, work.expected), work.recovery.longest, dict(seen))


def _until_under_way(work: Work) -> None:
    """New results, and some seconds of work."""
    before, began = work.progress.results, time.monotonic()
    while True:
        work.keep_busy()
        work.poll()
        for_long = time.monotonic() - began
        if (for_long > BETWEEN and work.progress.results > before) or for_long > PATIENCE:
            return


class _Trouble:
    """Each kind by its name. All end with a broker that serves, and roles that run."""

    def __init__(self, broker: EmbeddedKafka, machine: Machine, roles: list[RoleProcess], rng: random.Random) -> None:
        self._broker = broker
        self._machine = machine
        self._roles = roles
        self._rng = random.Random(rng.random())
        self.made: Counter[str] = Counter()
        self.kinds: dict[str, Callable[[], None]] = {
            "restart": self._restart,
            "kill": self._kill,
            "pause": self._pause,
            "abort": self._abort,
            "fence": self._fence,
            "disk full": self._disk_full,
        }

    def make(self, kind: str) -> None:
        self.kinds[kind]()
        self.made[f"broker.{kind}"] += 1

    def _restart(self) -> None:
        self._broker.restart()

    def _kill(self) -> None:
        self._broker.kill()
        self._broker.start()

    def _pause(self) -> None:
        """Nothing is answered: deliveries and commits time out."""
        self._stopped_for(self._jvm(), PAUSED)

    def _abort(self) -> None:
        """A role sleeps in its transaction until the broker has aborted it, and then wants to commit."""
        pid = self._rng.choice(self._roles).pid
        if pid is not None:
            self._stopped_for(pid, PAUSED)

    def _fence(self) -> None:
        """A producer with the transactional id of each role's appears, as if it had been started twice."""
        for id_ in _transactional_ids(self._machine.here.access, self._machine.here.topics.prefix):
            self._machine.here.access.transactional_producer(id_)

    def _disk_full(self) -> None:
        """No file of the broker may grow any more, as on a full disk; it gives up its log directory, and so itself."""
        pid = self._jvm()
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (self._rng.randrange(1024, 16_384), hard))
        deadline = time.monotonic() + PATIENCE
        while self._broker.alive and time.monotonic() < deadline:
            time.sleep(0.1)
        if self._broker.alive:
            raise RuntimeError("the broker goes on writing although no file may grow")
        self._broker.stop()
        self._broker.start()

    def _jvm(self) -> int:
        pid = self._broker.pid
        assert pid is not None, "the broker does not run"
        return pid

    def _stopped_for(self, pid: int, seconds: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def _transactional_ids(access: KafkaAccess, prefix: str) -> set[str]:
    """Those that begin with `prefix`, out of the coordinator's own topic.

    Its keys are a version (0) and the id with its length, both of two bytes:
    https://github.com/apache/kafka/blob/trunk/transaction-coordinator/src/main/resources/common/message/TransactionLogKey.json
    """
    reader, topic = access.reader(), "__transaction_state"
    found: set[str] = set()
    try:
        partitions = reader.list_topics(topic, timeout=30).topics[topic].partitions
        reader.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for index in partitions])
        ends = 0
        while ends < len(partitions):
            for message in reader.consume(1000, 0.5):
                key = message.key()
                if message.error() is not None:
                    ends += 1
                elif key is not None and key[:2] == b"\0\0":
                    (length,) = struct.unpack(">h", key[2:4])
                    found.add(bytes(key[4 : 4 + length]).decode())
    finally:
        reader.close()
    return {id_ for id_ in found if id_.startswith(prefix)}


FAULTS = (Fault("broker", 7, run),)
