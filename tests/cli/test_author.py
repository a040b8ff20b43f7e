"""`pipeline flows test`, `lint` and `schema`, as a flow's author types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.flows.files import cases_beside
from tests.cli.conftest import Cli
from tests.e2e.twins import ROOT

FLOW = ROOT / "configs" / "flows" / "togai-account-to-zohobooks-contact.yaml"


def copied(folder: Path, cases: str = "") -> Path:
    """The flow of the catalogue in a folder of its own, with other tests beside it."""
    flow = folder / FLOW.name
    flow.write_text(FLOW.read_text(encoding="utf-8"), encoding="utf-8")
    if cases:
        cases_beside(flow).write_text(cases, encoding="utf-8")
    return flow


def test_the_tests_of_the_catalogue_pass(bare_cli: Cli) -> None:
    ran = bare_cli("flows", "test", str(FLOW), "--json")

    assert ran.code == Exit.GOOD
    assert [json.loads(line)["passed"] for line in ran.out.splitlines()] == [True] * 3


def test_a_test_that_fails_says_what_is_otherwise_and_the_exit_code_too(bare_cli: Cli, tmp_path: Path) -> None:
    flow = copied(tmp_path, "tests: [{name: never, expect: {verdict: not_matched}}]")
    ran = bare_cli("flows", "test", str(flow))

    assert ran.code == Exit.SOME_FAILED
    assert "FAILED  togai-account-to-zohobooks-contact: never" in ran.out
    assert "verdict: expected not_matched, is matched" in ran.out


def test_a_flow_without_tests_is_no_success(bare_cli: Cli, tmp_path: Path) -> None:
    ran = bare_cli("flows", "test", str(copied(tmp_path)))

    assert ran.code == Exit.SOME_FAILED
    assert "no tests beside it" in ran.err


def test_lint_says_what_is_likely_not_meant(bare_cli: Cli, tmp_path: Path) -> None:
    flow = copied(tmp_path)
    text = flow.read_text(encoding="utf-8")
    flow.write_text(text.replace("options:\n", "options:\n  colour: {type: string, default: red}\n"), encoding="utf-8")
    ran = bare_cli("flows", "lint", str(flow), "--json")

    assert ran.code == Exit.SOME_FAILED
    assert [json.loads(line)["warning"] for line in ran.out.splitlines()] == [
        "option 'colour' is read nowhere",
        "option 'colour' has no description",
        "it has no tests beside it (a .test.yaml file)",
    ]


def test_a_fault_names_file_line_and_column(bare_cli: Cli, tmp_path: Path) -> None:
    flow = copied(tmp_path)
    flow.write_text(flow.read_text(encoding="utf-8").replace("account.created", "account.creatd"), encoding="utf-8")
    ran = bare_cli("flows", "lint", str(flow))

    assert ran.code == Exit.MISTAKE
    assert f"{flow}:14:" in ran.err
    assert "account.created" in ran.err


def test_the_schema_of_flows_is_printed_for_editors(bare_cli: Cli) -> None:
    ran = bare_cli("flows", "schema")

    assert ran.code == Exit.GOOD
    assert json.loads(ran.out)["title"] == "A flow"


def test_the_catalogue_is_found_from_any_folder_and_may_be_one_of_your_own(
    bare_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = bare_cli("flows", "show", FLOW.stem, "--json")
    assert (shown.code, Path(shown.rows[0]["file"]).name) == (Exit.GOOD, FLOW.name)

    own = tmp_path / "own"
    bare_cli.environment.setenv("PIPELINE_CATALOGUE", str(own))
    assert f"PIPELINE_CATALOGUE: {own} is no folder" in bare_cli("flows", "lint").err
    own.mkdir()
    (own / "mine.yaml").write_text(FLOW.read_text().replace(f"id: {FLOW.stem}", "id: mine"))
    assert bare_cli("flows", "show", "mine", "--json").rows[0]["id"] == "mine"
