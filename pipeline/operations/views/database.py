"""Where the log is kept: SQLite in the state directory, or PostgreSQL by URL. Either may be deleted at any time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipeline.errors import ConfigurationError, PipelineError
from pipeline.operations.views import tables
from pipeline.settings import Settings

_VARIABLE = "PIPELINE_VIEWS_URL"
_LOCK_SECONDS = 30
_CONNECT_SECONDS = 10
_LOCK = 7_205_759_403
"""Of PostgreSQL's advisory lock: any number that nobody else takes."""


class DatabaseUnavailable(PipelineError):
    """The log's database does not answer, or is busy. Nothing is lost: it is tried again, or built anew."""


class Database:
    """Connections to the log. Writers exclude each other, across processes; readers are never held up.

    `source` names the cluster and the topics: a database holds the log of one installation.
    """

    def __init__(self, url: URL, source: str) -> None:
        self.url = url
        self.source = source
        self._engine = _engine(url)
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction. Raises `DatabaseUnavailable`."""
        self._prepare()
        with _named(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, after all others; rolled back where the block raises. Raises `DatabaseUnavailable`."""
        self._prepare()
        try:
            with self._locked() as connection:
                yield connection
        except DatabaseUnavailable:
            self._ready = False
            raise

    def empty(self) -> None:
        """Forget everything, whoever's and of whatever version it was: the topics are read from their start."""
        with self._locked() as connection:
            self._make(connection)
        self._ready = True

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        with _named(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection

    def _prepare(self) -> None:
        """Make the tables where there are none, or ones of an older version."""
        if self._ready:
            return
        with self._locked() as connection:
            found = self._found(connection)
            if found.get("version") != str(tables.VERSION):
                if int(found.get("version", 0)) > tables.VERSION:
                    raise ConfigurationError(
                        f"the runs in {self._name} were written by a newer version of the pipeline: use that, or set "
                        f"{_VARIABLE} to another database"
                    )
                self._make(connection)
            elif found.get("source") != self.source:
                if connection.dialect.name != "sqlite":
                    raise ConfigurationError(
                        f"{self._name} holds the runs of another installation ({found.get('source')}): set {_VARIABLE} "
                        "to a database or schema of its own, or forget them with `pipeline runs rebuild`"
                    )
                self._make(connection)
        self._ready = True

    def _found(self, connection: Connection) -> dict[str, str]:
        if not inspect(connection).has_table(tables.about.name):
            return {}
        return {row.name: row.value for row in connection.execute(tables.about.select())}

    def _make(self, connection: Connection) -> None:
        tables.metadata.drop_all(connection)
        tables.metadata.create_all(connection)
        said = {"version": str(tables.VERSION), "source": self.source}
        connection.execute(tables.about.insert(), [{"name": name, "value": value} for name, value in said.items()])
        structlog.get_logger().info("the log of runs is built from the topics", database=self._name)

    @property
    def _name(self) -> str:
        return self.url.render_as_string(hide_password=True)


def database_url(settings: Settings) -> URL:
    """Raises `ConfigurationError`, which never shows the URL: it may hold a password."""
    given = settings.views_url.get_secret_value()
    if not given:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        return URL.create("sqlite", database=str(settings.state_dir / "views.sqlite"))
    wanted = "write postgresql://user:password@host/database, or sqlite:///file"
    try:
        url = make_url(given)
    except ArgumentError:
        raise ConfigurationError(f"{_VARIABLE} is no URL: {wanted}") from None
    if url.drivername in ("postgresql", "postgres"):
        # SQLAlchemy's own choice differs between its versions.
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("postgresql", "sqlite"):
        raise ConfigurationError(f"{_VARIABLE} names {url.get_backend_name()!r}: {wanted}")
    return url


def _engine(url: URL) -> Engine:
    options: dict[str, Any] = {"timeout": _LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {}
    if url.get_backend_name() == "postgresql":
        options = {"connect_timeout": _CONNECT_SECONDS}
    try:
        engine = create_engine(url, connect_args=options, pool_pre_ping=url.get_backend_name() == "postgresql")
    except (ImportError, NoSuchModuleError) as error:
        raise ConfigurationError(
            f"{_VARIABLE}: the driver for {url.drivername} is missing ({error}); install the extra `postgresql`"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
    return engine


def _sqlite_connected(connection: Any, _: Any) -> None:
    """Transactions as we begin them; readers beside a writer; no wait for the disk: it can be built anew."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _sqlite_begins(connection: Connection) -> None:
    """A writer takes the lock at once: one that read first would fail where another wrote meanwhile."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _named() -> Iterator[None]:
    """What the driver raises, as one line; statements and values are not shown."""
    try:
        yield
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        raise DatabaseUnavailable(f"the database of runs: {why[0]}") from error
