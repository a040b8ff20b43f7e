"""Customers of an organisation without the unique field: known by our mark, however answers are lost and lists lag."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.apps.base import Applied, Session
from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.actions.by_name import CANDIDATES, MOST
from pipeline.errors import InDoubt, Refused, Retry
from pipeline.sandbox.config import CustomField
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.wire import Json
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import ACCOUNT, PROFILE, Known, Zoho, body, called, party

WEAKER = {**PROFILE, "ways": {"contact": "name"}, "fields": {"contact": False}}
MARK = "cf_togai_account_id: acme-prod"
OTHER = ObjectRef(app="togai", type="account", id="other")


class Keyless:
    """Writes a customer, as often as it is asked to."""

    def __init__(self, zoho: Zoho, session: Session, view: Known) -> None:
        self.zoho, self.session, self.view = zoho, session, view

    @property
    def held(self) -> list[Json]:
        return list(self.zoho.books.contacts)

    async def write(self, source: ObjectRef = ACCOUNT, action: str = "upsert_contact", **changes: Any) -> Applied:
        """One attempt; nothing is remembered, as after a lost answer."""
        call = called(action, self.view, party=party(id=source.id, **changes), source=source)
        return await app.actions[action].apply(call, self.session)

    def fault(self, effect: Any, method: str = "POST", path: str = "*/contacts", **given: Any) -> None:
        self.zoho.served.place(Fault(effect=effect, method=method, path=path, **given))

    def by_hand(self, name: str, **given: Any) -> None:
        """A customer that a person made."""
        id_ = f"77{len(self.held)}"
        made = {**self.held[0], "contact_id": id_, "contact_name": name, "notes": "", "custom_fields": [], **given}
        self.zoho.served.call(lambda: self.zoho.books.contacts.put(made))


@pytest.fixture
async def keyless(zoho: Zoho) -> Keyless:
    return await connected(zoho)


async def connected(zoho: Zoho, **settings: Any) -> Keyless:
    session = zoho.open(await zoho.connect(), unique_field="preferred", **settings)
    zoho.remove_fields()
    return Keyless(zoho, session, await zoho.view(session, unique_field="preferred", **settings))


def test_a_create_carries_our_mark_in_its_notes_and_no_key() -> None:
    call = called("upsert_contact", Known(profile=WEAKER), party=party(), source=ACCOUNT)
    assert (call.operation, call.most) == ("create", MOST)
    assert (call.request.method, call.request.path, call.request.headers) == ("POST", "/books/v3/contacts", {})
    assert body(call)["notes"] == MARK
    assert "custom_fields" not in body(call)


def test_a_name_that_may_have_to_change_costs_as_many_calls_again() -> None:
    view = Known({"organization_id": "1", "name_collision": "suffix"}, WEAKER)
    assert called("upsert_contact", view, party=party(), source=ACCOUNT).most == 2 * MOST


async def test_a_fresh_customer_costs_a_look_and_a_create_and_is_certain_by_its_answer(keyless: Keyless) -> None:
    before = len(keyless.zoho.calls())
    done = await keyless.write()
    assert keyless.zoho.calls()[before:] == ["contacts.list", "contacts.create"]
    assert (done.operation, done.settled) == ("created", "")
    assert [each["notes"] for each in keyless.held] == [MARK]


@pytest.mark.parametrize("duplicates", [False, True], ids=["unique names", "duplicate names allowed"])
@pytest.mark.parametrize("effect", ["lose_answer", "cut"])
async def test_after_a_lost_answer_the_customer_is_looked_up_and_not_posted_again(
    keyless: Keyless, effect: str, duplicates: bool
) -> None:
    keyless.zoho.change(duplicate_contact_names=duplicates)
    keyless.fault(effect)
    with pytest.raises(InDoubt):
        await keyless.write()
    done = await keyless.write()
    assert (done.operation, done.settled) == ("updated", "lookup")
    assert [each["contact_id"] for each in keyless.held] == [done.output["contact_id"]]
    assert len(keyless.zoho.calls("contacts.create")) == 1


async def test_making_sure_of_a_customer_leaves_the_one_that_is_found_as_it_is(keyless: Keyless) -> None:
    await keyless.write()
    done = await keyless.write(action="ensure_contact", net_term_days=90)
    assert (done.operation, done.settled) == ("created", "lookup")
    assert [each["payment_terms"] for each in keyless.held] == [30]
    assert keyless.zoho.calls("contacts.update") == []


async def test_what_a_person_wrote_beside_our_mark_stays(keyless: Keyless) -> None:
    await keyless.write()
    notes = f"Pays late.\n{MARK}\nAsk for Jane."
    keyless.zoho.served.call(lambda: keyless.zoho.books.contacts.put({**keyless.held[0], "notes": notes}))
    assert (await keyless.write(net_term_days=90)).operation == "updated"
    assert [(each["notes"], each["payment_terms"]) for each in keyless.held] == [(notes, 90)]


async def test_a_list_that_lags_makes_the_attempt_wait_where_names_are_unique(keyless: Keyless) -> None:
    keyless.zoho.change(list_lag_seconds=5)
    keyless.fault("lose_answer")
    with pytest.raises(InDoubt):
        await keyless.write()
    with pytest.raises(Retry, match="does not show yet"):
        await keyless.write()
    keyless.zoho.served.clock.advance(6)
    assert (await keyless.write()).settled == "lookup"
    assert len(keyless.held) == 1


async def test_a_list_that_lags_never_leads_to_a_second_customer_under_another_name(zoho: Zoho) -> None:
    keyless = await connected(zoho, name_collision="suffix")
    zoho.change(list_lag_seconds=5)
    keyless.fault("lose_answer")
    with pytest.raises(InDoubt):
        await keyless.write()
    with pytest.raises(Retry):
        await keyless.write()
    assert len(keyless.held) == 1


async def test_a_customer_of_the_same_name_that_is_not_ours_is_never_taken(keyless: Keyless) -> None:
    await keyless.write(OTHER)
    with pytest.raises(Refused, match="already exists") as caught:
        await keyless.write()
    assert (caught.value.cause, caught.value.code) == ("conflict", "3062")
    assert [each["notes"] for each in keyless.held] == ["cf_togai_account_id: other"]


async def test_where_duplicate_names_are_allowed_each_account_has_its_own_customer(keyless: Keyless) -> None:
    keyless.zoho.change(duplicate_contact_names=True)
    first, second = await keyless.write(OTHER), await keyless.write()
    assert len(keyless.held) == 2
    again = [await keyless.write(source, "ensure_contact") for source in (OTHER, ACCOUNT)]
    assert [each.object for each in again] == [first.object, second.object]
    assert len(keyless.held) == 2


async def test_by_policy_a_taken_name_gets_the_id_behind_it_and_is_found_by_that(zoho: Zoho) -> None:
    keyless = await connected(zoho, name_collision="suffix")
    await keyless.write(OTHER)
    keyless.fault("lose_answer", nth=2)
    with pytest.raises(InDoubt):
        await keyless.write()
    done = await keyless.write()
    assert (done.output["contact_name"], done.settled) == ("ACME Production (acme-prod)", "lookup")
    assert len(done.warnings) == 1
    assert len(keyless.held) == 2


async def test_several_customers_with_our_mark_are_refused_as_a_conflict(keyless: Keyless) -> None:
    await keyless.write()
    keyless.by_hand("ACME Production", notes=MARK)
    with pytest.raises(Refused, match="2 customers 'ACME Production' that carry our key") as caught:
        await keyless.write()
    assert (caught.value.cause, caught.value.code) == ("conflict", "several")


async def test_too_many_of_one_name_to_look_through_are_refused_and_nothing_is_created(keyless: Keyless) -> None:
    await keyless.write(OTHER)
    for _ in range(CANDIDATES):
        keyless.by_hand("ACME Production")
    with pytest.raises(Refused, match="cannot be told which is ours") as caught:
        await keyless.write()
    assert caught.value.code == "look_up"
    assert len(keyless.held) == CANDIDATES + 1


async def test_rows_that_a_loose_filter_lets_through_are_not_even_read(keyless: Keyless) -> None:
    keyless.zoho.change(loose_filters=True)
    await keyless.write(OTHER, name="ACME Production Two")
    assert (await keyless.write()).settled == ""
    assert keyless.zoho.calls("contacts.get") == []
    assert len(keyless.held) == 2


async def test_a_name_longer_than_a_filter_takes_is_found_by_its_beginning(keyless: Keyless) -> None:
    name = "A" * 150
    await keyless.write(name=name)
    await keyless.write(OTHER, name=name + "B")
    assert (await keyless.write(name=name)).settled == "lookup"
    assert len(keyless.held) == 2
    assert all(len(entry.query.get("contact_name", "")) <= 100 for entry in keyless.zoho.served.ledger.entries)


async def test_letters_that_zoho_may_take_for_the_same_are_looked_at(keyless: Keyless) -> None:
    keyless.zoho.change(loose_filters=True, ignored_filters=["contact_name"])
    await keyless.write(name="Café  du Nord")
    assert (await keyless.write(name="CAFE du nord")).settled == "lookup"
    assert len(keyless.held) == 1


async def test_an_inactive_customer_of_ours_is_found_too(keyless: Keyless) -> None:
    await keyless.write()
    keyless.zoho.served.call(lambda: keyless.held[0].update(status="inactive"))
    assert (await keyless.write()).settled == "lookup"
    listed = [entry for entry in keyless.zoho.served.ledger.entries if entry.kind == "contacts.list"]
    assert listed[-1].query["filter_by"] == "Status.All"


async def test_of_a_field_that_allows_duplicates_the_row_tells_without_being_read_whole(zoho: Zoho) -> None:
    session = zoho.open(await zoho.connect(), unique_field="preferred")
    field = CustomField(entity="contact", api_name="cf_togai_account_id", unique=False)
    zoho.served.call(lambda: zoho.books.define(field))
    keyless = Keyless(zoho, session, await zoho.view(session, unique_field="preferred"))
    zoho.change(duplicate_contact_names=True)
    await keyless.write(OTHER)
    await keyless.write()
    assert (await keyless.write(action="ensure_contact")).settled == "lookup"
    assert zoho.calls("contacts.get") == []
    assert [each["custom_fields"][0]["value"] for each in keyless.held] == ["other", "acme-prod"]


async def test_once_the_field_is_there_the_customer_gets_its_key_with_its_next_change(keyless: Keyless) -> None:
    done = await keyless.write()
    keyless.view.learn(done.pair)
    field = CustomField(entity="contact", api_name="cf_togai_account_id")
    keyless.zoho.served.call(lambda: keyless.zoho.books.define(field))
    view = Known(keyless.view.settings, await keyless.session.check(), keyless.view.pairs)
    call = called("upsert_contact", view, party=party(), source=ACCOUNT)
    await app.actions["upsert_contact"].apply(call, keyless.session)
    (held,) = keyless.held
    assert held["custom_fields"][0]["value"] == "acme-prod"
