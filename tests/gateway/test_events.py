"""What `POST /events` accepts is on the broker when it answers; what it refuses is named, and nothing is half taken."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from pipeline.gateway.body import MAX_BODY_BYTES
from pipeline.kafka.clients import KafkaAccess
from pipeline.schemas.codec import Codec
from pipeline.schemas.contents import subjects_of
from pipeline.schemas.registry import SchemaRegistry
from pipeline.schemas.registry_client import RegistryAccess
from pipeline.schemas.topics import Topics
from pipeline.settings import Encoding
from tests.gateway.conftest import Gateway, serving

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def event(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "togai/togai-main",
        "type": "togai.account.created",
        "subject": "acc-1",
        "data": {"id": "acc-1", "name": "Acme", "total": 12.10},
        **changed,
    }


def test_a_structured_event_is_on_its_topic_under_its_party_when_it_is_answered(gateway: Gateway) -> None:
    answer = gateway.post(json.dumps(event()).encode(), f"{SINGLE}; charset=utf-8")

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "ids": ["e-1"]})
    [(key, stored)] = gateway.events()
    assert key == b"togai-main/acc-1"
    assert (stored.id, stored.connection, stored.party, stored.hint) == ("e-1", "togai-main", "acc-1", False)


def test_what_is_asked_for_twice_with_one_payload_is_two_events(gateway: Gateway) -> None:
    asked = {"specversion": "1.0", "source": "togai/togai-main", "type": "togai.on_demand", "data": {}}

    for _ in range(2):
        assert gateway.post(json.dumps(asked).encode(), SINGLE).status_code == 202

    stored = [each for _, each in gateway.events()]
    assert len({each.id for each in stored}) == 2
    assert [each.subject for each in stored] == [each.id for each in stored]
    assert {(each.party, each.hint) for each in stored} == {("on_demand", False)}


def test_a_batch_is_taken_whole_in_its_order(gateway: Gateway) -> None:
    events = [event(id=f"e-{number}", party="p") for number in range(50)]

    answer = gateway.post(json.dumps(events).encode(), BATCH)

    assert answer.status_code == 202
    assert answer.json()["ids"] == [f"e-{number}" for number in range(50)]
    assert [stored.id for _, stored in gateway.events()] == [f"e-{number}" for number in range(50)]


def test_one_invalid_event_keeps_the_whole_batch_out_and_each_is_named_by_index_and_code(gateway: Gateway) -> None:
    batch = [event(), event(type="slack.message"), event(type="togai.nothing"), event(subject="", data={}), {"a": 1}, 7]

    answer = gateway.post(json.dumps(batch).encode(), BATCH)

    assert answer.status_code == 400
    assert answer.json()["accepted"] == 0
    assert [(fault["index"], fault["code"]) for fault in answer.json()["errors"]] == [
        (1, "unknown_app"),
        (2, "unknown_trigger"),
        (3, "no_subject"),
        (4, "not_an_envelope"),
        (5, "not_an_envelope"),
    ]
    assert gateway.events() == []


def test_binary_mode_carries_its_attributes_in_headers(gateway: Gateway) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "e-1",
        "ce-type": "togai.account.created",
        "ce-source": "togai/togai-main",
        "ce-subject": "caf%C3%A9",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }

    answer = gateway.post(json.dumps({"id": "x", "name": "Café"}).encode(), "application/json", headers)

    assert answer.status_code == 202
    [(_, stored)] = gateway.events()
    assert (stored.id, stored.subject, stored.data["name"]) == ("e-1", "café", "Café")
    assert stored.traceparent == headers["traceparent"]


def test_an_event_without_an_id_gets_the_same_one_each_time(gateway: Gateway) -> None:
    without = {name: value for name, value in event().items() if name != "id"}
    answers = [gateway.post(json.dumps(without).encode(), "application/json").json() for _ in range(2)]

    assert answers[0]["ids"] == answers[1]["ids"]
    assert answers[0]["ids"][0]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", SINGLE, 400, "not_json"),
        (b"", SINGLE, 400, "empty"),
        (b"{}", BATCH, 400, "not_json"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "not_an_envelope"),
        (b"[" * 100_000, BATCH, 400, "not_json"),
        (json.dumps(event(specversion="0.3")).encode(), SINGLE, 400, "not_an_envelope"),
        (json.dumps(event(source="somewhere")).encode(), SINGLE, 400, "no_connection"),
        (b" " * (MAX_BODY_BYTES + 1), SINGLE, 413, "too_large"),
    ],
)
def test_what_is_no_event_is_refused_with_a_code_and_nothing_is_stored(
    gateway: Gateway, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = gateway.post(body, content_type)

    assert (answer.status_code, answer.json()["code"], answer.json()["accepted"]) == (status, code, 0)
    assert gateway.events() == []


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(gateway: Gateway) -> None:
    answer = gateway.client.post(
        "/events", content=(b" " * 65536 for _ in range(100)), headers={"content-type": SINGLE}
    )

    assert answer.status_code == 413


def test_an_event_larger_than_the_broker_takes_is_named_and_no_success_is_claimed(gateway: Gateway) -> None:
    answer = gateway.post(
        json.dumps(event(data={"id": "acc-1", "note": base64.b64encode(os.urandom(3_000_000)).decode()})).encode(),
        SINGLE,
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_health_and_readiness(gateway: Gateway) -> None:
    assert gateway.client.get("/health").status_code == 200
    assert gateway.client.get("/ready").json()["status"] == "ready"


def test_without_a_broker_it_is_up_but_not_ready_and_accepts_nothing() -> None:
    nowhere = KafkaAccess("127.0.0.1:1")
    with serving(nowhere, Topics("", 1, ("togai", "zohobooks")), delivery_seconds=1) as lonely:
        assert lonely.client.get("/health").status_code == 200
        assert lonely.client.get("/ready").status_code == 503
        answer = lonely.post(json.dumps(event()).encode(), SINGLE)

    assert (answer.status_code, answer.json()["accepted"]) == (503, 0)
    assert answer.headers["retry-after"]


def test_while_the_schema_registry_cannot_be_asked_the_sender_keeps_its_event(kafka: KafkaAccess) -> None:
    topics = Topics("away.", 2, ("togai", "zohobooks"))
    registry = SchemaRegistry(RegistryAccess.of("http://127.0.0.1:1", {}))

    with serving(kafka, topics, codec=Codec(Encoding.AVRO, registry, subjects_of(topics))) as gateway:
        answer = gateway.post(json.dumps(event()).encode(), SINGLE)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
