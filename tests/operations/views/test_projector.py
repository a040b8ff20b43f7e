"""The log is what the topics say: after a kill, beside another projector, and built anew. It knows how far it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from pipeline.failpoints import VARIABLE
from pipeline.kafka.admin import create_topics, delete_topics
from pipeline.operations.views import tables
from pipeline.operations.views.answers import RunStatus
from pipeline.operations.views.build import build_follower
from pipeline.operations.views.projector import Projector
from pipeline.schemas.records import LedgerState, Status, Verdict
from pipeline.settings import Settings
from tests.operations.conftest import House
from tests.operations.views.conftest import Log, open_log
from tests.operations.views.said import Story

RUNS = 12
PATIENCE = 120.0
"""Seconds after which what has not come will not come."""


def tell(house: House, runs: int = RUNS) -> None:
    """Runs of every kind."""
    for number in range(runs):
        story = Story(house, f"e-{number}", f"acc-{number}")
        match number % 4:
            case 0:
                story.whole()
            case 1:
                story.decision(Verdict.NOT_MATCHED, clause="data.amount > 0")
            case 2:
                story.decision()
                story.sent()
                story.ledger(LedgerState.PARKED, waits_for="key")
            case _:
                story.decision()
                story.sent()
                story.ledger(LedgerState.INTENT)
                story.ended(status=Status.REFUSED)
                story.ledger(None)


def run_worker(house: House, settings: Settings, batch: int, fail_points: str = "") -> int:
    """Catches up in a process of its own; gives its exit code."""
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": house.access.bootstrap_servers,
        "PIPELINE_STATE_DIR": str(settings.state_dir),
        "PIPELINE_TOPIC_PREFIX": house.topics.prefix,
        "PIPELINE_PARTITIONS": str(house.topics.partitions),
        "PIPELINE_VIEWS_URL": settings.views_url.get_secret_value(),
        VARIABLE: fail_points,
    }
    command = [sys.executable, "-m", "tests.operations.views.worker", str(batch)]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s"
        time.sleep(0.05)


def test_built_anew_the_log_has_the_same_rows(house: House, log: Log) -> None:
    tell(house)
    before = log.dump()
    assert len(log.all()) == RUNS

    log.database.empty()

    assert log.dump() == before


def test_batches_of_one_record_give_the_same_rows(house: House, log: Log) -> None:
    tell(house)
    before = log.dump()

    log.database.empty()
    with Projector(log.database, house.access, house.topics, house.codec, batch=1) as one_by_one:
        one_by_one.catch_up()

    assert log.dump() == before


@pytest.mark.parametrize("point", ["views.batch.written", "views.batch.committed"])
def test_a_kill_in_the_middle_neither_loses_nor_doubles(house: House, log: Log, point: str) -> None:
    tell(house)
    before = log.dump()
    log.projector.close()
    log.database.empty()

    assert run_worker(house, log.settings, 7, f"{point}=kill@2") == -signal.SIGKILL
    with log.database.reading() as connection:
        stored = connection.execute(select(func.sum(tables.positions.c.offset))).scalar_one()
    assert stored > 0, "it was killed before anything was kept"
    assert log.views.lag().total > 0, "it was killed after everything was kept"
    assert run_worker(house, log.settings, 7) == 0

    assert log.views.lag().total == 0
    assert log.dump() == before


def test_two_projectors_at_once_give_the_same_rows(house: House, settings: Settings, log: Log) -> None:
    tell(house, 4 * RUNS)
    before = log.dump()
    log.projector.close()
    log.database.empty()

    def catch_up() -> None:
        other = open_log(house, settings)
        given = other.database, house.access, house.topics, house.codec
        try:
            with Projector(*given, batch=20) as projector:
                projector.catch_up()
            done.append(True)
        finally:
            other.database.close()

    done: list[bool] = []
    threads = [threading.Thread(target=catch_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert done == [True, True]
    assert log.dump() == before


def test_the_lag_is_what_is_left_to_take_in(house: House, log: Log) -> None:
    topics = house.topics
    assert log.all() == []
    assert set(log.views.lag().topics) == {
        topics.decisions, topics.results, topics.steps, topics.ledger, *topics.carried_out()
    }  # fmt: skip

    story = Story(house)
    story.decision()
    story.sent()
    story.ledger(LedgerState.INTENT)
    story.ledger(None)
    behind = log.views.lag()
    assert {topic: count for topic, count in behind.topics.items() if count} == {
        topics.decisions: 1,
        topics.commands("zohobooks"): 1,
        topics.ledger: 2,
    }
    assert behind.total == 4
    assert log.views.run(story.run.id) is None

    log.projector.catch_up()
    assert log.views.lag().total == 0


def test_records_of_an_aborted_transaction_are_not_taken_in_and_markers_are_passed(house: House, log: Log) -> None:
    story = Story(house)
    producer = house.access.transactional_producer(house.topics.prefix + "t")
    for commit in (False, True):
        producer.begin_transaction()
        decision = story.decided(Verdict.FETCHING, 1 + commit)
        producer.produce(house.topics.decisions, house.codec.encode(decision), "k")
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    # The broker writes the last marker on its own time.
    until(lambda: log.views.lag().total == 4)

    found = log.one()
    assert found.run.started is not None
    assert found.run.started.second == 2
    assert log.views.lag().total == 0, "behind the last record is a marker"


def test_a_record_that_cannot_be_read_stops_nothing(house: House, log: Log) -> None:
    house.put(house.topics.decisions, [("k", b"{broken"), ("k", None)])
    house.put(house.topics.results, [("k", b"\xff\xff"), ("k", b"{}")])
    house.put(house.topics.ledger, [("no slash", None), (b"\xff/\xff", None)])
    Story(house).whole()

    assert log.one().run.status is RunStatus.SUCCESS


def test_names_of_any_length_and_kind_are_kept_and_found(house: House, log: Log) -> None:
    party = "acc\0" + "é" * 5_000
    story = Story(house, party=party)
    story.decision(message="\0" + "m" * 10_000, read={"data.name": "\0"})
    story.sent()
    story.ended(output={"note": "\0"})

    (found,) = log.all(party=party)
    assert found.run.read == {"data.name": "\0"}
    assert found.steps[0].output == {"note": "\0"}


def test_a_topic_that_was_made_anew_is_read_from_its_start(house: House, log: Log) -> None:
    for number in range(5):
        Story(house, f"old-{number}").decision()
    assert len(log.all()) == 5
    delete_topics(house.access, [house.topics.decisions])
    create_topics(house.access, house.topics.specs(), 1)

    Story(house, "new").decision()

    assert log.views.lag().total == 1
    assert {detail.run.event_id for detail in log.all()} >= {"new"}


@pytest.fixture
def following(house: House, log: Log) -> Iterator[None]:
    follower = build_follower(log.settings, log.database, house.access, house.topics, house.codec)
    with follower:
        yield


@pytest.mark.usefixtures("following")
def test_a_role_keeps_the_log_fresh_by_itself(house: House, log: Log) -> None:
    story = Story(house)
    story.whole()

    def ended() -> bool:
        found = log.views.run(story.run.id)
        return found is not None and found.run.status is RunStatus.SUCCESS

    until(ended)
