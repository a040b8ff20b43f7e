"""Connections as people manage them: nobody's change is lost, nothing that was given is asked for again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from pipeline.apps.base import App
from pipeline.control.apply import Applier, changes
from pipeline.control.forms import id_for
from pipeline.control.hooks import hook_token, is_hook_token
from pipeline.control.manage import connections as manage
from pipeline.control.manage.connections import NewConnection
from pipeline.control.places import Faults
from pipeline.control.secrets import SecretBox, open_secrets
from pipeline.control.snapshot import Controlled, ControlSnapshot, control_key
from pipeline.errors import Conflict, NotThere, Stopped
from pipeline.schemas.records import Connection
from tests.control import parts

BOX = SecretBox({"a": b"k" * 32})
BOOKS = NewConnection(
    "zohobooks", "Books", "books-main", {"organization": "1"}, {"client_secret": "hush", "code": "1000.first"}
)


class Rows(parts.Rows):
    def remove(self, records: Iterable[Controlled]) -> None:
        for record in records:
            self.table.take(control_key(record), None)


@dataclass
class Place:
    """An installation in memory. `meanwhile` happens once, just before the next change is made."""

    vendor: parts.Vendor = field(default_factory=parts.Vendor)
    rows: Rows = field(default_factory=Rows)
    meanwhile: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def apps(self) -> Mapping[str, App]:
        return parts.apps(self.vendor)

    def control(self) -> ControlSnapshot:
        return self.rows.snapshot()

    def applier(self) -> Applier:
        return Applier(self.apps, parts.check_flow, BOX, parts.NoTransport)

    @contextmanager
    def changing(self) -> Iterator[tuple[ControlSnapshot, Rows]]:
        happens, self.meanwhile = self.meanwhile, lambda: None
        happens()
        with self.lock:
            yield self.control(), self.rows


@pytest.fixture
async def here() -> Place:
    made = Place()
    assert (await manage.add(made, BOOKS)).what == "create"
    return made


def books(here: Place) -> Connection:
    return here.control().connection("books-main")


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(here: Place) -> None:
    here.meanwhile = lambda: here.rows.write([msgspec.structs.replace(books(here), paused=True)])
    with pytest.raises(Conflict, match="changed by somebody else"):
        await manage.rotate(here, "books-main", {"code": "1000.second"})
    assert books(here).paused

    taken = Connection(id="second", app="zohobooks")
    here.meanwhile = lambda: here.rows.write([taken])
    secrets = {**BOOKS.secrets, "code": "1000.third"}
    with pytest.raises(Conflict):
        await manage.add(here, NewConnection("zohobooks", "Second", "", {"organization": "1"}, secrets))
    assert here.control().connection("second") == taken


async def test_secrets_that_are_not_given_stay_and_the_file_of_before_still_finds_all_as_it_should_be(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manage.rotate(here, "books-main", {"code": "1000.second"})

    kept = open_secrets("books-main", books(here).secrets, BOX)
    assert kept == {"client_secret": "hush", "refresh_token": "refresh-2"}
    assert books(here).name == "Books"
    file = tmp_path / "connections.yaml"
    file.write_text(
        "connections: [{id: books-main, app: zohobooks, settings: {organization: '1'},"
        " secrets: {client_secret: {env: HUSH}, code: {env: CODE}}}]"
    )
    monkeypatch.setenv("HUSH", "hush")
    monkeypatch.delenv("CODE", raising=False)
    plan = here.applier().plan([file], here.control())
    assert [done.what for done in changes(plan)] == ["unchanged"], "a file that says nothing of the name leaves it, too"


async def test_the_same_secrets_again_are_not_exchanged_and_wrong_ones_change_nothing(here: Place) -> None:
    before = books(here)
    assert (await manage.rotate(here, "books-main", {"code": "1000.first"})).what == "unchanged"
    with pytest.raises(Stopped, match="invalid_code"):
        await manage.rotate(here, "books-main", {"code": "2000.wrong"})
    here.vendor.missing = "cf_togai"
    failed = await manage.rotate(here, "books-main", {"code": "1000.other"})
    assert (failed.what, "what was stored stays" in failed.remedy) == ("failed", True)
    assert books(here) == before


async def test_credentials_whose_key_is_lost_are_given_anew_in_full(here: Place) -> None:
    here.rows.write([msgspec.structs.replace(books(here), secrets={"client_secret": "v1:gone:aGVsbG8="})])

    await manage.rotate(here, "books-main", {"client_secret": "new", "code": "1000.second"})

    assert open_secrets("books-main", books(here).secrets, BOX)["client_secret"] == "new"


async def test_after_a_rotation_of_addresses_is_finished_no_earlier_token_is_good_and_the_next_one_can_begin(
    here: Place,
) -> None:
    tokens = [hook_token(books(here), BOX)]
    for _ in range(2):
        manage.rotate_hooks(here, "books-main")
        tokens.append(hook_token(books(here), BOX))
    assert [is_hook_token(books(here), token, BOX) for token in tokens] == [False, True, True]
    manage.finish(here, "books-main")
    assert [is_hook_token(books(here), token, BOX) for token in tokens] == [False, False, True]
    written = len(here.rows.written)
    manage.finish(here, "books-main")
    assert tokens[2] == hook_token(books(here), BOX)
    assert len(here.rows.written) == written, "nothing was left to finish"


async def test_all_faults_of_what_was_typed_are_said_at_once() -> None:
    here = Place()
    new = NewConnection("zohobooks", "n" * 99, "no id", {"data_centre": 5, "colour": "red"}, {"pin": "1"})

    with pytest.raises(Faults) as raised:
        await manage.add(here, new, within="body")

    places = [fault.place for fault in raised.value.faults]
    assert sorted(places) == [
        *("body.id", "body.name", "body.secrets.pin", "body.settings.colour", "body.settings.data_centre"),
        "body.settings.organization",
    ]
    assert not here.rows.written


def test_ids_are_made_of_names_and_are_never_taken() -> None:
    assert id_for("Books of Acme, Inc.", "zohobooks", ()) == "books-of-acme-inc"
    assert id_for("Books", "zohobooks", {"books", "books-2"}) == "books-3"
    assert id_for("東京", "zohobooks", ()) == "zohobooks"
    assert len(id_for("x" * 80, "zohobooks", ())) < 64


def test_what_is_not_there_is_said_with_what_is(here: Place) -> None:
    for asked in (manage.finish, manage.rotate_hooks, manage.remove):
        with pytest.raises(NotThere, match="there are: books-main"):
            asked(here, "book-main")
