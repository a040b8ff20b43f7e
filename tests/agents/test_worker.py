"""A worker on a real Kafka: each event ends once, and what cannot be decided stops nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from pipeline.agents.worker import serve
from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
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
            (b"k", b"{" + b" " * 900_000),
            (b"k", None),
            (b"k", b'{"specversion":"1.0","id":"1","type":"nobody.knows","source":"nobody/x"}'),
            (b"k", b'{"specversion":"1.0","id":"2","type":"togai.account.created","source":"togai/togai-main"}'),
        ],
    )
    house.send_raw(house.topics.steps, [(b"k", b"[]")])
    house.send(good[10:])

    async with house.worker():
        await house.until(lambda: len(house.decisions()) + len(house.dead_letters()) >= 32)

    verdicts = Counter(decision.verdict for decision in house.decisions())
    assert verdicts == {Verdict.MATCHED: 20, Verdict.NOT_MATCHED: 5}
    assert Counter(letter.cause.code for letter in house.dead_letters()) == {
        "not_json": 2,
        "wrong_magic_byte": 1,
        "empty": 1,
        "unknown_app": 1,
        "no_subject": 1,
        "not_an_envelope": 1,
    }
    assert sorted(command.run.event_id for command in house.commands()) == sorted(event.id for event in good)


async def test_a_link_that_is_switched_on_works_without_a_restart(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    house = House(kafka, topic_prefix, tmp_path)
    async with house.worker():
        house.send([account(1)])
        await house.until(lambda: len(house.decisions()) >= 1)
        house.switch_on()
        await house.until(lambda: _sent_again(house) and len(house.commands()) >= 1)

    assert {decision.verdict for decision in house.decisions()} <= {Verdict.FAILED, Verdict.MATCHED, Verdict.DUPLICATE}
    assert len(house.commands()) == 1


def _sent_again(house: House) -> bool:
    """The event had no effect yet, so it is no repeat."""
    house.send([account(1)])
    return True


async def test_a_worker_without_its_topics_says_what_to_do(
    kafka: KafkaAccess, topic_prefix: str, tmp_path: Path
) -> None:
    settings = House(kafka, topic_prefix, tmp_path).settings.model_copy(
        update={"topic_prefix": f"{topic_prefix}other."}
    )

    with pytest.raises(ConfigurationError, match="pipeline topics create"):
        await serve(settings, asyncio.Event())
