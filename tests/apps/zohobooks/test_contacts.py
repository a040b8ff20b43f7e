"""Contacts: what is planned, and what the twin then holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.apps.base import Mapped, Pair, Park, Skip, Superseded, Unchanged
from pipeline.apps.zohobooks import app
from pipeline.errors import Refused, Retry
from pipeline.sandbox.faults import Fault
from pipeline.schemas.records import ObjectRef
from tests.apps.zohobooks.support import ACCOUNT, Known, Zoho, body, called, carried_out, party, plan

CONTACT = ObjectRef(app="zohobooks", type="contact", id="982000000567001")


def known(hash_: str = "", version: str = "", **given: Any) -> Known:
    return Known(pairs={ACCOUNT: Mapped(CONTACT, hash_, version)}, **given)


def test_a_new_account_is_created_by_its_key_in_its_currency() -> None:
    call = called("upsert_contact", Known(), party=party(), source=ACCOUNT)
    assert (call.operation, call.most) == ("create", 1)
    assert (call.request.method, call.request.path) == ("PUT", "/books/v3/contacts")
    assert call.request.query == {"organization_id": "10234695"}
    assert call.request.headers == {
        "X-Unique-Identifier-Key": "cf_togai_account_id",
        "X-Unique-Identifier-Value": "acme-prod",
        "X-Upsert": "true",
    }
    assert body(call)["currency_id"] == "11"
    assert call.source == ACCOUNT


def test_a_mapped_account_with_the_same_content_needs_no_call() -> None:
    call = called("upsert_contact", Known(), party=party(), source=ACCOUNT)
    made = plan("upsert_contact", known(call.hash, call.version), party=party(), source=ACCOUNT)
    assert made == Unchanged(
        {"contact_id": CONTACT.id, "contact_name": "ACME Production", "currency_code": "USD"}, CONTACT
    )


@pytest.mark.parametrize(("stored", "noted"), [("9", True), ("", True), ("10", False), ("11", False)])
def test_a_newer_version_of_the_same_content_is_noted_so_that_what_lies_between_stays_superseded(
    stored: str, noted: bool
) -> None:
    digest = called("upsert_contact", Known(), party=party(), source=ACCOUNT).hash
    made = plan("upsert_contact", known(digest, stored), party=party(version="10"), source=ACCOUNT)
    assert isinstance(made, Unchanged)
    assert made.pair == (Pair(ACCOUNT, CONTACT, digest, "10") if noted else None)


def test_noting_a_newer_version_keeps_the_one_that_zoho_gave_our_write() -> None:
    digest = called("upsert_contact", Known(), party=party(), source=ACCOUNT).hash
    view = Known(pairs={ACCOUNT: Mapped(CONTACT, digest, "9"), CONTACT: Mapped(ACCOUNT, digest, "theirs")})
    made = plan("upsert_contact", view, party=party(version="10"), source=ACCOUNT)
    assert isinstance(made, Unchanged)
    assert made.pair == Pair(ACCOUNT, CONTACT, digest, "10", "theirs")


def test_a_mapped_account_with_other_content_is_updated_by_id_and_keeps_its_currency() -> None:
    call = called("upsert_contact", known("other"), party=party(), source=ACCOUNT)
    assert call.operation == "update"
    assert call.request.path == f"/books/v3/contacts/{CONTACT.id}"
    assert "X-Upsert" not in call.request.headers
    assert not body(call).keys() & {"currency_id", "currency_code"}


@pytest.mark.parametrize(
    ("stored", "given", "superseded"),
    [
        ("2024-08-03T00:05:12.004000Z", "2024-08-03T00:05:12Z", True),
        ("2024-08-03T00:05:12Z", "2024-08-03T05:35:13+0530", False),
        ("10", "9", True),
        ("9", "10", False),
        ("", "9", False),
        ("9", "", False),
        ("2024-08-03", "banana", False),
    ],
)
def test_only_a_version_that_is_surely_older_is_superseded(stored: str, given: str, superseded: bool) -> None:
    made = plan("upsert_contact", known("other", stored), party=party(version=given), source=ACCOUNT)
    assert isinstance(made, Superseded) is superseded


def test_a_currency_that_the_organization_lacks_is_refused_with_the_place_to_add_it() -> None:
    with pytest.raises(Refused, match=r"currency XTS is not enabled .* Settings > Currencies") as caught:
        plan("upsert_contact", Known(), party=party(currency="XTS"), source=ACCOUNT)
    assert caught.value.cause == "currency"


def test_a_preview_before_the_connection_was_checked_names_the_currency_by_its_code() -> None:
    call = called("upsert_contact", Known(settings={}, profile={}), party=party(currency="EUR"), source=ACCOUNT)
    assert body(call)["currency_code"] == "EUR"


@pytest.mark.parametrize("missing", ["create", "park", "skip"])
def test_ensuring_a_mapped_contact_needs_no_call_whatever_has_changed(missing: str) -> None:
    made = plan("ensure_contact", known("other"), party=party(), source=ACCOUNT, missing=missing)
    assert isinstance(made, Unchanged)
    assert made.output["contact_id"] == CONTACT.id


def test_a_missing_contact_is_created_parked_or_skipped_by_option() -> None:
    assert called("ensure_contact", Known(), party=party(), source=ACCOUNT).operation == "create"
    parked = plan("ensure_contact", Known(), party=party(), source=ACCOUNT, missing="park")
    assert isinstance(parked, Park)
    assert parked.ref == ACCOUNT
    assert isinstance(plan("ensure_contact", Known(), party=party(), source=ACCOUNT, missing="skip"), Skip)


def test_a_contact_made_from_an_invoice_has_no_version_so_that_any_event_of_the_account_may_update_it() -> None:
    assert called("ensure_contact", Known(), party=party(version="9"), source=ACCOUNT).version == ""


async def test_an_account_becomes_one_contact_however_often_it_comes(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    done = await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    (contact,) = zoho.books.contacts
    assert (done.operation, done.object) == ("created", replace_id(contact["contact_id"]))
    assert done.output == {
        "contact_id": contact["contact_id"],
        "contact_name": "ACME Production",
        "currency_code": "USD",
    }
    assert isinstance(plan("upsert_contact", view, party=party(), source=ACCOUNT), Unchanged)
    again = await app.actions["upsert_contact"].apply(
        called("upsert_contact", replace(view, pairs={}), party=party(), source=ACCOUNT), session
    )
    assert again.object == done.object
    assert len(zoho.books.contacts) == 1


def replace_id(id_: str) -> ObjectRef:
    return ObjectRef(app="zohobooks", type="contact", id=id_)


async def test_an_update_changes_the_contact_that_is_mapped(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    done = await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    call = called(
        "upsert_contact", view, party=party(name="ACME Renamed", version="2025-01-01T00:00:00Z"), source=ACCOUNT
    )
    updated = await app.actions["upsert_contact"].apply(call, session)
    (contact,) = zoho.books.contacts
    assert updated.operation == "updated"
    assert contact["contact_name"] == "ACME Renamed"
    assert contact["contact_id"] == done.output["contact_id"]
    assert contact["custom_fields"][0]["value"] == "acme-prod"
    assert contact["currency_code"] == "USD"


async def test_a_name_that_exists_is_refused_with_the_remedy(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    other = ObjectRef(app="togai", type="account", id="acme-test")
    with pytest.raises(Refused, match=r"already exists.*\(code 3062\).*name_collision to suffix") as caught:
        await carried_out("upsert_contact", view, session, party=party(id="acme-test"), source=other)
    assert (caught.value.cause, caught.value.code) == ("conflict", "3062")
    assert len(zoho.books.contacts) == 1


async def test_by_policy_a_name_that_exists_gets_the_id_behind_it_in_the_same_attempt(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session, name_collision="suffix")
    await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    other = ObjectRef(app="togai", type="account", id="acme-test")
    assert called("upsert_contact", view, party=party(id="acme-test"), source=other).most == 2
    done = await carried_out("upsert_contact", view, session, party=party(id="acme-test"), source=other)
    assert done.output["contact_name"] == "ACME Production (acme-test)"
    assert len(done.warnings) == 1
    assert isinstance(plan("upsert_contact", view, party=party(id="acme-test"), source=other), Unchanged)


async def test_a_linked_contact_whose_new_name_is_taken_keeps_its_own_and_takes_the_rest(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    other = ObjectRef(app="togai", type="account", id="other")
    await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    await carried_out("upsert_contact", view, session, party=party(id="other", name="Other"), source=other)
    change = party(id="other", name="ACME Production", net_term_days=60, version="2025-01-01T00:00:00Z")
    done = await app.actions["upsert_contact"].apply(
        called("upsert_contact", view, party=change, source=other), session
    )
    assert done.output["contact_name"] == "Other"
    assert [contact["payment_terms"] for contact in zoho.books.contacts] == [30, 60]
    assert len(done.warnings) == 1


async def test_a_mapped_contact_that_was_deleted_is_refused_and_not_made_anew(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    done = await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    zoho.served.call(lambda: zoho.books.contacts.delete(done.output["contact_id"]))
    call = called("upsert_contact", view, party=party(name="New", version="2025-01-01T00:00:00Z"), source=ACCOUNT)
    with pytest.raises(Refused, match="was deleted in Zoho Books") as caught:
        await app.actions["upsert_contact"].apply(call, session)
    assert caught.value.cause == "not_found"
    assert len(zoho.books.contacts) == 0


async def test_a_contact_found_by_its_key_in_another_currency_is_refused(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    await carried_out("upsert_contact", view, session, party=party(currency="EUR"), source=ACCOUNT)
    answer = Fault(
        effect="answer",
        status=200,
        body='{"code":0,"contact":{"contact_id":1,"contact_name":"A","currency_code":"EUR"}}',
        path="*/contacts",
    )
    zoho.served.place(answer)
    with pytest.raises(Refused, match="has the currency EUR, not USD") as caught:
        await carried_out("upsert_contact", replace(view, pairs={}), session, party=party(), source=ACCOUNT)
    assert caught.value.cause == "currency"


async def test_reading_a_contact_gives_it_whole_with_its_version(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session)
    done = await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    call = called("get_contact", view, id=done.output["contact_id"])
    read = await app.actions["get_contact"].apply(call, session)
    assert read.data["contact_persons"][0]["email"] == "billing@acme.example"
    assert read.data["last_modified_time"] == "2026-01-01T05:30:00+0530"
    assert read.sourceversion == "2026-01-01T00:00:00Z;active"
    assert read.pair is None


async def test_a_read_whose_answer_names_no_object_is_tried_again(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.served.place(Fault(effect="answer", status=200, body='{"code":0}', path="*/contacts/1"))
    with pytest.raises(Retry):
        await app.actions["get_contact"].apply(called("get_contact", Known(zoho.settings), id="1"), session)


async def test_any_other_refusal_is_not_tried_under_another_name(zoho: Zoho) -> None:
    session = await zoho.session()
    view = await zoho.view(session, name_collision="suffix")
    zoho.served.place(Fault(effect="answer", status=400, body='{"code":15,"message":"long"}', path="*/contacts"))
    before = len(zoho.calls("contacts.upsert"))
    with pytest.raises(Refused, match="code 15"):
        await carried_out("upsert_contact", view, session, party=party(), source=ACCOUNT)
    assert len(zoho.calls("contacts.upsert")) == before + 1
