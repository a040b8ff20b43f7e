"""The third app by its fixtures: each action against its twin's ledger, each trigger by its webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Applied, Call, Mapped, Session
from pipeline.apps.transport import HttpTransport
from pipeline.control.connections import MemoryTokens
from pipeline.errors import InDoubt, Unverified
from pipeline.gateway.signed import Arrived, standard
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import ObjectRef
from tests.third.installed import all_apps
from tests.third.twin import KEY, SECRET, CrmTwin, signed

APP = all_apps()["tinycrm"]
FIXTURES = Path(__file__).parents[1] / "fixtures/tinycrm"
WRITING = [name for name, action in APP.actions.items() if action.repeat != "read"]


@dataclass
class Known:
    """A `View` over what was mapped before."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    pairs: dict[ObjectRef, Mapped] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return self.pairs.get(ref)


@dataclass
class Desk:
    """A twin, a connection to it, and what of a fixture is there."""

    crm: Served[CrmTwin]
    session: Session

    def given(self, kind: str, name: str) -> dict[str, Any]:
        """A fixture, with its world made."""
        found: dict[str, Any] = msgspec.json.decode((FIXTURES / kind / f"{name}.json").read_bytes())
        if "company" in found["world"]:
            self.crm.call(lambda: self.crm.twin.save({"name": "Acme Corp"}, external_id="acme-prod"))
        return found

    def plan(self, name: str, given: Any, view: Known | None = None) -> Any:
        action = APP.actions[name]
        return action.plan(msgspec.convert(given, action.input), view or Known())

    async def carry_out(self, name: str, given: Any) -> Applied:
        planned = self.plan(name, given)
        assert isinstance(planned, Call)
        return await APP.actions[name].apply(planned, self.session)

    def effects(self, since: int) -> list[list[str]]:
        return [[each.action, each.kind] for entry in self.crm.ledger.entries[since:] for each in entry.applied]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    with serve_in_thread(CrmTwin()) as crm:
        http = HttpTransport()
        session = APP.session(
            settings={"base_url": crm.base_url},
            secrets={"api_key": KEY},
            api=http,
            auth=http,
            tokens=MemoryTokens(),
            now=crm.clock.now,
        )
        yield Desk(crm, session)
        await http.close()


@pytest.mark.parametrize("name", list(APP.actions))
async def test_an_action_does_in_the_crm_what_its_fixture_says(desk: Desk, name: str) -> None:
    given = desk.given("actions", name)
    request = desk.plan(name, given["input"]).request
    assert (request.method, request.path) == (given["request"]["method"], given["request"]["path"])
    assert (msgspec.json.decode(request.body) if request.body else None) == given["request"]["body"]
    done = await desk.carry_out(name, given["input"])
    assert [entry.kind for entry in desk.crm.ledger.entries] == given["calls"]
    assert desk.effects(0) == given["applied"]
    assert done.output == given["output"]
    await desk.carry_out(name, given["input"])
    assert desk.effects(len(given["calls"])) == given["repeated"]


@pytest.mark.parametrize("name", WRITING)
async def test_an_action_whose_answer_was_lost_has_its_effect_once_and_is_planned_unchanged(
    desk: Desk, name: str
) -> None:
    given = desk.given("actions", name)
    desk.crm.place(Fault(effect="lose_answer", method=given["request"]["method"]))
    with pytest.raises(InDoubt):
        await desk.carry_out(name, given["input"])
    done = await desk.carry_out(name, given["input"])
    assert desk.effects(0) == [*given["applied"], *given["repeated"]]
    assert done.pair is not None
    view = Known(pairs={done.pair.source: Mapped(done.pair.destination, done.pair.hash, done.pair.version)})
    assert type(desk.plan(name, given["input"], view)).__name__ == "Unchanged"


@pytest.mark.parametrize("name", list(APP.triggers))
async def test_a_change_is_told_by_a_signed_webhook_and_fetched_as_the_same_version(desk: Desk, name: str) -> None:
    given = desk.given("triggers", name)
    changed = desk.crm.call(lambda: desk.crm.twin.save(given["happens"], id_=given["subject"]))
    body, headers = signed(changed)
    assert standard(Arrived(headers, (), body), SECRET).named
    with pytest.raises(Unverified):
        standard(Arrived(headers, (), body + b" "), SECRET)
    (hint,) = APP.hooks("any", body)
    assert (hint.trigger, hint.subject) == (given["webhook"], given["subject"])
    fetched = await desk.carry_out(APP.triggers[name].fetch, {"id": hint.subject})
    assert fetched.sourceversion == hint.sourceversion != ""
    assert fetched.data.items() >= given["data"].items()
    assert APP.party(name, fetched.data) == given["party"]
    document = APP.document(name, Event(type=f"tinycrm.{name}", subject=hint.subject, data=fetched.data))
    assert type(document).__name__ == given["document"]
