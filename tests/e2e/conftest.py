"""Machines: one for a test that kills things, one a module for those that only use it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.kafka.clients import KafkaAccess
from pipeline.sandbox.config import Organization
from tests.e2e.machine import Machine
from tests.e2e.twins import twins


@contextmanager
def running(
    access: KafkaAccess,
    directory: Path,
    organizations: Sequence[Organization] = (),
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Machine]:
    """A machine with topics and twins of its own; `organizations` are there besides the sandbox's."""
    with twins(organizations) as both:
        machine = Machine(access, f"e2e-{uuid.uuid4().hex[:8]}.", directory, both, environment=environment)
        try:
            yield machine
        finally:
            machine.close()


@pytest.fixture
def machine(kafka: KafkaAccess, tmp_path: Path) -> Iterator[Machine]:
    """With topics and twins of its own; nothing runs and nothing is connected yet."""
    with running(kafka, tmp_path) as made:
        yield made
