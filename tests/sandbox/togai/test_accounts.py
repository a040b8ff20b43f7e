"""Customers, accounts and their lists."""

from __future__ import annotations

import msgspec
import pytest

from tests.sandbox.support import Togai


def test_a_customer_brings_an_account_with_it(togai: Togai) -> None:
    answer = togai.customer("acme", account={"id": "acme-prod", "name": "ACME Production", "aliases": ["acme_primary"]})
    assert answer.status_code == 201
    assert "status" not in answer.json()
    account = togai.call("GET", "/accounts/acme-prod").json()
    assert account["customerId"] == "acme"
    assert account["primaryEmail"] == "a@example.com"
    assert account["aliases"] == [{"alias": "acme_primary"}]
    assert togai.call("GET", "/customers/acme").json()["billingAddress"] == "X"


def test_a_customer_without_an_account_gets_one_of_its_own_id(togai: Togai) -> None:
    togai.customer("acme")
    assert togai.call("GET", "/accounts/acme").status_code == 200


def test_errors_are_a_message_and_nothing_else(togai: Togai) -> None:
    togai.customer("acme")
    missing = togai.call("GET", "/accounts/nobody")
    assert (missing.status_code, set(missing.json())) == (404, {"message"})
    assert togai.customer("acme").status_code == 400
    togai.http.headers["Authorization"] = "Bearer wrong"
    assert togai.call("GET", "/accounts").status_code == 401


def test_a_patch_replaces_metadata_as_a_whole(togai: Togai) -> None:
    togai.customer("acme", account={"id": "acme", "name": "Acme", "metadata": {"GSTN": "1", "VATN": "2"}})
    after = togai.call("PATCH", "/accounts/acme", {"metadata": {"VATN": "3"}}).json()
    assert after["metadata"] == {"VATN": "3"}
    assert togai.call("PATCH", "/accounts/acme", {"invoiceCurrency": "EUR"}).status_code == 400


def test_an_id_may_hold_characters_that_need_encoding(togai: Togai) -> None:
    togai.customer("a/b@c.example")
    assert togai.call("GET", "/accounts/a%2Fb%40c.example").json()["id"] == "a/b@c.example"


def test_the_last_page_carries_a_token_that_gives_an_empty_list(togai: Togai) -> None:
    for number in range(5):
        togai.customer(f"acme-{number}")
    page = togai.call("GET", "/accounts", pageSize="3").json()
    seen = [row["id"] for row in page["data"]]
    page = togai.call("GET", "/accounts", nextToken=page["nextToken"]).json()
    seen += [row["id"] for row in page["data"]]
    assert page["context"] == {"pageSize": 3}
    empty = togai.call("GET", "/accounts", nextToken=page["nextToken"]).json()
    assert empty["data"] == []
    assert "nextToken" not in empty
    assert seen == ["acme-4", "acme-3", "acme-2", "acme-1", "acme-0"]


@pytest.mark.parametrize("size", ["0", "51", "x"])
def test_a_page_size_out_of_bounds_is_refused(togai: Togai, size: str) -> None:
    assert togai.call("GET", "/accounts", pageSize=size).status_code == 400


def test_filters_that_can_not_be_combined_are_422(togai: Togai) -> None:
    assert togai.call("GET", "/accounts", customer_id="acme", status="ACTIVE").status_code == 200
    assert togai.call("GET", "/accounts", account_id="acme", status="ACTIVE").status_code == 422


def test_the_eleventh_call_in_a_second_is_429(togai: Togai) -> None:
    togai.served.twin.state.limits.per_second = 10
    statuses = [togai.call("GET", "/accounts").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    togai.served.clock.advance(1.01)
    assert togai.call("GET", "/accounts").status_code == 200
    assert togai.served.twin.counts()["over_quota"] == 1


def test_a_mapped_id_shows_among_the_accounts_settings(togai: Togai) -> None:
    togai.customer("acme")
    assert togai.setting("acme", "460000000026049").status_code == 201
    rows = togai.call("GET", "/settings", entity_type="ACCOUNT", entity_id="acme").json()["data"]
    assert [(row["id"], row["value"]) for row in rows] == [("ZohoBooksCustomerId", "460000000026049")]
    path = "/settings/setting.USER.ZohoBooksCustomerId.ACCOUNT.acme"
    assert togai.call("GET", path).json()["value"] == "460000000026049"


def test_a_setting_is_changed_by_patch_and_a_second_post_is_refused(togai: Togai) -> None:
    togai.customer("acme")
    togai.setting("acme", "1")
    assert togai.setting("acme", "2").status_code == 400
    path = "/settings/setting.USER.ZohoBooksCustomerId.ACCOUNT.acme"
    for _ in range(2):
        assert togai.call("PATCH", path, {"value": "2"}).status_code == 201
    effects = [(a.action, a.detail["value"]) for _, a in togai.served.ledger.effects("settings")]
    assert effects == [("created", "1"), ("updated", "2"), ("unchanged", "2")]


def test_settings_may_answer_204_without_a_body(togai: Togai) -> None:
    state = togai.served.twin.state
    state.config = msgspec.structs.replace(state.config, empty_setting_answers=True)
    togai.customer("acme")
    answer = togai.setting("acme", "1")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_setting_needs_every_field_and_an_entity_that_exists(togai: Togai) -> None:
    assert togai.setting("nobody", "1").status_code == 404
    assert togai.call("POST", "/settings", {"id": "x", "value": "1"}).status_code == 400
