"""Lists and start-up reads."""

from __future__ import annotations

import msgspec

from tests.sandbox.support import ORGANIZATION, Zoho


def test_a_list_has_200_a_page_and_says_whether_there_is_more(zoho: Zoho) -> None:
    zoho.books.limits.config = msgspec.structs.replace(zoho.books.limits.config, per_minute=None)
    for number in range(201):
        zoho.contact(f"Contact {number:03d}")
    first = zoho.call("GET", "contacts", per_page="500").json()
    second = zoho.call("GET", "contacts", page="2").json()
    assert (len(first["contacts"]), first["page_context"]["has_more_page"]) == (200, True)
    assert (len(second["contacts"]), second["page_context"]["has_more_page"]) == (1, False)


def test_a_known_filter_narrows_and_an_unknown_one_is_ignored_silently(zoho: Zoho) -> None:
    zoho.contact("Acme")
    zoho.contact("Borealis")
    names = [row["contact_name"] for row in zoho.call("GET", "contacts", contact_name="acme").json()["contacts"]]
    assert names == ["Acme"]
    starts = zoho.call("GET", "contacts", contact_name_startswith="bor").json()["contacts"]
    assert [row["contact_name"] for row in starts] == ["Borealis"]
    assert len(zoho.call("GET", "contacts", cf_togai_account_id="acme").json()["contacts"]) == 2


def test_rows_carry_custom_fields_flat(zoho: Zoho) -> None:
    zoho.upsert("contacts", "cf_togai_account_id", "acme", {"contact_name": "Acme"})
    row = zoho.call("GET", "contacts").json()["contacts"][0]
    assert row["cf_togai_account_id"] == "acme"


def test_invoices_are_found_by_number_date_and_time_of_change(zoho: Zoho) -> None:
    customer = zoho.contact()
    zoho.invoice(customer, ("1", "1"), date="2026-01-05")
    zoho.served.clock.advance(1800)
    late = zoho.invoice(customer, ("2", "1"), date="2026-02-05").json()["invoice"]
    for query in (
        {"invoice_number": late["invoice_number"]},
        {"date_start": "2026-02-01"},
        {"total": "2"},
        {"last_modified_time": late["last_modified_time"]},
    ):
        rows = zoho.call("GET", "invoices", **query).json()["invoices"]
        assert [row["invoice_id"] for row in rows] == [late["invoice_id"]], query


def test_a_list_may_lag_behind_writes(zoho: Zoho) -> None:
    zoho.books.config = msgspec.structs.replace(zoho.books.config, list_lag_seconds=5)
    zoho.contact()
    assert zoho.call("GET", "contacts").json()["contacts"] == []
    zoho.served.clock.advance(6)
    assert len(zoho.call("GET", "contacts").json()["contacts"]) == 1


def test_lists_may_lag_by_less_than_a_second_and_single_reads_do_not(zoho: Zoho) -> None:
    zoho.books.config = msgspec.structs.replace(zoho.books.config, list_lag_seconds=0.3)
    id_ = zoho.contact()
    assert zoho.call("GET", f"contacts/{id_}").status_code == 200
    zoho.served.clock.advance(0.25)
    assert zoho.call("GET", "contacts").json()["contacts"] == []
    zoho.served.clock.advance(0.1)
    assert len(zoho.call("GET", "contacts").json()["contacts"]) == 1


def test_an_organisation_may_match_filters_loosely_or_not_at_all(zoho: Zoho) -> None:
    for name in ("Acme", "Acme Pumps", "Borealis"):
        zoho.contact(name)
    listed = zoho.call("GET", "contacts", contact_name="acme").json()["contacts"]
    assert len(listed) == 1
    zoho.books.config = msgspec.structs.replace(zoho.books.config, loose_filters=True)
    listed = zoho.call("GET", "contacts", contact_name="acme").json()["contacts"]
    assert [row["contact_name"] for row in listed] == ["Acme", "Acme Pumps"]
    zoho.books.config = msgspec.structs.replace(zoho.books.config, ignored_filters=["contact_name"])
    assert len(zoho.call("GET", "contacts", contact_name="acme").json()["contacts"]) == 3


def test_an_organisation_without_our_fields_knows_no_such_key(zoho: Zoho) -> None:
    zoho.served.call(lambda: zoho.books.contacts.fields.remove("cf_togai_account_id"))
    answer = zoho.upsert("contacts", "cf_togai_account_id", "acme", {"contact_name": "Acme"})
    assert answer.status_code == 400
    body = {"contact_name": "Acme", "custom_fields": [{"api_name": "cf_togai_account_id", "value": "acme"}]}
    assert zoho.call("POST", "contacts", body).status_code == 400
    assert len(zoho.books.contacts) == 0


def test_organisations_are_listed_without_an_organisation_id(zoho: Zoho) -> None:
    rows = zoho.http.get("/books/v3/organizations").json()["organizations"]
    assert [(row["organization_id"], row["time_zone"]) for row in rows] == [(ORGANIZATION, "Asia/Kolkata")]


def test_custom_fields_show_whether_they_prevent_duplicates(zoho: Zoho) -> None:
    fields = zoho.call("GET", "settings/fields", entity="contact").json()["fields"]
    assert [(field["api_name"], field["is_unique"]) for field in fields] == [("cf_togai_account_id", True)]
    body = {"label": "Togai region", "data_type": "string", "entity": "contact", "show_on_pdf": False}
    assert zoho.call("POST", "settings/fields", body).status_code == 201
    fields = zoho.call("GET", "settings/fields", entity="contact").json()["fields"]
    assert ("cf_togai_region", False) in [(field["api_name"], field["is_unique"]) for field in fields]


def test_currencies_carry_id_precision_and_rate(zoho: Zoho) -> None:
    rows = {row["currency_code"]: row for row in zoho.call("GET", "settings/currencies").json()["currencies"]}
    assert {code: row["price_precision"] for code, row in rows.items()} == {
        "USD": 2,
        "EUR": 2,
        "JPY": 0,
        "KWD": 3,
        "INR": 2,
    }
    assert rows["EUR"]["exchange_rate"] == 1.08
