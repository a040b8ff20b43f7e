"""Each fault once, in its short form: nothing lost, nothing twice, nothing out of order, nothing left open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, cast

import pytest

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from tests.faults import table
from tests.faults.fault import Fault, Row, Size
from tests.faults.lab import Lab
from tests.faults.registry import FAULTS
from tests.faults.runner import Runner

pytestmark = pytest.mark.slow

SEED = 1
JOBS = 2

Rows = Mapping[str, "Future[Row]"]


@pytest.fixture(scope="module")
def rows(
    request: pytest.FixtureRequest, kafka: KafkaAccess, jars: JarSource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rows]:
    """Of the faults that were chosen, two at a time."""
    items = [cast(Any, item) for item in request.session.items if item.path == request.path]
    chosen: list[Fault] = [item.callspec.params["fault"] for item in items if hasattr(item, "callspec")]
    directory = tmp_path_factory.mktemp("faults")
    with Runner(lambda: Lab(kafka, directory, jars), SEED, Size.SHORT, JOBS) as runner:
        futures = runner.submit([(fault, 0) for fault in chosen])
        yield {fault.name: future for fault, future in zip(chosen, futures, strict=True)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_promises_hold_under(fault: Fault, rows: Rows) -> None:
    row = rows[fault.name].result()
    assert row.good, "\n" + table.line(fault, row)


def test_no_two_faults_have_one_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
