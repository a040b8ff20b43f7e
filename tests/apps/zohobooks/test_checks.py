"""Start-up checks: the profile of a good connection, and what to do for each bad one."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.apps.zohobooks import app
from pipeline.errors import Retry, Stopped
from pipeline.sandbox.config import CustomField
from pipeline.sandbox.faults import Fault, bad_gateway
from tests.apps.zohobooks.support import ORGANIZATION, Zoho

OTHERS = {"payment": "field", "credit_note": "field"}


async def test_the_profile_says_what_planning_must_know_and_is_plain_json(zoho: Zoho) -> None:
    session = await zoho.session()
    profile = await session.check()
    assert msgspec.json.decode(msgspec.json.encode(profile)) == profile
    assert profile["organization_id"] == ORGANIZATION
    assert profile["currency_code"] == "USD"
    assert profile["time_zone"] == "Asia/Kolkata"
    assert profile["price_precision"] == 2
    assert profile["unique"] == dict.fromkeys(("contact", "invoice", "payment", "credit_note"), True)
    assert profile["warnings"] == []
    assert {code: currency["decimals"] for code, currency in profile["currencies"].items()} == {
        "USD": 2,
        "EUR": 2,
        "JPY": 0,
        "KWD": 3,
        "INR": 2,
    }
    assert profile["currencies"]["JPY"]["id"] == zoho.books.currencies["JPY"]["currency_id"]


async def test_checking_reads_only_and_costs_eight_calls(zoho: Zoho) -> None:
    session = await zoho.session()
    await session.check()
    calls = [entry for entry in zoho.served.ledger.entries if entry.kind != "oauth.token"]
    assert len(calls) == 8
    assert not any(entry.writing for entry in calls)


async def test_an_organization_that_the_user_does_not_see_is_told_with_those_it_sees(zoho: Zoho) -> None:
    session = zoho.open(await zoho.connect(), organization_id="999")
    with pytest.raises(Stopped, match=rf"organization 999 is not among.*{ORGANIZATION} \(Sandbox Traders\)"):
        await session.check()


@pytest.mark.parametrize(("entity", "field"), [("contact", "cf_togai_account_id"), ("invoice", "cf_togai_invoice_id")])
async def test_a_missing_field_says_where_to_make_it(zoho: Zoho, entity: str, field: str) -> None:
    session = await zoho.session()
    module = zoho.books.contacts if entity == "contact" else zoho.books.invoices
    zoho.served.call(lambda: module.fields.remove(field))
    with pytest.raises(Stopped, match=rf'{field} does not exist.*Settings > Preferences.*"Prevent Duplicate Values"'):
        await session.check()


@pytest.mark.parametrize(("entity", "field"), [("contact", "cf_togai_account_id"), ("invoice", "cf_togai_invoice_id")])
async def test_a_field_that_allows_duplicates_says_which_switch_to_set(zoho: Zoho, entity: str, field: str) -> None:
    session = await zoho.session()
    zoho.served.call(lambda: zoho.books.define(CustomField(entity=entity, api_name=field, unique=False)))
    with pytest.raises(Stopped, match=rf'{field} allows duplicates.*"Prevent Duplicate Values" on'):
        await session.check()


async def test_a_connection_stopped_for_want_of_a_field_is_told_of_the_weaker_way(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.remove_fields()
    with pytest.raises(Stopped, match="set the connection's unique_field to preferred") as caught:
        await session.check()
    assert caught.value.code == "field_missing"


async def test_with_the_fields_there_the_preference_changes_nothing(zoho: Zoho) -> None:
    profile = await zoho.open(await zoho.connect(), unique_field="preferred").check()
    assert profile["ways"] == dict.fromkeys(("contact", "invoice", "payment", "credit_note"), "field")
    assert profile["fields"] == dict.fromkeys(("contact", "invoice", "payment", "credit_note"), True)
    assert profile["warnings"] == []


async def test_by_choice_a_connection_without_the_fields_runs_the_weaker_way_with_the_remedy_as_a_warning(
    zoho: Zoho,
) -> None:
    session = zoho.open(await zoho.connect(), unique_field="preferred")
    zoho.remove_fields()
    profile = await session.check()
    assert profile["ways"] == {"contact": "name", "invoice": "number", **OTHERS}
    assert profile["fields"] == {"contact": False, "invoice": False, "payment": True, "credit_note": True}
    assert profile["unique"] == {"contact": False, "invoice": False, "payment": True, "credit_note": True}
    for field, warning in zip(("cf_togai_account_id", "cf_togai_invoice_id"), profile["warnings"], strict=True):
        assert f"{field} does not exist" in warning
        assert 'switch "Prevent Duplicate Values" on' in warning
        assert "promises less" in warning


def test_a_connection_that_may_have_to_look_waits_for_the_lists_as_well() -> None:
    settings = {"organization_id": ORGANIZATION, "quiet_seconds": 40, "lag_seconds": 7}
    assert app.quiet_period(settings) == 40
    assert app.quiet_period({**settings, "unique_field": "preferred"}) == 47


async def test_one_module_may_have_its_field_and_the_other_not(zoho: Zoho) -> None:
    session = zoho.open(await zoho.connect(), unique_field="preferred")
    field = CustomField(entity="contact", api_name="cf_togai_account_id", unique=False)
    zoho.served.call(lambda: zoho.books.define(field))
    profile = await session.check()
    assert profile["ways"] == {"contact": "name", "invoice": "field", **OTHERS}
    assert profile["fields"] == dict.fromkeys(("contact", "invoice", "payment", "credit_note"), True)
    assert len(profile["warnings"]) == 1


async def test_fields_of_another_name_are_found_by_the_settings(zoho: Zoho) -> None:
    zoho.served.call(lambda: zoho.books.define(CustomField(entity="contact", api_name="cf_billing_id")))
    session = zoho.open(await zoho.connect(), account_field="cf_billing_id")
    assert (await session.check())["unique"]["contact"] is True


async def test_a_field_whose_uniqueness_is_not_told_is_a_warning(zoho: Zoho) -> None:
    session = await zoho.session()
    row = '{"code":0,"fields":[{"api_name":"cf_togai_account_id","entity":"contact"}]}'
    zoho.served.place(Fault(effect="answer", status=200, body=row, path="*/settings/fields"))
    profile = await session.check()
    assert profile["unique"] == {"contact": False, "invoice": True, "payment": True, "credit_note": True}
    assert "cf_togai_account_id" in profile["warnings"][0]


async def test_a_field_of_another_module_is_not_taken_for_ours(zoho: Zoho) -> None:
    session = await zoho.session()
    row = '{"code":0,"fields":[{"api_name":"cf_togai_account_id","entity":"vendor_payment","is_unique":true}]}'
    zoho.served.place(Fault(effect="answer", status=200, body=row, path="*/settings/fields"))
    with pytest.raises(Stopped, match="does not exist"):
        await session.check()


@pytest.mark.parametrize(
    "scopes",
    [
        ("ZohoBooks.contacts.ALL", "ZohoBooks.invoices.ALL", "ZohoBooks.settings.READ"),
        ("ZohoBooks.fullaccess.all",),
    ],
)
async def test_the_smallest_scopes_suffice(zoho: Zoho, scopes: tuple[str, ...]) -> None:
    session = await zoho.session(*scopes)
    assert await session.check()


async def test_a_token_that_lost_a_scope_stops_the_connection(zoho: Zoho) -> None:
    session = await zoho.session()
    body = '{"code":57,"message":"You are not authorized to perform this operation"}'
    zoho.served.place(Fault(effect="answer", status=401, body=body, path="*/invoices", times=2))
    with pytest.raises(Stopped, match="scope is missing"):
        await session.check()


async def test_all_pages_of_the_currencies_are_read(zoho: Zoho) -> None:
    session = await zoho.session()
    page = (
        '{"code":0,"currencies":[{"currency_id":77,"currency_code":"CHF","price_precision":2,"exchange_rate":1.1250}],'
        '"page_context":{"has_more_page":true}}'
    )
    zoho.served.place(Fault(effect="answer", status=200, body=page, path="*/settings/currencies"))
    currencies = (await session.check())["currencies"]
    assert currencies["CHF"] == {"id": "77", "decimals": 2, "rate": "1.1250"}
    assert "USD" in currencies


async def test_a_time_zone_that_is_not_known_stops_the_connection(zoho: Zoho) -> None:
    session = await zoho.session()
    body = f'{{"code":0,"organizations":[{{"organization_id":"{ORGANIZATION}","time_zone":"Mars/Base"}}]}}'
    zoho.served.place(Fault(effect="answer", status=200, body=body, path="*/organizations"))
    with pytest.raises(Stopped, match="time zone 'Mars/Base'"):
        await session.check()


async def test_trouble_on_the_way_is_no_fault_of_the_connection(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.served.place(bad_gateway(path="*/settings/currencies"))
    with pytest.raises(Retry):
        await session.check()


@pytest.mark.parametrize(
    ("entity", "field"), [("payment", "cf_togai_payment_id"), ("credit_note", "cf_togai_credit_note_id")]
)
async def test_a_field_that_not_every_connection_needs_is_a_warning_and_stops_nothing(
    zoho: Zoho, entity: str, field: str
) -> None:
    session = await zoho.session()
    module = zoho.books.customerpayments if entity == "payment" else zoho.books.creditnotes
    zoho.served.call(lambda: module.fields.remove(field))
    profile = await session.check()
    (warning,) = profile["warnings"]
    assert f"no {entity.replace('_', ' ')} is written" in warning
    assert field in warning
    assert profile["ways"][entity] == "reference"
    assert profile["fields"][entity] is False


async def test_by_choice_they_are_looked_up_by_their_reference(zoho: Zoho) -> None:
    secrets = await zoho.connect()
    zoho.served.call(lambda: zoho.books.customerpayments.fields.remove("cf_togai_payment_id"))
    profile = await zoho.open(secrets, unique_field="preferred").check()
    (warning,) = profile["warnings"]
    assert "looked up by its reference" in warning
