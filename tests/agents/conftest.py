from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kafka.clients import KafkaAccess
from tests.agents.house import House


@pytest.fixture
def house(kafka: KafkaAccess, topic_prefix: str, tmp_path: Path) -> House:
    """An installation with the account flow switched on and no worker."""
    house = House(kafka, topic_prefix, tmp_path)
    house.switch_on()
    return house
