"""The log may be deleted, outgrown or pointed elsewhere: it is built anew, or says in one line what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import ConfigurationError
from pipeline.operations.views import tables
from pipeline.operations.views.answers import RunStatus
from pipeline.operations.views.build import open_database
from pipeline.operations.views.database import Database, DatabaseUnavailable, database_url
from pipeline.operations.views.retention import prune
from pipeline.schemas.records import Status, Verdict
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings
from tests.operations.conftest import APPS, House
from tests.operations.views.conftest import Log, at
from tests.operations.views.said import Story

NOWHERE = Settings(views_url=SecretStr("postgresql://user:hush@127.0.0.1:1/none"))


def set_version(log: Log, version: int) -> None:
    with log.database.writing() as connection:
        connection.execute(tables.about.update().where(tables.about.c.name == "version").values(value=str(version)))


def anew(log: Log) -> Database:
    return open_database(log.settings, log.house.access, log.house.topics)


def test_rows_of_an_older_version_are_dropped_and_built_anew(house: House, log: Log) -> None:
    Story(house).whole()
    before = log.dump()
    set_version(log, tables.VERSION - 1)

    database = anew(log)
    with database.reading() as connection:
        assert connection.execute(tables.runs.select()).all() == []
    database.close()

    assert log.dump() == before


def test_rows_of_a_newer_version_are_left_alone(house: House, log: Log) -> None:
    Story(house).whole()
    log.projector.catch_up()
    set_version(log, tables.VERSION + 1)

    database = anew(log)
    with pytest.raises(ConfigurationError, match="newer version"), database.reading():
        pass
    database.close()

    with log.database.reading() as connection:
        assert len(connection.execute(tables.runs.select()).all()) == 1


def test_the_log_of_another_installation_is_not_mixed_with_ours(house: House, log: Log) -> None:
    Story(house).whole()
    log.projector.catch_up()

    other = open_database(log.settings, house.access, Topics(house.topics.prefix + "other.", 2, tuple(APPS)))
    try:
        if log.settings.views_url.get_secret_value():
            with pytest.raises(ConfigurationError, match="another installation"), other.reading():
                pass
            with log.database.reading() as connection:
                assert len(connection.execute(tables.runs.select()).all()) == 1
        else:
            with other.reading() as connection:
                assert connection.execute(tables.runs.select()).all() == []
    finally:
        other.close()


def test_runs_that_ended_long_ago_are_forgotten_and_open_ones_stay(house: House, log: Log) -> None:
    old, young, open_ = (Story(house, f"e-{number}") for number in range(3))
    old.whole()
    young.decision(second=100)
    young.sent(second=100)
    young.ended(status=Status.REFUSED, second=101)
    open_.decision()
    open_.sent()
    log.projector.catch_up()

    assert prune(log.database, at(50), at_once=1) == 1

    assert {detail.run.event_id for detail in log.all()} == {"e-1", "e-2"}
    with log.database.reading() as connection:
        assert {row.run for row in connection.execute(tables.steps.select())} == {young.run.id, open_.run.id}


def test_of_many_skipped_runs_the_newest_are_kept_and_it_is_said_how_many(house: House, log: Log) -> None:
    for number in range(7):
        Story(house, f"e-{number}").decision(Verdict.NOT_MATCHED, number)
    Story(house, "matched").decision(second=0)
    log.projector.catch_up()

    assert prune(log.database, at(0) - timedelta(days=1), most_skipped=3, at_once=2) == 4

    skipped = log.all(status=RunStatus.SKIPPED)
    assert [detail.run.event_id for detail in skipped] == ["e-6", "e-5", "e-4"]
    kept = log.views.kept()
    assert (kept.runs, kept.skipped, kept.since) == (4, 3, at(0))


def test_runs_are_found_by_each_of_their_fields(house: House, log: Log) -> None:
    Story(house, "e-1", "acc-1").whole()
    Story(house, "e-2", "acc-2").decision()

    def found(**wanted: str) -> list[str]:
        return [detail.run.event_id for detail in log.all(**wanted)]

    assert found(link="accounts") == found(flow="sync-accounts") == ["e-2", "e-1"] or found(link="accounts") == [
        "e-1",
        "e-2",
    ]
    assert found(party="acc-2") == found(event="e-2") == found(status="pending") == ["e-2"]
    assert found(link="nope") == found(flow="nope") == found(party="nope") == found(replay="nope") == []


def test_a_database_that_does_not_answer_is_named_and_its_password_is_not() -> None:
    database = Database(database_url(NOWHERE), "here")
    with pytest.raises(DatabaseUnavailable) as raised, database.reading():
        pass
    database.close()
    assert "the database of runs" in str(raised.value)
    assert "hush" not in f"{raised.value} {database.url} {NOWHERE!r}"


@pytest.mark.parametrize("url", ["mysql://u:hush@h/d", "hush", "postgresql+nothing://u:hush@h/d"])
def test_a_url_that_will_not_do_is_refused_with_what_will(url: str, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, views_url=SecretStr(url))
    with pytest.raises(ConfigurationError, match="PIPELINE_VIEWS_URL") as raised:
        Database(database_url(settings), "here")
    assert "hush" not in str(raised.value)


def test_a_deleted_file_is_made_again(house: House, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    for _ in range(2):
        database = open_database(settings, house.access, house.topics)
        with database.reading() as connection:
            assert connection.execute(tables.runs.select()).all() == []
        database.close()
        for file in tmp_path.glob("views.sqlite*"):
            file.unlink()
