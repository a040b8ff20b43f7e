"""Why a broker ended, in one line."""

from __future__ import annotations

import pytest

from pipeline.kafka.broker_log import why_it_ended

STACK = """\
2026-11-24T00:15:05,985 INFO [LogLoader partition=__cluster_metadata-0] Loading (org.apache.kafka.LogLoader)
2026-11-24T00:15:06,012 ERROR Encountered fatal fault: Error starting LogManager (org.apache.kafka.FaultHandler)
java.lang.RuntimeException: broken
\tat kafka.server.BrokerServer.startup(BrokerServer.scala:600) ~[kafka_2.13-4.3.1.jar:?]
Caused by: org.apache.kafka.common.KafkaException: Stored node id 7 does not match
\tat kafka.tools.Thing.run(Thing.java:1)
2026-11-24T00:15:06,112 INFO shut down completely (kafka.server.KafkaRequestHandlerPool)
"""


@pytest.mark.parametrize(
    ("log", "output", "line"),
    [
        (STACK, "", "Stored node id 7 does not match"),
        ("ERROR Disk error\njava.io.IOException: No space left on device\n", "", "the disk is full"),
        (
            "2026-11-24T00:15:06,012 ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)\n"
            "java.lang.RuntimeException: Stored node id 7 doesn't match\n\tat kafka.Kafka.main(Kafka.scala:1)\n",
            "",
            "fatal exception (kafka.Kafka$): RuntimeException: Stored node id 7 doesn't match",
        ),
        (
            "Caused by: org.apache.kafka.common.KafkaException: Socket server failed to bind to "
            "127.0.0.1:29192: Address already in use.\n",
            "",
            "the port is taken (127.0.0.1:29192)",
        ),
        ("", "Error: Could not find or load main class kafka.Kafka\n\n", "Could not find or load main class"),
        ("2026-11-24T00:15:06,112 INFO shutting down (kafka)\n", "", "shutting down"),
        ("", "", "it said nothing"),
    ],
)
def test_the_log_gives_the_cause(log: str, output: str, line: str) -> None:
    why = why_it_ended(log, output)

    assert line in why
    assert "\n" not in why
