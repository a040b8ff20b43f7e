"""A log over topics that the tests write, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from pipeline.operations.views import tables
from pipeline.operations.views.answers import RunDetail, RunFilter, RunStatus
from pipeline.operations.views.build import build_projector, build_views, open_database
from pipeline.operations.views.database import Database
from pipeline.operations.views.projector import Projector
from pipeline.operations.views.views import Views
from pipeline.settings import Settings
from tests.operations.conftest import House
from tests.operations.views.servers import postgresql_server

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)


def at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[URL]:
    """One server for the test run."""
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Each test on either database; an empty one."""
    if request.param == "sqlite":
        return Settings(state_dir=tmp_path)
    url: URL = request.getfixturevalue("postgresql")
    engine = create_engine(url)
    with engine.begin() as connection:
        tables.metadata.drop_all(connection)
    engine.dispose()
    return Settings(state_dir=tmp_path, views_url=SecretStr(url.render_as_string(hide_password=False)))


@dataclass(frozen=True)
class Log:
    """The log of a house."""

    house: House
    settings: Settings
    database: Database
    projector: Projector
    views: Views

    def all(self, **wanted: str | RunStatus) -> list[RunDetail]:
        """Caught up, every run with its steps, as it is answered."""
        self.projector.catch_up()
        page = self.views.runs(RunFilter(limit=1_000, **wanted))  # type: ignore[arg-type]
        assert page.lag.total == 0
        found = [self.views.run(run.id) for run in page.runs]
        return [detail for detail in found if detail is not None]

    def one(self) -> RunDetail:
        (detail,) = self.all()
        return detail

    def dump(self) -> bytes:
        """Every run with its steps, for comparing."""
        return msgspec.json.encode(self.all())


def open_log(house: House, settings: Settings) -> Log:
    database = open_database(settings, house.access, house.topics)
    given = database, house.access, house.topics, house.codec
    return Log(house, settings, database, build_projector(*given), build_views(*given))


@pytest.fixture
def log(house: House, settings: Settings) -> Iterator[Log]:
    made = open_log(house, settings)
    yield made
    made.projector.close()
    made.database.close()
