"""What the log leaves out."""

from __future__ import annotations

import logging

from pipeline.cli.logs import Seldom


def said(name: str, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)


def test_a_kafka_clients_complaint_is_heard_once_in_ten_seconds() -> None:
    time = [0.0]
    seldom = Seldom(lambda: time[0])

    assert seldom.filter(said("pipeline.kafka.clients", "FAIL [producer-3]: refused (after 0ms)"))
    assert not seldom.filter(said("pipeline.kafka.clients", "FAIL [producer-4]: refused (after 12ms)"))
    assert seldom.filter(said("pipeline.kafka.clients", "GETPID [producer-4]: refused"))
    time[0] = 10.0
    assert seldom.filter(said("pipeline.kafka.clients", "FAIL [producer-3]: refused (after 0ms)"))


def test_what_others_say_is_always_heard() -> None:
    seldom = Seldom(lambda: 0.0)

    assert all(seldom.filter(said("pipeline.sinks.worker", "connection stopped")) for _ in range(3))
