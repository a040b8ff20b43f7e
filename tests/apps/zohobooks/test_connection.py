"""The connection form and the quota that follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.connection import DATA_CENTERS, ZohoBooksSettings


def form(**given: Any) -> ZohoBooksSettings:
    return ZohoBooksSettings.model_validate({"organization_id": "1", **given})


def test_accounts_and_api_hosts_come_from_the_table_and_never_from_each_other() -> None:
    assert form(data_center="ca").accounts == "https://accounts.zohocloud.ca"
    assert form(data_center="ca").api() == "https://www.zohoapis.ca"
    assert {center.accounts_url for center in DATA_CENTERS.values()}.isdisjoint(
        center.api_url for center in DATA_CENTERS.values()
    )


def test_the_api_host_is_the_one_set_by_hand_then_the_one_zoho_named_then_the_tables() -> None:
    assert form(api_url="http://127.0.0.1:1/").api("https://www.zohoapis.uk") == "http://127.0.0.1:1"
    assert form().api("https://www.zohoapis.uk") == "https://www.zohoapis.uk"
    assert form().api() == "https://www.zohoapis.com"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"organization_id": "abc"}, "organization_id"),
        ({"data_center": "mars"}, "data_center"),
        ({"api_url": "www.zohoapis.com"}, "api_url"),
        ({"api_url": "https://x.test/?token=1"}, "api_url"),
        ({"account_field": "Togai id"}, "account_field"),
        ({"plan": "gold"}, "plan"),
        ({"decimals": {"usd": 2}}, "decimals"),
        ({"in_flight": 11}, "in_flight"),
        ({"nickname": "x"}, "nickname"),
    ],
)
def test_a_wrong_field_is_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        form(**given)
    assert caught.value.errors()[0]["loc"][0] == field


def test_the_form_survives_json() -> None:
    made = form(plan="elite", decimals={"JPY": 0})
    assert ZohoBooksSettings.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    ("given", "day", "in_flight"),
    [
        ({}, 2000, 8),
        ({"plan": "free"}, 1000, 4),
        ({"plan": "ultimate"}, 10_000, 8),
        ({"plan": "free", "calls_per_day": 5000, "in_flight": 2}, 5000, 2),
    ],
)
def test_the_plan_sets_the_calls_a_day_and_at_once(given: dict[str, Any], day: int, in_flight: int) -> None:
    quota = app.quota({"organization_id": "1", **given})
    assert (quota.day, quota.in_flight) == (day, in_flight)


def test_the_window_keeps_below_a_hundred_calls_a_minute_and_uses_98_percent_of_them() -> None:
    ((calls, seconds),) = app.quota({"organization_id": "1"}).windows
    assert calls <= 100
    assert seconds > 60
    assert calls / seconds * 60 >= 98


def test_a_lost_call_is_given_longer_than_its_answer() -> None:
    """A proxy that gives up with a 504 may let a call through a minute and a half later."""
    assert form().quiet_seconds > 90
    assert form().quiet_seconds > app.quota({"organization_id": "1"}).timeout
    assert app.quota({"organization_id": "1", "timeout_seconds": 3}).timeout == 3
