"""Flows with the third app, as a user has them: by the command line, in an environment where pip installed it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.third.installed import environment

FLOWS = Path(__file__).parent / "flows"


def pipeline(*arguments: str, installed: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment() if installed else {})},
    )


def test_the_tests_beside_its_flows_pass_and_nothing_is_said_about_them() -> None:
    tested = pipeline("flows", "test", str(FLOWS))
    assert (tested.returncode, tested.stdout.splitlines()[-1]) == (0, "5 tests, 0 failed"), tested.stdout
    linted = pipeline("flows", "lint", str(FLOWS))
    assert linted.returncode == 0, linted.stdout


def test_editors_are_told_of_its_events_and_actions() -> None:
    printed = pipeline("flows", "schema").stdout
    assert all(name in printed for name in ("company.saved", "upsert_company", "zohobooks"))


def test_where_it_is_not_installed_its_flows_say_so_with_their_place() -> None:
    failed = pipeline("flows", "test", str(FLOWS / "tinycrm-company-to-zohobooks-contact.yaml"), installed=False)
    assert failed.returncode != 0
    assert "tinycrm-company-to-zohobooks-contact.yaml:5:16: there is no app 'tinycrm'" in failed.stderr
