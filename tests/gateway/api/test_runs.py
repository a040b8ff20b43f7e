"""The activity log over the API: what people ask for is found, page by page, each step and how far it is behind."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.schemas.records import LedgerState, Status, Verdict
from tests.gateway.api.conftest import Served
from tests.operations.conftest import House
from tests.operations.views.conftest import at
from tests.operations.views.said import LINK, Story

URL = "/api/v1/runs"


@pytest.fixture(scope="module")
def stories(served: Served) -> dict[str, Story]:
    """One run of each status, and a replay; told to the topics, and not yet taken in."""
    house = House(served.parts.access, served.parts.topics, served.parts.codec)
    made = {name: Story(house, f"e-{name}", f"party-{name}") for name in ("success", "failed", "waiting", "pending")}
    made["skipped"] = Story(house, "e-skipped", "party-success")
    made["replay"] = Story(house, "e-success", "party-success", replay="again")
    made["success"].whole()
    made["replay"].whole()
    for second, name in enumerate(("failed", "waiting", "pending"), start=10):
        made[name].decision(second=second)
        made[name].sent(second=second)
    made["failed"].ended(status=Status.REFUSED, second=20)
    made["waiting"].ledger(
        LedgerState.PARKED, due=at(900), waits_for="a+b/togai/account/acc-1", reason="no contact yet"
    )
    made["skipped"].decision(Verdict.NOT_MATCHED, second=30, clause="data.amount > 0", read={"data.amount": "0"})

    before = listed(served)
    assert before["runs"] == []
    assert before["lag"]["total"] > 10, "what is not taken in yet"
    assert before["lag"]["topics"][served.parts.topics.decisions] == 6
    served.projector.catch_up()
    return made


def listed(served: Served, **asked: Any) -> dict[str, Any]:
    answer = served.client.get(URL, params=asked)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def found(served: Served, **asked: Any) -> set[tuple[str, str]]:
    """Event and replay of each."""
    return {(run["event_id"], run["replay"]) for run in listed(served, **asked)["runs"]}


def test_runs_are_found_by_link_flow_party_status_event_replay_and_time(
    served: Served, stories: dict[str, Story]
) -> None:
    every = {(story.event, story.replay) for story in stories.values()}
    assert found(served) == found(served, link=LINK) == found(served, flow="sync-accounts") == every
    assert found(served, link="other") == found(served, flow="other") == set()
    for status in ("failed", "waiting", "pending", "skipped"):
        assert found(served, status=status) == {(f"e-{status}", "")}
    assert found(served, status="success") == {("e-success", ""), ("e-success", "again")}
    assert found(served, party="party-failed") == {("e-failed", "")}
    assert found(served, party="party-success", status="skipped") == {("e-skipped", "")}
    assert found(served, event="e-success", replay="again") == {("e-success", "again")}
    assert found(served, since=at(11).isoformat()) == {("e-waiting", ""), ("e-pending", ""), ("e-skipped", "")}


def test_pages_follow_each_other_from_the_newest_to_the_last_without_a_run_twice(
    served: Served, stories: dict[str, Story]
) -> None:
    pages = [listed(served, limit=2)]
    while pages[-1]["next"]:
        pages.append(listed(served, limit=2, after=pages[-1]["next"]))
    runs = [run for page in pages for run in page["runs"]]
    assert [len(page["runs"]) for page in pages] == [2, 2, 2]
    assert [run["started"] for run in runs] == sorted((run["started"] for run in runs), reverse=True)
    assert len({run["id"] for run in runs}) == len(stories)
    assert pages[0]["lag"]["total"] == 0, "nothing is left to take in"


def test_a_run_is_shown_with_each_step_its_input_output_error_and_times(
    served: Served, stories: dict[str, Story]
) -> None:
    def shown(name: str) -> Any:
        answer = served.client.get(f"{URL}/{stories[name].run.id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    good = shown("success")
    assert good["run"]["status"] == "success"
    assert (good["run"]["started"], good["run"]["ended"]) == ("2026-03-01T00:00:01Z", "2026-03-01T00:00:06Z")
    assert [step["step"] for step in good["steps"]] == ["contact", "setting"]
    contact = good["steps"][0]
    assert contact["input"] == {"name": "Party party-success", "amount": "1.10"}
    assert (contact["output"], contact["object"]) == ({"id": "4600001"}, "zohobooks contact 4600001")
    assert (contact["started"], contact["ended"]) == ("2026-03-01T00:00:02Z", "2026-03-01T00:00:03Z")
    (refused,) = shown("failed")["steps"]
    assert refused["cause"] == {"kind": "conflict", "code": "3062", "message": "name taken"}
    (parked,) = shown("waiting")["steps"]
    assert (parked["detail"], parked["reason"], parked["due"]) == ("parked", "no contact yet", "2026-03-01T00:15:00Z")
    skipped = shown("skipped")
    assert (skipped["run"]["clause"], skipped["run"]["read"]) == ("data.amount > 0", {"data.amount": "0"})


def test_what_is_asked_wrongly_is_said_all_at_once_and_an_unknown_run_is_not_there(served: Served) -> None:
    wrong = served.client.get(URL, params={"status": "done", "limit": 5000, "since": "yesterday"})
    assert wrong.status_code == 422
    assert {error["place"] for error in wrong.json()["errors"]} == {"query.status", "query.limit", "query.since"}
    cursor = served.client.get(URL, params={"after": "somewhere"})
    assert (cursor.status_code, cursor.json()["code"]) == (422, "mistake")
    assert "`next` of a page" in cursor.json()["message"]
    unknown = served.client.get(f"{URL}/no-such-run")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_there")
