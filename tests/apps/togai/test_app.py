"""The app as others see it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from pipeline.apps.base import App
from pipeline.apps.registry import load_apps
from pipeline.apps.togai import app
from pipeline.apps.togai.connection import TogaiSettings
from pipeline.errors import Stopped


def test_togai_is_found_by_its_entry_point() -> None:
    found: App = app
    assert load_apps()["togai"] is found


def test_every_trigger_can_be_fetched_by_the_subjects_id() -> None:
    given_here = {"schedule", "on_demand"}
    assert {name for name, trigger in app.triggers.items() if not trigger.fetch} == given_here
    for trigger in app.triggers.values():
        if trigger.fetch:
            action = app.actions[trigger.fetch]
            assert action.repeat == "read"
            assert msgspec.convert({"id": "x"}, action.input).id == "x"


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [
        ({}, "https://api.togai.com"),
        ({"environment": "sandbox"}, "https://sandbox-api.togai.com"),
        ({"environment": "sandbox", "base_url": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
    ],
)
def test_the_environment_or_the_base_url_says_where_the_api_is(settings: dict[str, Any], base_url: str) -> None:
    assert TogaiSettings.model_validate(settings).api == base_url


@pytest.mark.parametrize(
    "settings", [{"environment": "test"}, {"base_url": "api.togai.com"}, {"in_flight": 11}, {"unknown": 1}]
)
def test_a_wrong_setting_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(settings))):
        app.settings.model_validate(settings)


def test_the_quota_stays_below_togais_and_can_be_set() -> None:
    assert app.quota({}).windows == ((8, 1.0),)
    assert app.quota({"calls_per_second": 50}).windows == ((50, 1.0),)
    assert app.quota({}).day is None


@pytest.mark.parametrize(
    ("trigger", "data", "party"),
    [
        ("account.created", {"id": "acme-prod", "customerId": "acme"}, "acme-prod"),
        ("customer.created", {"id": "acme"}, "acme"),
        ("invoice.generated", {"id": "inv.1", "ownerId": "acme-prod"}, "acme-prod"),
        ("invoice.updated", {"id": "inv.1", "customerId": "acme"}, "acme"),
        ("invoice.generated", {"id": "inv.1"}, ""),
        ("invoice.generated", {"id": "inv.1", "ownerId": 7}, ""),
        ("account.created", None, ""),
    ],
)
def test_the_party_is_who_owns_the_object(trigger: str, data: Any, party: str) -> None:
    assert app.party(trigger, data) == party


def test_versions_sort_as_text_however_they_were_written() -> None:
    written = [
        "2024-08-03T00:05:12Z",
        "2024-08-03T00:05:12.5Z",
        "2024-08-03T00:05:12.58015",
        "2024-08-03T02:05:13+02:00",
    ]
    versions = [app.version("invoice.updated", {"updatedAt": text}) for text in written]
    assert versions == sorted(versions)
    assert len(set(map(len, versions))) == 1


@pytest.mark.parametrize("data", [None, {}, {"updatedAt": 5}, {"updatedAt": "today"}])
def test_no_time_is_no_version(data: Any) -> None:
    assert app.version("invoice.updated", data) == ""


async def test_the_secret_key_is_kept_as_it_is() -> None:
    transport: Any = None
    assert await app.connect({}, {"api_token": " key "}, transport) == {"api_token": "key"}


async def test_a_connection_without_its_secret_key_says_where_to_get_one() -> None:
    transport: Any = None
    with pytest.raises(Stopped, match="Admin Center > API Tokens"):
        await app.connect({}, {}, transport)
