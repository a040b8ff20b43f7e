"""Faust's own group must not hold up the successor of a killed worker for Faust's default of a minute."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pipeline.agents.app import build_app
from pipeline.agents.evaluate import Evaluator
from pipeline.kafka.clients import KafkaAccess


def test_fausts_session_is_as_short_as_that_of_our_own_group(tmp_path: Path) -> None:
    app = build_app(
        cast(Evaluator, None),
        KafkaAccess("127.0.0.1:9"),
        name="agents",
        topics=["events"],
        incidents="dead-letters",
        batch_size=10,
        state_dir=tmp_path,
        session_timeout=3.0,
    )

    assert app.conf.broker_session_timeout == 3.0
    assert app.conf.broker_heartbeat_interval < 3.0
