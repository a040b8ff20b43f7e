"""Options of links."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pipeline.errors import ConfigurationError
from pipeline.flows.model import OptionSpec
from pipeline.flows.options import resolve_options


def option(**fields: Any) -> OptionSpec:
    return OptionSpec.model_validate(fields)


OPTIONS = {
    "send": option(type="boolean", default=False),
    "days": option(type="integer", default=30),
    "tolerance": option(type="decimal", default=None),
    "mode": option(type="choice", choices=["a", "b"], default="a"),
    "name": option(type="string"),
}


def test_what_is_not_given_has_its_default_and_a_null_default_stays_absent() -> None:
    assert resolve_options(OPTIONS, {"name": "x"}) == {"send": False, "days": 30, "mode": "a", "name": "x"}


@pytest.mark.parametrize("given", [Decimal("0.05"), "0.05", 0.05])
def test_a_decimal_is_exact_however_it_was_written(given: Any) -> None:
    assert resolve_options(OPTIONS, {"name": "x", "tolerance": given})["tolerance"] == Decimal("0.05")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "option 'name' must be given: it has no default"),
        ({"name": 3}, "option 'name' must be text, not 3"),
        ({"name": "x", "send": "true"}, "option 'send' must be true or false, not 'true'"),
        ({"name": "x", "days": True}, "option 'days' must be a whole number, not True"),
        ({"name": "x", "days": Decimal("1.5")}, "option 'days' must be a whole number"),
        ({"name": "x", "tolerance": "much"}, "option 'tolerance' must be a number, not 'much'"),
        ({"name": "x", "tolerance": "NaN"}, "option 'tolerance' must be a number, not 'NaN'"),
        ({"name": "x", "mode": "c"}, "option 'mode' must be one of a, b, not 'c'"),
        ({"name": "x", "mod": "a"}, "option 'mod' there is no such option; did you mean 'mode'?"),
    ],
)
def test_a_value_that_does_not_suit_says_what_does(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_options(OPTIONS, given)
    assert said in str(caught.value)


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_options(OPTIONS, {"send": 1, "mode": "z"})
    assert [part.split("'")[1] for part in str(caught.value).split("; ")] == ["send", "mode", "name"]
