"""Each trigger and action of each installed app has a fixture: a new one without fails here.

`tests/apps/<app>/test_*_fixtures.py` and `tests/third/test_fixtures.py` carry them out on the twins, by the registry's
names, and read what the twins' ledgers hold then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Action, App
from tests.contract.test_app_contract import APPS, action_of, app_of, trigger_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
OF_AN_ACTION = {"world", "input", "request", "calls", "applied", "output", "repeated"}
OF_A_TRIGGER = {"world", "subject", "party", "document", "data", "webhook", "poll"}
"""What is there before; what is told of it by webhook, and by which poll; what the event then says."""


def fixture(app: App, kind: str, name: str) -> dict[str, Any]:
    """Raises where there is none: write one beside the others."""
    found: dict[str, Any] = msgspec.json.decode((FIXTURES / app.name / kind / f"{name}.json").read_bytes())
    return found


@app_of
@pytest.mark.parametrize("kind", ["actions", "triggers"])
def test_no_fixture_is_of_something_that_is_not_there(app: App, kind: str) -> None:
    assert {path.stem for path in (FIXTURES / app.name / kind).glob("*.json")} == set(getattr(app, kind))


@action_of
def test_the_fixture_of_an_action_says_what_it_asks_and_what_the_ledger_holds_then(
    app: App, name: str, action: Action[Any]
) -> None:
    given = fixture(app, "actions", name)
    assert given.keys() >= OF_AN_ACTION
    msgspec.convert(given["input"], action.input, strict=False)
    assert given["calls"]
    assert {"method", "path", "body"} <= given["request"].keys()
    if action.repeat == "read":
        assert given["applied"] == given["repeated"] == []
    else:
        assert given["applied"]
        assert given["repeated"] != given["applied"]


@trigger_of
def test_the_fixture_of_a_trigger_says_how_it_becomes_known(app: App, name: str, trigger: Any) -> None:
    given = fixture(app, "triggers", name)
    assert given.keys() >= OF_A_TRIGGER
    polled = {each for poll in app.polls.values() for each in poll.triggers}
    assert bool(given["poll"]) == (name in polled)


def test_the_third_app_is_among_those_that_are_looked_at() -> None:
    assert set(APPS) >= {"togai", "zohobooks", "tinycrm"}
