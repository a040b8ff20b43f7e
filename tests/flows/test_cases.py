"""Tests that users write beside their flows: what they can say, and that they can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.apps.registry import load_apps
from pipeline.errors import ConfigurationError
from pipeline.flows.cases import Case, read_cases, run_case
from pipeline.flows.compile import load_flow
from pipeline.flows.files import cases_beside, flow_files
from tests.flows.toy import FLOW, toy_apps

FOLDER = Path(__file__).parents[2] / "configs" / "flows"


def run(**given: Any) -> list[str]:
    given = {"name": "one", "expect": {"verdict": "matched"}} | given
    apps = toy_apps()
    return list(run_case(Case.model_validate(given), load_flow(FLOW, apps), apps).differences)


def expecting(verdict: str = "matched", **rest: Any) -> dict[str, Any]:
    return {"verdict": verdict, **rest}


@pytest.mark.parametrize("flow", flow_files(FOLDER), ids=lambda file: file.stem)
def test_every_flow_of_the_catalogue_has_tests_and_they_pass(flow: Path) -> None:
    apps = load_apps()
    file = cases_beside(flow)
    cases = read_cases(file.read_text(encoding="utf-8"), file.name)
    compiled = load_flow(flow.read_text(encoding="utf-8"), apps, flow.name)
    found = [run_case(case, compiled, apps) for case in cases.tests]
    assert {one.name: list(one.differences) for one in found} == {one.name: [] for one in found}


def test_the_sample_is_the_event_where_nothing_is_said() -> None:
    assert run() == []


def test_a_wrong_verdict_and_a_wrong_clause_are_told() -> None:
    assert run(expect=expecting("not_matched", clause="data.nonsense"))[0].startswith(
        "verdict: expected not_matched, is matched"
    )
    assert "first false clause: expected 'data.nonsense', is None" in run(expect=expecting(clause="data.nonsense"))


def test_every_part_of_an_action_that_differs_is_told_with_its_place() -> None:
    wanted = {"plan": "update", "method": "GET", "path": "/no", "body": {"id": "nobody", "more": 1}}
    found = run(expect=expecting(actions={"contact": wanted}))
    assert [difference.split(":")[1].strip() for difference in found] == [
        "plan", "method", "path", "body.id", "body.more",
    ]  # fmt: skip


def test_a_mapping_that_is_given_makes_an_update_or_nothing_of_a_create() -> None:
    ids = {
        "one": {"app": "togai", "type": "customer", "id": "ann"},
        "other": {"app": "book", "type": "contact", "id": "7"},
    }
    wanted = {"contact": {"plan": "unchanged"}, "booking": {"input": {"contact_id": "7"}}}
    change = {"owner": {"id": "ann"}}
    assert run(mappings=[ids], event={"change": change}, expect=expecting(actions=wanted)) == []


def test_what_a_step_gives_can_be_said() -> None:
    wanted = {"booking": {"input": {"contact_id": "99"}}}
    assert run(steps={"contact": {"contact_id": "99"}}, expect=expecting(actions=wanted)) == []


def test_an_action_that_the_flow_does_not_have_is_a_mistake_of_the_test() -> None:
    assert run(expect=expecting(actions={"fly": {}})) == ["the flow has no action 'fly'"]


def test_options_that_the_flow_does_not_know_are_told() -> None:
    (difference,) = run(options={"colour": "red"})
    assert "colour" in difference


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tests: []", "tests: List should have at least 1 item"),
        ("tests: [{name: a, expect: {verdict: perhaps}}]", "tests.0.expect.verdict"),
        ("tests: [{name: a, expects: {}}]", "tests.0.expects: Extra inputs"),
    ],
)
def test_a_file_of_the_wrong_shape_names_each_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.test\.yaml") as raised:
        read_cases(text, "x.test.yaml")
    assert said in str(raised.value)
