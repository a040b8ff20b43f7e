"""What became of an event is in the log: where it stands, each step with what went in and out, and why it stopped."""

from __future__ import annotations

import msgspec
from confluent_kafka import TopicPartition

from pipeline.operations.settle import AGENTS
from pipeline.operations.views.answers import RunDetail, RunStatus
from pipeline.schemas.records import Cause, LedgerState, LinkDecision, Status, Verdict
from tests.operations.conftest import House
from tests.operations.views.conftest import Log, at
from tests.operations.views.said import LINK, Story


def stands(detail: RunDetail) -> tuple[RunStatus, list[tuple[str, str]]]:
    return detail.run.status, [(step.step, step.detail) for step in detail.steps]


def test_a_run_is_followed_from_its_event_to_its_end(house: House, log: Log) -> None:
    story = Story(house)

    story.decision()
    assert stands(log.one()) == (RunStatus.PENDING, [])
    story.sent()
    assert stands(log.one()) == (RunStatus.PENDING, [("contact", "sent")])
    story.ledger(LedgerState.INTENT)
    assert stands(log.one()) == (RunStatus.PENDING, [("contact", "intent")])
    story.ended()
    story.ledger(None)
    story.handed_on()
    assert stands(log.one()) == (RunStatus.PENDING, [("contact", "succeeded")]), "another step is to come"
    story.sent(1, 4)
    story.ended(1, Status.UNCHANGED, 6)

    found = log.one()
    assert stands(found) == (RunStatus.SUCCESS, [("contact", "succeeded"), ("setting", "unchanged")])
    run, (first, second) = found.run, found.steps
    assert (run.id, run.link, run.flow, run.flow_version) == (story.run.id, LINK, "sync-accounts", "v1")
    assert (run.event_id, run.event_type, run.subject) == ("e-1", "togai.account.created", "acc-1")
    assert (run.party, run.source) == ("acc-1", "togai-main")
    assert (run.started, run.ended) == (at(1), at(6))
    assert (first.index, first.connection, first.action) == (0, "books-main", "upsert_contact")
    assert first.input == {"name": "Party acc-1", "amount": "1.10"}
    assert (first.output, first.object) == ({"id": "4600001"}, "zohobooks contact 4600001")
    assert (first.created, first.started, first.ended) == (at(1), at(2), at(3))
    assert (first.operation, first.attempts, first.calls, first.cause) == ("created", 1, 1, None)
    assert (second.status, second.output) == (RunStatus.SUCCESS, {})


def test_what_waits_says_for_what_and_until_when(house: House, log: Log) -> None:
    story = Story(house)
    story.decision()
    story.sent()

    story.ledger(LedgerState.PARKED, due=at(900), waits_for="a+b/togai/account/acc-1", reason="no contact yet")
    parked = log.one()
    story.ledger(LedgerState.WAITING, due=at(60), reason="quota", attempts=2, calls=3)
    waiting = log.one()
    story.ledger(LedgerState.DOUBT, reason="the answer was lost")
    doubted = log.one()
    story.ledger(LedgerState.QUEUED)
    queued = log.one()

    assert stands(parked) == (RunStatus.WAITING, [("contact", "parked")])
    assert (parked.steps[0].waits_for, parked.steps[0].due) == ("a+b/togai/account/acc-1", at(900))
    assert stands(waiting) == (RunStatus.WAITING, [("contact", "waiting")])
    assert (waiting.steps[0].reason, waiting.steps[0].attempts, waiting.steps[0].calls) == ("quota", 2, 3)
    assert waiting.run.ended is None
    assert stands(doubted) == (RunStatus.WAITING, [("contact", "doubt")])
    assert stands(queued) == (RunStatus.PENDING, [("contact", "queued")])


def test_a_refusal_fails_the_run_with_its_cause_and_sent_again_it_goes_on(house: House, log: Log) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended(status=Status.REFUSED)

    refused = log.one()
    assert stands(refused) == (RunStatus.FAILED, [("contact", "refused")])
    cause = refused.steps[0].cause
    assert cause is not None
    assert (cause.kind, cause.code, cause.message) == ("conflict", "3062", "name taken")
    assert refused.run.ended == at(3)

    story.sent(round=1)
    again = log.one()
    assert stands(again) == (RunStatus.PENDING, [("contact", "sent")])
    assert (again.run.ended, again.steps[0].round) == (None, 1)

    story.ended(second=9, redrive=1)
    assert stands(log.one()) == (RunStatus.PENDING, [("contact", "succeeded")])


def test_a_party_that_is_set_aside_is_told_from_one_that_goes_on(house: House, log: Log) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended(status=Status.REFUSED)
    story.ledger(LedgerState.ASIDE, cause=Cause(kind="conflict"))
    assert stands(log.one()) == (RunStatus.FAILED, [("contact", "aside")])

    story.ledger(LedgerState.INTENT, redrive=1)
    assert stands(log.one()) == (RunStatus.PENDING, [("contact", "intent")])


def test_what_did_not_match_is_skipped_with_the_clause_and_what_it_read(house: House, log: Log) -> None:
    story = Story(house)
    story.decision(Verdict.NOT_MATCHED, clause="data.amount > 0", read={"data.amount": "0"})

    found = log.one()
    assert found.run.id == story.run.id, "the id that the run would have had"
    assert (found.run.status, found.steps) == (RunStatus.SKIPPED, [])
    assert (found.run.clause, found.run.read) == ("data.amount > 0", {"data.amount": "0"})
    assert (found.run.started, found.run.ended) == (at(1), at(1))


def test_a_match_without_any_action_is_skipped_and_a_fault_of_a_flow_has_failed(house: House, log: Log) -> None:
    none, fault = Story(house, "none"), Story(house, "fault")
    none.decision(command="", message="no action applies")
    fault.decision(Verdict.FAILED, message="the event has no name, which the flow needs")

    found = {detail.run.event_id: detail.run for detail in log.all()}
    assert (found["none"].status, found["none"].message) == (RunStatus.SKIPPED, "no action applies")
    assert (found["fault"].status, found["fault"].ended) == (RunStatus.FAILED, at(1))
    assert "which the flow needs" in found["fault"].message

    fault.decision(second=8)
    fault.sent(second=8)
    found = {detail.run.event_id: detail.run for detail in log.all()}
    assert found["fault"].status is RunStatus.PENDING, "its event was sent again"
    assert found["fault"].started == at(1)


def test_an_action_that_leaves_its_object_out_skips_the_run(house: House, log: Log) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended(status=Status.SKIPPED, warnings=["no customer in Zoho Books"])

    found = log.one()
    assert stands(found) == (RunStatus.SKIPPED, [("contact", "skipped")])
    assert found.steps[0].warnings == ["no customer in Zoho Books"]


def test_repeated_events_and_events_without_a_link_are_no_runs(house: House, log: Log) -> None:
    story = Story(house)
    story.whole()
    before = log.dump()
    story.put_decision(story.decided(Verdict.DUPLICATE, 50))
    Story(house, "e-2").put_decision(story.decided(Verdict.NO_LINK, 51))

    assert log.dump() == before


def test_a_fetch_is_a_run_without_a_link(house: House, log: Log) -> None:
    story = Story(house)
    story.put_decision(story.decided(Verdict.FETCHING, 1))

    found = log.one()
    assert (found.run.link, found.run.status) == ("", RunStatus.PENDING)


def test_a_run_that_could_not_go_on_has_failed_until_its_step_was_sent_again(house: House, log: Log) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended()
    story.handed_on()
    stuck = LinkDecision(
        link=LINK, flow="sync-accounts", flow_version="v1", verdict=Verdict.FAILED, message="gone", run=story.run.id
    )
    story.put_decision(msgspec.structs.replace(story.decided(Verdict.FAILED, 5), links=[stuck]))
    assert (log.one().run.status, log.one().run.message) == (RunStatus.FAILED, "gone")

    story.sent(1, second=7)
    assert log.one().run.status is RunStatus.PENDING
    story.ended(1, second=9)
    assert log.one().run.status is RunStatus.SUCCESS


def test_a_run_of_which_no_further_action_applies_is_over_once_the_agents_have_passed_its_step(
    house: House, log: Log
) -> None:
    story = Story(house)
    story.decision()
    story.sent()
    story.ended()
    story.handed_on()
    assert log.one().run.status is RunStatus.PENDING

    # As the agents commit what they have read, having written nothing.
    consumer = house.access.consumer(house.topics.prefix + AGENTS)
    topic = house.topics.steps
    consumer.commit(offsets=[TopicPartition(topic, partition, 1) for partition in range(2)], asynchronous=False)
    consumer.close()

    found = log.one()
    assert (found.run.status, found.run.ended) == (RunStatus.SUCCESS, at(3))


def test_a_replay_of_an_event_is_a_run_of_its_own(house: House, log: Log) -> None:
    Story(house).whole()
    Story(house, replay="again").whole()

    assert {detail.run.replay for detail in log.all()} == {"", "again"}
    assert [detail.run.replay for detail in log.all(replay="again")] == ["again"]
