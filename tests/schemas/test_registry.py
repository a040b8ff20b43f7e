"""The schema registry: a real one (Apicurio) for the contract, the stand-in for what goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from pipeline.errors import ConfigurationError, Retry, Undecodable
from pipeline.schemas.codec import Codec, build_codec
from pipeline.schemas.contents import contents_of, subjects_of
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import LedgerRow, Link, Mapping, ObjectRef
from pipeline.schemas.registry import SchemaRegistry
from pipeline.schemas.registry_client import RegistryAccess
from pipeline.schemas.topics import Topics
from pipeline.settings import Settings
from tests.faults import schema_registry as stand_in
from tests.faults.schema_registry import FAILURES, NONSENSE, PROTOBUF, UNKNOWN, in_confluent

ROW = Mapping(other=ObjectRef(app="togai", type="account", id="acme"), time=datetime(2024, 8, 3, tzinfo=UTC))
EVENT = {"specversion": "1.0", "type": "togai.account.created", "source": "togai/main", "data": {"id": "acme"}}
APPS = ("togai", "zohobooks")
PATIENCE = 90.0
"""Seconds after which what does not answer never will."""

Found = TypeVar("Found")


def topics(prefix: str) -> Topics:
    return Topics(prefix, 1, APPS)


def avro_codec(url: str, prefix: str, *, register: bool = True) -> Codec:
    settings = Settings.model_validate(
        {"encoding": "avro", "SCHEMA_REGISTRY_URL": url, "register_schemas": register, "topic_prefix": prefix}
    )
    return build_codec(settings, topics(prefix))


def codec_of(url: str) -> Codec:
    """What only reads Avro."""
    return Codec(registry=SchemaRegistry(RegistryAccess.of(url, {})))


def answered(ask: Callable[[], Found]) -> Found:
    """As roles do, which are started again: a registry that is slow is asked again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except Retry:
            assert time.monotonic() < deadline
            time.sleep(0.1)


# --- with a real registry ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(schema_registry: str) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": schema_registry}) as made:
        yield made


def test_what_we_write_is_read_by_confluents_own_deserializer(
    schema_registry: str, client: SchemaRegistryClient, topic_prefix: str
) -> None:
    codec = avro_codec(schema_registry, topic_prefix)
    answered(codec.ready)

    topic = topics(topic_prefix).mappings
    read = AvroDeserializer(client)(codec.encode(ROW), SerializationContext(topic, MessageField.VALUE))

    assert read["other"] == {"app": "togai", "type": "account", "id": "acme"}
    assert read["time"] == ROW.time
    assert codec.decode(Mapping, codec.encode(ROW)) == ROW


def test_a_schema_is_registered_under_the_subject_of_every_topic_that_its_record_travels_on(
    schema_registry: str, client: SchemaRegistryClient, topic_prefix: str
) -> None:
    codec = avro_codec(schema_registry, topic_prefix)
    answered(codec.ready)

    ours = {subject for subject in client.get_subjects() if subject.startswith(topic_prefix)}
    assert ours == {f"{each.topic}-value" for each in contents_of(topics(topic_prefix)) if not each.private}
    for record, subjects in subjects_of(topics(topic_prefix)).items():
        ids = {client.get_latest_version(subject).schema_id for subject in subjects}
        assert len(ids) == 1, f"{record.__name__} has one id, whatever the subject"


def test_roles_that_start_at_once_write_under_the_same_ids(schema_registry: str, topic_prefix: str) -> None:
    codecs = [avro_codec(schema_registry, topic_prefix) for _ in range(3)]
    with ThreadPoolExecutor(len(codecs)) as pool:
        list(pool.map(answered, [codec.ready for codec in codecs]))
    assert len({codec.encode(ROW) for codec in codecs}) == 1


def test_what_only_our_workers_read_needs_no_registry(schema_registry: str, topic_prefix: str) -> None:
    codec = avro_codec(schema_registry, topic_prefix)
    answered(codec.ready)
    link = Link(id="l", flow="f", flow_version="1", connections={"togai": "main"})
    assert codec.encode(link).startswith(b"\xc3\x01")
    assert codec.encode(ROW).startswith(b"\x00")
    assert LedgerRow not in subjects_of(topics(topic_prefix))


def test_schemas_that_are_there_are_found_where_we_may_not_register(schema_registry: str, topic_prefix: str) -> None:
    forbidden = avro_codec(schema_registry, topic_prefix, register=False)
    with pytest.raises(ConfigurationError, match="PIPELINE_REGISTER_SCHEMAS=true"):
        answered(forbidden.ready)
    registering = avro_codec(schema_registry, topic_prefix)
    answered(registering.ready)
    answered(forbidden.ready)
    assert forbidden.encode(ROW) == registering.encode(ROW)


def test_a_schema_that_cannot_follow_those_of_its_subject_stops_the_start(
    schema_registry: str, client: SchemaRegistryClient, topic_prefix: str
) -> None:
    subject = f"{topics(topic_prefix).mappings}-value"
    before = {"type": "record", "name": "Mapping", "namespace": "pipeline", "fields": [{"name": "hash", "type": "int"}]}
    client.register_schema(subject, Schema(json.dumps(before), "AVRO"))
    client.set_compatibility(subject, "BACKWARD_TRANSITIVE")
    with pytest.raises(ConfigurationError, match=f"409 for subject {subject}"):
        answered(avro_codec(schema_registry, topic_prefix).ready)


def test_an_event_of_a_foreign_producer_is_read_by_its_own_schema_with_what_that_refers_to(
    schema_registry: str, client: SchemaRegistryClient, topic_prefix: str
) -> None:
    money = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    account = _record("Account", {"id": "string", "total": money}, namespace="shop")
    client.register_schema(f"{topic_prefix}account", Schema(json.dumps(account), "AVRO"))
    envelope = _record("CloudEvent", {"type": "string", "source": "string", "data": "shop.Account"})
    refers = [SchemaReference("shop.Account", f"{topic_prefix}account", 1)]
    topic = f"{topic_prefix}togai.events"
    write = AvroSerializer(client, Schema(json.dumps(envelope), "AVRO", refers))
    datum = {**EVENT, "data": {"id": "acme", "total": Decimal("1.50")}}
    value = write(datum, SerializationContext(topic, MessageField.VALUE))

    codec = codec_of(schema_registry)
    event = answered(lambda: codec.decode_event(value))

    assert event.type == "togai.account.created"
    assert event.data == {"id": "acme", "total": Decimal("1.50")}


def _record(name: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return {"type": "record", "name": name, "fields": listed, **more}


# --- with one that misbehaves -----------------------------------------------------------------------------------------


@pytest.fixture
def registry() -> Iterator[stand_in.SchemaRegistry]:
    with stand_in.schema_registry() as server:
        yield server


def test_each_id_is_asked_for_once(registry: stand_in.SchemaRegistry) -> None:
    codec = codec_of(registry.url)
    for _ in range(3):
        assert codec.decode_event(in_confluent(EVENT)).data == {"id": "acme"}
    assert registry.asked == [("GET", "/schemas/ids/1")]


def test_after_the_start_nothing_is_asked_for_what_we_write(registry: stand_in.SchemaRegistry) -> None:
    codec = avro_codec(registry.url, "")
    codec.ready()
    asked = list(registry.asked)
    registry.away = "reset"
    assert codec.decode(Event, codec.encode(Event(type="togai.account.created"))).type == "togai.account.created"
    assert registry.asked == asked


@pytest.mark.parametrize("id_", [PROTOBUF, NONSENSE, UNKNOWN])
def test_a_schema_that_is_no_avro_or_not_there_is_the_records_fault(
    registry: stand_in.SchemaRegistry, id_: int
) -> None:
    with pytest.raises(Undecodable) as caught:
        codec_of(registry.url).decode_event(in_confluent(EVENT, id_))
    assert caught.value.code == "unknown_schema"


@pytest.mark.parametrize("failure", FAILURES)
def test_a_registry_that_fails_is_not_the_records_fault_and_is_left_alone_for_a_while(
    registry: stand_in.SchemaRegistry, failure: str
) -> None:
    codec = codec_of(registry.url)
    registry.away = failure
    for _ in range(3):
        with pytest.raises(Retry):
            codec.decode_event(in_confluent(EVENT))
    assert len(registry.asked) == 1


@pytest.mark.parametrize("failure", FAILURES)
def test_nothing_begins_while_our_schemas_cannot_be_registered(registry: stand_in.SchemaRegistry, failure: str) -> None:
    registry.away = failure
    with pytest.raises(Retry, match="the schema registry"):
        avro_codec(registry.url, "").ready()


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "BASIC_AUTH_USER_INFO"), (403, "REGISTER_SCHEMAS"), (409, "docs")]
)
def test_a_refusal_says_what_a_person_can_mend(registry: stand_in.SchemaRegistry, status: int, remedy: str) -> None:
    registry.refuses = status
    with pytest.raises(ConfigurationError, match=remedy):
        avro_codec(registry.url, "").ready()


# --- credentials ------------------------------------------------------------------------------------------------------

READER = "Basic cmVhZGVyOnNlY3JldA=="


def test_credentials_of_the_address_and_of_the_environment_are_sent_alike(registry: stand_in.SchemaRegistry) -> None:
    in_address = registry.url.replace("http://", "http://reader:secret@")
    for access in (
        RegistryAccess.of(in_address, {}),
        RegistryAccess.of(registry.url, {"SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": "reader:secret"}),
    ):
        SchemaRegistry(access).schema(1)
        assert "secret" not in repr(access)
    assert registry.credentials == {READER}


def test_a_bearer_token_is_sent(registry: stand_in.SchemaRegistry) -> None:
    environ = {
        "SCHEMA_REGISTRY_BEARER_AUTH_CREDENTIALS_SOURCE": "STATIC_TOKEN",
        "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN": "t0ken",
        "SCHEMA_REGISTRY_BEARER_AUTH_LOGICAL_CLUSTER": "lsrc-1",
        "SCHEMA_REGISTRY_SERVICE_HOST": "10.0.0.1",
    }
    SchemaRegistry(RegistryAccess.of(registry.url, environ)).schema(1)
    assert registry.credentials == {"Bearer t0ken"}


def test_an_error_never_holds_the_credentials() -> None:
    access = RegistryAccess.of("http://reader:secret@127.0.0.1:1", {})
    with pytest.raises(Retry) as caught:
        SchemaRegistry(access).schema(1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("ftp://registry", {}),
        ("http://one:a@registry", {"SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": "two:b"}),
        ("http://registry", {"SCHEMA_REGISTRY_BASIC_AUTH_USER": "two"}),
        ("http://registry", {"SCHEMA_REGISTRY_SSL_CA_LOCATION": "/nowhere.pem"}),
        ("http://registry", {"SCHEMA_REGISTRY_BEARER_AUTH_CREDENTIALS_SOURCE": "MAGIC"}),
    ],
)
def test_settings_that_do_not_work_are_said_before_anything_starts(url: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY_"):
        SchemaRegistry(RegistryAccess.of(url, environ)).check()
