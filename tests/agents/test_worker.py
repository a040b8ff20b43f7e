"""A worker on a real Kafka: each event ends once, and what cannot be decided stops nothing."""

from __future__ import annotations

from collections import Counter

from pipeline.schemas.records import Verdict
from tests.agents.house import House, account


async def test_every_record_ends_in_exactly_one_decision_or_dead_letter(house: House) -> None:
    good = [account(number) for number in range(20)]
    passed_over = [account(number, status="ARCHIVED") for number in range(20, 25)]
    house.send([*good[:10], *passed_over])
    house.send_raw(
        house.topics.events("togai"),
        [
            (b"k", b"{broken"),
            (b"k", b"\x07not a framing"),
            (b"k", None),
            (b"k", b'{"specversion":"1.0","id":"1","type":"nobody.knows","source":"nobody/x"}'),
            (b"k", b'{"specversion":"1.0","id":"2","type":"togai.account.created","source":"togai/togai-main"}'),
        ],
    )
    house.send(good[10:])

    async with house.worker():
        await house.until(lambda: len(house.decisions()) + len(house.dead_letters()) >= 30)

    verdicts = Counter(decision.verdict for decision in house.decisions())
    assert verdicts == {Verdict.MATCHED: 20, Verdict.NOT_MATCHED: 5}
    assert Counter(letter.cause.code for letter in house.dead_letters()) == {
        "not_json": 1,
        "wrong_magic_byte": 1,
        "empty": 1,
        "unknown_app": 1,
        "no_subject": 1,
    }
    assert sorted(command.run.event_id for command in house.commands()) == sorted(event.id for event in good)
