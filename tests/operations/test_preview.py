"""A preview plans with what is mapped and known, on the sample, on given data and on past events; it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.apps.base import Call
from pipeline.control.snapshot import ControlSnapshot, credentials_hash
from pipeline.errors import ConfigurationError, NotThere
from pipeline.flows.compile import load_flow
from pipeline.flows.preview import preview
from pipeline.flows.told import ActionTold
from pipeline.operations.preview import Asked, Previewer, linked_for, pasted, sample_preview
from pipeline.operations.reader import ends_of
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, ConnectionState, FlowVersion, Link, Mapping, ObjectRef, mapping_key
from tests.operations.conftest import APPS, House, event

FOLDER = Path(__file__).parents[2] / "configs" / "flows"
FIXTURES = Path(__file__).parents[1] / "fixtures"
ACCOUNTS = load_flow((FOLDER / "togai-account-to-zohobooks-contact.yaml").read_text(), APPS)
INVOICES = load_flow((FOLDER / "togai-invoice-to-zohobooks-invoice.yaml").read_text(), APPS)
SCOPE = "books-main+togai-main"
BOTH = {"togai": "togai-main", "zohobooks": "books-main"}


def stored() -> ControlSnapshot:
    togai = Connection(id="togai-main", app="togai")
    books = Connection(id="books-main", app="zohobooks", settings={"organization_id": "10234695"})
    version = FlowVersion(id=ACCOUNTS.id, version=ACCOUNTS.version, text="")
    options = {"setting_id": "BooksId"}
    link = Link(id="accounts", flow=ACCOUNTS.id, flow_version=ACCOUNTS.version, connections=BOTH, options=options)
    return ControlSnapshot(
        {each.id: each for each in (togai, books)}, {(version.id, version.version): version}, {link.id: link}
    )


@pytest.fixture
def looking(house: House) -> Previewer:
    return Previewer(house.access, APPS, house.topics, house.codec)


def mapped(house: House, one: ObjectRef, other: ObjectRef, hash: str) -> None:
    rows = [(mapping_key(SCOPE, a), Mapping(other=b, hash=hash)) for a, b in ((one, other), (other, one))]
    house.put(house.topics.mappings, rows)


def by_id(told: Any) -> dict[str, ActionTold]:
    return {action.id: action for action in told.actions}


def account(**data: Any) -> dict[str, Any]:
    sample = dict(APPS["togai"].triggers["account.created"].sample)
    return sample | {"id": "acme"} | data


def test_the_same_event_is_a_create_then_an_update_then_unchanged_as_the_mappings_say(
    house: House, looking: Previewer
) -> None:
    watched = [spec.name for spec in house.topics.specs() if spec.name != house.topics.mappings]
    before = ends_of(house.access, watched)
    asked = Asked(ACCOUNTS, link="accounts", data=account())
    known, theirs = (
        ObjectRef(app="togai", type="account", id="acme"),
        ObjectRef(app="zohobooks", type="contact", id="7"),
    )

    made = looking.preview(asked, stored())
    contact, setting = made.actions
    assert (made.verdict, made.link, made.event.connection) == ("matched", "accounts", "togai-main")
    assert made.clauses[0].holds
    assert (contact.plan, contact.connection, setting.plan, setting.guessed) == ("create", "books-main", "write", True)
    assert contact.request is not None
    assert contact.request.query["organization_id"] == "10234695"
    assert contact.request.headers["X-Unique-Identifier-Value"] == "acme"
    assert "authorization" not in {name.lower() for name in contact.request.headers}
    assert setting.input is not None
    assert setting.input["id"] == "BooksId", "an option of the link"
    assert made.calls == {"books-main": contact.calls, "togai-main": setting.calls}

    mapped(house, known, theirs, "another state")
    contact, setting = looking.preview(asked, stored()).actions
    assert (contact.plan, setting.guessed) == ("update", True)

    state = plan_hash(looking, asked)
    mapped(house, known, theirs, state)
    again = looking.preview(asked, stored())
    contact, setting = again.actions
    assert (contact.plan, contact.calls, contact.request) == ("unchanged", 0, None)
    assert (setting.guessed, setting.input and setting.input["value"]) == (False, "7")
    assert set(again.calls) == {"togai-main"}
    assert ends_of(house.access, watched) == before, "nothing was written anywhere"


def test_an_object_that_two_are_mapped_to_is_refused_for_either(house: House, looking: Previewer) -> None:
    theirs = ObjectRef(app="zohobooks", type="contact", id="7")
    for id_ in ("acme", "other"):
        mapped(house, ObjectRef(app="togai", type="account", id=id_), theirs, "")
    contact = looking.preview(Asked(ACCOUNTS, link="accounts", data=account()), stored()).actions[0]
    assert (contact.plan, contact.request) == ("refuse", None)
    assert contact.message.startswith("zohobooks contact 7 is mapped to account other, too")


def plan_hash(looking: Previewer, asked: Asked) -> str:
    linked = linked_for(asked, stored())
    views = looking.views(linked, stored())
    plan = preview(linked, looking.event(asked, linked), APPS, views).actions[0].plan
    assert isinstance(plan, Call)
    return plan.hash


def test_what_it_waits_for_or_refuses_is_said_and_what_start_up_checks_learnt_counts(
    house: House, looking: Previewer
) -> None:
    park = Asked(INVOICES, connections=BOTH, options={"customer_missing": "park"})
    waits = by_id(looking.preview(park, stored()))["contact"]
    assert (waits.plan, waits.request) == ("park", None)
    assert waits.message

    wrong = json.loads((FIXTURES / "togai" / "invoice_inconsistent.json").read_text())
    invoice = by_id(looking.preview(Asked(INVOICES, connections=BOTH, data=wrong), stored()))["invoice"]
    assert (invoice.plan, invoice.request, "total" in invoice.message) == ("refuse", None, True)

    books = stored().connections["books-main"]
    profile = {"unique_field": False}
    state = ConnectionState(connection=books.id, credentials=credentials_hash(books), profile=profile)
    house.put(house.topics.state, [(books.id, state)])
    views = looking.views(linked_for(Asked(ACCOUNTS, link="accounts"), stored()), stored())
    assert views["zohobooks"].profile == profile
    other = ControlSnapshot(
        {**stored().connections, books.id: Connection(id=books.id, app="zohobooks", secrets={"a": "b"})}
    )
    fresh = looking.views(linked_for(Asked(ACCOUNTS, connections=BOTH), other), other)
    assert fresh["zohobooks"].profile == {}, "what was learnt with other credentials does not count"


def test_a_past_event_is_found_by_its_id_and_one_that_does_not_suit_says_why(house: House, looking: Previewer) -> None:
    first, hint = event("e-1", "acme", data=account(name="First")), event("e-2", "acme", hint=True)
    house.send([first, event("e-3", "beta", kind="invoice.generated"), hint])

    seen = looking.preview(Asked(ACCOUNTS, link="accounts", event_id="e-1"), stored())
    assert (seen.event.id, seen.event.subject, seen.verdict) == ("e-1", "acme", "matched")
    body = seen.actions[0].request
    assert body is not None
    assert '"contact_name":"First"' in body.body

    def refused(**given: Any) -> str:
        with pytest.raises(ConfigurationError) as caught:
            looking.preview(Asked(ACCOUNTS, link=given.pop("link", "accounts"), **given), stored())
        return str(caught.value)

    assert "starts on togai.account.created" in refused(event_id="e-3")
    assert "is a hint: the object is fetched" in refused(event_id="e-2")
    with pytest.raises(NotThere, match="no event 'e-9' is on"):
        looking.preview(Asked(ACCOUNTS, link="accounts", event_id="e-9"), stored())
    with pytest.raises(NotThere, match="no link 'x'; there are: accounts"):
        looking.preview(Asked(ACCOUNTS, link="x"), stored())
    elsewhere = Event(id="1", source="togai/other", type="togai.account.created", data=account())
    assert "of connection 'other': link 'accounts' reads 'togai-main'" in refused(event=elsewhere)
    assert "needs a connection of zohobooks" in refused(link="", connections={"togai": "togai-main"})
    assert "there is no such option" in refused(options={"fly": 1})


def test_without_connections_nothing_is_mapped_and_no_topic_is_read() -> None:
    given, data = pasted(b'{"id": "acme", "name": "Acme", "status": "ARCHIVED"}')
    assert given is None
    seen = sample_preview(Asked(ACCOUNTS, data=data), APPS)
    assert (seen.verdict, seen.clauses[0].holds, seen.actions) == ("not_matched", False, [])
    assert seen.clauses[0].read["data.status"] == "ARCHIVED"

    given, data = pasted(
        b'{"specversion": "1.0", "id": "1", "source": "togai/t", "type": "togai.account.created", "data": {"id": "a"}}'
    )
    assert data is None
    assert sample_preview(Asked(ACCOUNTS, event=given), APPS).event.subject == "a"
    with pytest.raises(ConfigurationError, match="is an object"):
        sample_preview(Asked(ACCOUNTS, data=["no", "account"]), APPS)
