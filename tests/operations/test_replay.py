"""A replay is planned first, puts exactly the planned events through in their order, and never itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import ConfigurationError
from pipeline.operations.reader import ends_of
from pipeline.operations.replay import Selection
from tests.operations.conftest import House, event


def test_the_plan_counts_by_type_and_says_what_is_left_out_and_writes_nothing(house: House) -> None:
    house.send([event("1"), event("2", kind="invoice.generated"), event("3", kind="invoice.generated")])
    house.send([event("1"), event("4", hint=True), event("5", replay="earlier"), event("6", account="acc-2")])
    house.put(house.topics.events("togai"), [("togai-main/acc-1", b"{broken")])
    before = ends_of(house.access, [house.topics.events("togai")])

    plan = house.replay.plan(Selection(account="acc-1"))

    assert plan.counts == {"togai.account.created": 1, "togai.invoice.generated": 2}
    assert (plan.total, plan.parties) == (3, 1)
    assert plan.left_out == {"hint": 1, "repeated": 1, "replay": 1, "unreadable": 1}
    assert [sample.id for sample in plan.sample] == ["1", "2", "3"]
    assert ends_of(house.access, [house.topics.events("togai")]) == before


def test_a_replay_puts_copies_through_under_its_id_in_order_and_each_replay_has_its_own(house: House) -> None:
    originals = [event(str(number), kind="invoice.generated") for number in range(5)]
    house.send(originals)

    plan = house.replay.plan(Selection(account="acc-1"))
    assert house.replay.run(plan) == 5

    copies = [copy for copy in house.events() if copy.replay]
    assert {copy.replay for copy in copies} == {plan.id}
    assert [(copy.id, copy.source, copy.key) for copy in copies] == [
        (o.id, o.source, b"togai-main/acc-1") for o in originals
    ]
    assert house.replay.plan(Selection(account="acc-1")).id != plan.id


def test_replaying_twice_does_not_replay_the_first_replay(house: House) -> None:
    house.send([event("1"), event("2", kind="invoice.generated")])
    for expected in (4, 6):
        house.replay.run(house.replay.plan(Selection(account="acc-1")))
        assert len(house.events()) == expected


def test_of_an_object_without_a_version_only_its_newest_state_is_put_through(house: House) -> None:
    """Togai's accounts have none: a copy of an older event would bring back what the account was."""
    house.send([event("old"), event("new"), event("other", account="acc-2"), event("new")])

    plan = house.replay.plan(Selection(since=datetime.now(UTC) - timedelta(hours=1)))

    assert sorted(sample.id for sample in plan.sample) == ["new", "other"]
    assert plan.left_out == {"outdated": 1, "repeated": 1}
    house.replay.run(plan)
    assert sorted(copy.id for copy in house.events() if copy.replay) == ["new", "other"]


def test_an_older_state_is_not_put_through_for_want_of_the_newer_one_in_the_selection(house: House) -> None:
    house.send([event("old")])
    between = house.later()
    house.send([event("new")])

    assert house.replay.plan(Selection(until=between)).left_out == {"outdated": 1}


def test_versioned_events_of_one_object_are_all_put_through(house: House) -> None:
    """Where the source says which is newer, planning tells: the older one is superseded without a call."""
    invoice = {"kind": "invoice.generated", "subject": "inv-1"}
    house.send([event("1", **invoice, sourceversion="1"), event("2", **invoice, sourceversion="2")])

    assert house.replay.plan(Selection(account="acc-1")).total == 2


def test_of_an_object_whose_versions_tell_no_order_only_its_newest_state_of_any_kind_is_put_through(
    house: House,
) -> None:
    """Accounts: the version is a hash of the content."""
    house.send(
        [event("1", sourceversion="hA"), event("2", kind="account.updated", subject="acc-1", sourceversion="hB")]
    )

    plan = house.replay.plan(Selection(account="acc-1"))
    assert (plan.counts, plan.left_out) == ({"togai.account.updated": 1}, {"outdated": 1})
    created = house.replay.plan(Selection(account="acc-1", type="togai.account.created"))
    assert (created.counts, created.left_out) == ({}, {"outdated": 1})


def test_what_arrived_after_the_plan_is_not_put_through(house: House) -> None:
    house.send([event("1")])
    plan = house.replay.plan(Selection(account="acc-1"))
    house.send([event("2", kind="invoice.generated")])

    assert house.replay.run(plan) == 1


def test_a_selection_by_time_type_and_connection(house: House) -> None:
    house.send([event("1"), event("2", kind="invoice.generated"), event("3", account="acc-2")])
    now = datetime.now(UTC)
    hour = timedelta(hours=1)

    def total(**selection: object) -> int:
        return house.replay.plan(Selection(**selection)).total  # type: ignore[arg-type]

    assert total(since=now - hour) == 3
    assert total(since=now + hour) == 0
    assert total(until=now - hour) == 0
    assert total(since=now - hour, until=now + hour, type="togai.account.created") == 2
    assert total(since=now - hour, connection="other") == 0
    assert total(account="inv-2") == 1, "an object's own id selects its events"


def test_a_replay_of_everything_must_be_asked_for_by_time(house: House) -> None:
    with pytest.raises(ConfigurationError, match="--account ID, --since TIME or --until TIME"):
        house.replay.plan(Selection())
    with pytest.raises(ConfigurationError, match="no app 'slack'"):
        house.replay.plan(Selection(account="a", type="slack.message"))
