"""Contacts: uniqueness, upserts, replacement."""

from __future__ import annotations

import msgspec

from pipeline.sandbox.config import CustomField
from tests.sandbox.support import KEY, VALUE, Zoho, code_of

FIELD = "cf_togai_account_id"


def test_ids_are_strings_of_18_digits_and_times_carry_the_organisations_offset(zoho: Zoho) -> None:
    contact = zoho.call("POST", "contacts", {"contact_name": "Acme"}).json()["contact"]
    assert isinstance(contact["contact_id"], str)
    assert len(contact["contact_id"]) == 18
    assert contact["created_time"].endswith("+0530")


def test_an_upsert_creates_once_and_then_updates_the_same_contact(zoho: Zoho) -> None:
    first = zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme"})
    second = zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme Ltd"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["contact"]["contact_id"] == second.json()["contact"]["contact_id"]
    assert len(zoho.books.contacts) == 1
    assert [(a.action, a.key) for _, a in zoho.served.ledger.effects("contacts")] == [
        ("created", "acme"),
        ("updated", "acme"),
    ]


def test_the_same_upsert_again_is_unchanged_in_the_ledger(zoho: Zoho) -> None:
    body = {"contact_name": "Acme", "contact_persons": [{"email": "ap@acme.test", "is_primary_contact": True}]}
    ids = {zoho.upsert("contacts", FIELD, "acme", body).json()["contact"]["primary_contact_id"] for _ in range(2)}
    assert len(ids) == 1
    assert [a.action for _, a in zoho.served.ledger.effects()] == ["created", "unchanged"]


def test_an_upsert_without_x_upsert_and_without_a_match_is_refused(zoho: Zoho) -> None:
    answer = zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme"}, create=False)
    assert answer.status_code == 400
    assert len(zoho.books.contacts) == 0


def test_only_a_field_that_prevents_duplicates_is_a_key(zoho: Zoho) -> None:
    zoho.books.define(CustomField(entity="contact", api_name=FIELD, unique=False))
    answer = zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme"})
    assert answer.status_code == 400
    assert "prevent duplicate values" in answer.json()["message"]


def test_the_header_does_not_fill_the_field_unless_the_organisation_is_set_so(zoho: Zoho) -> None:
    headers = {KEY: FIELD, VALUE: "acme", "X-Upsert": "true"}
    bare = zoho.call("PUT", "contacts", {"contact_name": "Acme"}, headers).json()["contact"]
    assert bare["custom_fields"] == []
    zoho.books.config = msgspec.structs.replace(zoho.books.config, upsert_fills_key=True)
    filled = zoho.call("PUT", "contacts", {"contact_name": "Acme 2"}, headers).json()["contact"]
    assert filled["custom_fields"][0]["value"] == "acme"


def test_a_unique_value_that_another_contact_holds_is_refused(zoho: Zoho) -> None:
    zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme"})
    body = {"contact_name": "Other", "custom_fields": [{"label": "Togai account id", "value": "acme"}]}
    answer = zoho.call("POST", "contacts", body)
    assert answer.status_code == 400
    assert "already exists" in answer.json()["message"]


def test_an_existing_name_is_3062_on_post_and_on_put_and_can_be_allowed(zoho: Zoho) -> None:
    zoho.contact("Acme")
    other = zoho.contact("Other")
    assert code_of(zoho.call("POST", "contacts", {"contact_name": "ACME"})) == (400, 3062)
    assert code_of(zoho.call("PUT", f"contacts/{other}", {"contact_name": "Acme"})) == (400, 3062)
    zoho.books.config = msgspec.structs.replace(zoho.books.config, duplicate_contact_names=True)
    assert zoho.call("POST", "contacts", {"contact_name": "Acme"}).status_code == 201


def test_what_a_put_leaves_out_is_cleared_but_the_name_stays(zoho: Zoho) -> None:
    created = zoho.upsert("contacts", FIELD, "acme", {"contact_name": "Acme", "company_name": "Acme Co"})
    id_ = created.json()["contact"]["contact_id"]
    after = zoho.call("PUT", f"contacts/{id_}", {"notes": "new"}).json()["contact"]
    assert (after["contact_name"], after["company_name"], after["custom_fields"]) == ("Acme", "", [])


def test_an_over_long_value_is_15(zoho: Zoho) -> None:
    assert code_of(zoho.call("POST", "contacts", {"contact_name": "x" * 201})) == (400, 15)
    body = {"contact_name": "Acme", "billing_address": {"city": "x" * 101}}
    answer = zoho.call("POST", "contacts", body)
    assert code_of(answer) == (400, 15)
    assert "city" in answer.json()["message"]


def test_a_missing_contact_is_1002(zoho: Zoho) -> None:
    assert code_of(zoho.call("GET", "contacts/460000000000000000")) == (404, 1002)


def test_a_currency_that_is_not_enabled_is_refused(zoho: Zoho) -> None:
    answer = zoho.call("POST", "contacts", {"contact_name": "Acme", "currency_code": "CHF"})
    assert answer.status_code == 400
    assert "not enabled" in answer.json()["message"]


def test_the_currency_is_frozen_by_the_first_transaction(zoho: Zoho) -> None:
    id_ = zoho.contact(currency="EUR")
    euro, yen = (zoho.books.currencies[code]["currency_id"] for code in ("EUR", "JPY"))
    assert zoho.call("PUT", f"contacts/{id_}", {"currency_id": yen}).status_code == 200
    assert zoho.invoice(id_, ("10", "1")).status_code == 201
    assert zoho.call("PUT", f"contacts/{id_}", {"currency_id": euro}).status_code == 400


def test_a_top_level_email_is_not_taken(zoho: Zoho) -> None:
    contact = zoho.call("POST", "contacts", {"contact_name": "Acme", "email": "a@b.test"}).json()["contact"]
    assert contact["contact_persons"] == []


def test_a_contact_is_made_inactive_and_active_again(zoho: Zoho) -> None:
    id_ = zoho.contact()
    zoho.call("POST", f"contacts/{id_}/inactive")
    rows = zoho.call("GET", "contacts", filter_by="Status.Inactive").json()["contacts"]
    assert [row["contact_id"] for row in rows] == [id_]
    zoho.call("POST", f"contacts/{id_}/active")
    zoho.call("POST", f"contacts/{id_}/active")
    assert [a.action for _, a in zoho.served.ledger.effects()] == ["created", "inactive", "active", "unchanged"]


def test_a_form_with_jsonstring_is_taken_too(zoho: Zoho) -> None:
    answer = zoho.http.post(
        "/books/v3/contacts",
        params={"organization_id": zoho.books.config.id},
        data={"JSONString": '{"contact_name":"Acme"}'},
    )
    assert answer.status_code == 201


def test_a_body_that_is_not_json_is_refused(zoho: Zoho) -> None:
    answer = zoho.http.post(
        "/books/v3/contacts", params={"organization_id": zoho.books.config.id}, content=b'{"contact_name":'
    )
    assert answer.status_code == 400
