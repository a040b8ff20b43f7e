from __future__ import annotations

import pytest

from pipeline.agents.dedupe import Dedupe, Window, had_effect, identity
from pipeline.schemas.records import Decision, LinkDecision, Verdict


def decision(verdict: Verdict, *links: LinkDecision) -> Decision:
    return Decision(
        event_id="e",
        event_type="togai.account.created",
        connection="c",
        party="p",
        subject="s",
        verdict=verdict,
        links=list(links),
    )


def test_a_window_knows_at_least_its_size_and_at_most_twice_as_much() -> None:
    window = Window(10)
    for number in range(95):
        window.add(str(number))

    assert all(str(number) in window for number in range(85, 95))
    assert "0" not in window
    assert len(window) <= 20


def test_partitions_do_not_share_what_they_know() -> None:
    dedupe = Dedupe()
    dedupe.window(1).add("a")

    assert "a" in dedupe.window(1)
    assert "a" not in dedupe.window(2)


def test_restoring_a_partition_keeps_what_a_batch_in_work_has_seen() -> None:
    dedupe = Dedupe()
    dedupe.window(1).add("in work")

    dedupe.restore(1, ["committed"])

    assert "committed" in dedupe.window(1)
    assert "in work" in dedupe.window(1)


def test_a_partition_that_was_let_go_is_forgotten() -> None:
    dedupe = Dedupe()
    dedupe.window(1).add("a")

    dedupe.forget([1, 2])

    assert "a" not in dedupe.window(1)


def test_the_same_id_of_another_connection_or_replay_is_another_event() -> None:
    identities = {identity("one", "id", ""), identity("two", "id", ""), identity("one", "id", "replay-1")}

    assert len(identities) == 3


@pytest.mark.parametrize("verdict", [Verdict.MATCHED, Verdict.NOT_MATCHED, Verdict.FETCHING, Verdict.DUPLICATE])
def test_an_event_that_was_decided_is_not_decided_again(verdict: Verdict) -> None:
    assert had_effect(decision(verdict))


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NO_LINK])
def test_an_event_that_failed_or_found_no_link_may_be_sent_again(verdict: Verdict) -> None:
    assert not had_effect(decision(verdict))


def test_an_event_that_failed_at_one_link_only_is_not_decided_again() -> None:
    def link(verdict: Verdict, command: str) -> LinkDecision:
        return LinkDecision(link="l", flow="f", flow_version="1", verdict=verdict, command=command)

    assert had_effect(decision(Verdict.FAILED, link(Verdict.FAILED, ""), link(Verdict.MATCHED, "command-1")))
