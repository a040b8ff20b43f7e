"""Client settings by environment: all that librdkafka knows, none that would break a guarantee."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigurationError
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.faust_access import faust_access
from pipeline.kafka.options import options_from_environment

TLS = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "pipeline",
    "KAFKA_SASL_PASSWORD": "s3cret",
}


def test_any_setting_of_the_client_comes_by_its_name() -> None:
    options = options_from_environment({**TLS, "KAFKA_FETCH_WAIT_MAX_MS": "20", "KAFKA_LOG_LEVEL": "3", "PATH": "/bin"})

    assert options == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "pipeline",
        "sasl.password": "s3cret",
        "fetch.wait.max.ms": "20",
        "log_level": "3",
    }


@pytest.mark.parametrize(
    "variable",
    ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_HEAP_OPTS", "KAFKA_HOME", "KAFKA_SERVICE_HOST", "KAFKA_PORT_9092_TCP_ADDR"],
)
def test_what_other_programs_are_told_is_left_alone(variable: str) -> None:
    assert options_from_environment({variable: "tcp://10.0.0.1:9092"}) == {}


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("KAFKA_ENABLE_AUTO_COMMIT", "work is lost"),
        ("KAFKA_ISOLATION_LEVEL", "rolled back"),
        ("KAFKA_TRANSACTIONAL_ID", "fence each other"),
        ("KAFKA_AUTO_OFFSET_RESET", "skip"),
        ("KAFKA_PARTITIONER", "one partition"),
        ("KAFKA_GROUP_REMOTE_ASSIGNOR", "only range"),
        ("KAFKA_SASL_USRNAME", "no setting sasl.usrname"),
        ("KAFKA_SECURITY_PROTOCOL", "Invalid value"),
        ("KAFKA_SESSION_TIMEOUT_MS", "the group's own setting on the broker"),
    ],
)
def test_a_setting_that_breaks_a_guarantee_or_is_unknown_is_refused_with_its_reason(variable: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        options_from_environment({variable: "7000"})


def test_secrets_never_show() -> None:
    access = KafkaAccess.from_environment("broker.test:9093", TLS)

    assert "s3cret" not in repr(access) + repr(faust_access(access))


def test_each_kind_of_client_gets_only_the_settings_that_it_knows(caplog: pytest.LogCaptureFixture) -> None:
    mixed = {
        "KAFKA_FETCH_MIN_BYTES": "2",
        "KAFKA_MAX_POLL_INTERVAL_MS": "130000",
        "KAFKA_QUEUED_MIN_MESSAGES": "9000",
        "KAFKA_LINGER_MS": "3",
        "KAFKA_COMPRESSION_TYPE": "zstd",
        "KAFKA_RETRY_BACKOFF_MS": "7",
        "KAFKA_CLIENT_RACK": "a",
        "KAFKA_GROUP_INSTANCE_ID": "one",
    }
    access = KafkaAccess.from_environment("127.0.0.1:1", mixed)

    consumers = [access.consumer("g"), access.reader()]
    access.producer().poll(0.05)
    access.admin().poll(0.05)
    for consumer in consumers:
        consumer.poll(0.05)
        consumer.close()

    assert [text for text in caplog.messages if "property and will be ignored" in text] == []


def test_a_cluster_older_than_kafka_4_gets_the_classic_protocol_with_range() -> None:
    access = KafkaAccess.from_environment(
        "127.0.0.1:1", {"KAFKA_GROUP_PROTOCOL": "classic", "KAFKA_SESSION_TIMEOUT_MS": "6000"}
    )

    access.consumer("g").close()


def test_faust_gets_the_same_brokers_and_credentials() -> None:
    from faust.auth import SASLCredentials

    found = faust_access(KafkaAccess.from_environment("a.test:9093, b.test:9094", TLS))

    assert found.broker == "aiokafka://a.test:9093;aiokafka://b.test:9094"
    assert isinstance(found.broker_credentials, SASLCredentials)
    assert found.broker_credentials.protocol.value == "SASL_SSL"
    assert found.broker_credentials.mechanism.value == "SCRAM-SHA-512"
    assert found.broker_credentials.ssl_context is not None
    assert faust_access(KafkaAccess("a.test:9092")).broker_credentials is None


def test_faust_reads_the_list_of_brokers_as_one() -> None:
    import faust

    app = faust.App("urls", broker=faust_access(KafkaAccess("a.test:9092,b.test:9093")).broker)

    assert [(url.host, url.port) for url in app.conf.broker] == [("a.test", 9092), ("b.test", 9093)]


def test_what_fausts_client_cannot_do_is_refused_with_what_it_can() -> None:
    oauth = KafkaAccess("a.test:9093", {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"})

    with pytest.raises(ConfigurationError, match="use PLAIN or SCRAM-SHA-512"):
        faust_access(oauth)
