"""The activity log on the command line: it catches up by itself, and says how far behind it is."""

from __future__ import annotations

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.installation import Installation
from pipeline.schemas.records import Status, Verdict
from tests.cli.conftest import Cli
from tests.operations.conftest import House
from tests.operations.views.said import Story


@pytest.fixture
def house(here: Installation) -> House:
    return House(here.access, here.topics, here.codec)


def test_runs_are_listed_the_newest_first_and_by_what_they_are_of(cli: Cli, house: House) -> None:
    Story(house, "e-1", "acc-1").whole()
    Story(house, "e-2", "acc-2").decision(Verdict.NOT_MATCHED, 20, clause="data.amount > 0", read={"data.amount": "0"})

    (page,) = cli("runs", "list", "--json").rows
    assert [run["event_id"] for run in page["runs"]] == ["e-2", "e-1"]
    assert [run["status"] for run in page["runs"]] == ["skipped", "success"]
    assert page["lag"]["total"] == 0
    assert set(page["lag"]["topics"]) >= {house.topics.decisions, house.topics.results, house.topics.ledger}

    def found(*arguments: str) -> list[str]:
        (page,) = cli("runs", "list", "--json", *arguments).rows
        return [run["event_id"] for run in page["runs"]]

    assert found("--party", "acc-1") == found("--status", "success") == ["e-1"]
    assert found("--link", "accounts", "--flow", "sync-accounts", "--status", "skipped") == ["e-2"]
    assert found("--link", "other") == found("--since", "2026-04-01") == []
    assert found("--since", "2026-03-01T00:00:10Z") == ["e-2"]

    text = cli("runs", "list").out
    assert "data.amount > 0 is false; it read data.amount = '0'" in text
    assert "2 runs are kept" in text
    assert "1 of them skipped; nothing is left to take in" in text


def test_pages_follow_each_other_without_a_gap(cli: Cli, house: House) -> None:
    for number in range(5):
        Story(house, f"e-{number}").decision(second=number // 2)

    seen, after = [], ""
    while True:
        (page,) = cli("runs", "list", "--json", "--limit", "2", "--after", after).rows
        seen += [run["event_id"] for run in page["runs"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 5
    assert cli("runs", "list", "--after", "yesterday").code == Exit.MISTAKE


def test_a_run_is_shown_with_its_steps_and_an_unknown_one_is_none(cli: Cli, house: House) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended(status=Status.REFUSED)

    (shown,) = cli("runs", "show", story.run.id, "--json").rows
    assert (shown["run"]["status"], shown["steps"][0]["cause"]["code"]) == ("failed", "3062")
    assert shown["lag"]["total"] == 0
    text = cli("runs", "show", story.run.id).out
    assert "cause     conflict 3062: name taken" in text
    assert '"name":"Party acc-1"' in text

    missing = cli("runs", "show", "nothing")
    assert (missing.code, missing.out) == (Exit.SOME_FAILED, "")


def test_rebuilding_is_a_dry_run_until_told_otherwise(cli: Cli, house: House) -> None:
    Story(house).whole()
    (before,) = cli("runs", "list", "--json").rows

    assert cli("runs", "rebuild", "--json").rows == [{"rebuilt": False}]
    (done,) = cli("runs", "rebuild", "--yes", "--json").rows
    assert (done["rebuilt"], done["runs"], done["lag"]["total"]) == (True, 1, 0)
    assert done["records"] == 10
    assert cli("runs", "list", "--json").rows == [before]


def test_what_is_wrong_is_said_in_one_line(cli: Cli) -> None:
    assert "pending, waiting, success, failed, skipped" in cli("runs", "list", "--status", "done").err
    for url in ("mysql://u:hush@h/d", "hush: no url", "postgresql://u:hush@127.0.0.1:1/d"):
        cli.environment.setenv("PIPELINE_VIEWS_URL", url)
        ran = cli("runs", "list")
        assert ran.code in (Exit.MISTAKE, Exit.FAILED)
        assert len(ran.err.splitlines()) == 1
        assert "hush" not in ran.err + ran.out
