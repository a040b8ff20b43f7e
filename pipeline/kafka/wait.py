"""Waits until Kafka answers, or says why it does not."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException

from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.errors import KafkaUnavailable

_HOPELESS = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._SSL,
    }
)
_ONE_TRY_SECONDS = 1.0


def wait_for_broker(access: KafkaAccess, timeout: float = 30, *, on_wait: Callable[[str], None] | None = None) -> int:
    """The number of brokers, once one answers.

    `on_wait` hears after each failed try why. Raises `KafkaUnavailable` after `timeout` seconds, and at once when
    waiting cannot help (credentials, certificates).
    """
    reasons: list[KafkaError] = []
    admin = access.admin({"error_cb": reasons.append})
    deadline = time.monotonic() + timeout
    while True:
        try:
            return len(admin.list_topics(timeout=_ONE_TRY_SECONDS).brokers)
        except KafkaException as error:
            failure: KafkaError = error.args[0]
        admin.poll(0)
        hopeless = [reason for reason in reasons if _is_hopeless(reason)]
        telling = [reason for reason in reasons if reason.code() != KafkaError._ALL_BROKERS_DOWN]
        why = (hopeless or telling or [failure])[-1].str()
        if hopeless:
            raise KafkaUnavailable(
                f"Kafka on {access.bootstrap_servers} refused us: {why}; check the KAFKA_SECURITY_PROTOCOL, "
                "KAFKA_SASL_* and KAFKA_SSL_* settings"
            )
        if time.monotonic() >= deadline:
            raise KafkaUnavailable(
                f"no Kafka broker answered on {access.bootstrap_servers} in {timeout:.0f} s ({why}); start it, or "
                "correct KAFKA_BOOTSTRAP_SERVERS"
            )
        if on_wait is not None:
            on_wait(why)


def _is_hopeless(reason: KafkaError) -> bool:
    # Where the listener speaks no TLS, librdkafka has only words for it, not a code.
    return reason.code() in _HOPELESS or "connecting to a PLAINTEXT broker listener" in reason.str()
