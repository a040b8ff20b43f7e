"""Each fault once, in its short form: nothing lost, nothing twice, nothing out of order, nothing left open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from tests.faults import table
from tests.faults.__main__ import run
from tests.faults.fault import Fault, Size
from tests.faults.lab import Lab
from tests.faults.registry import FAULTS

pytestmark = pytest.mark.slow

SEED = 1


@pytest.fixture(scope="module")
def lab(kafka: KafkaAccess, jars: JarSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(kafka, tmp_path_factory.mktemp("faults"), jars)
    yield made
    made.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_promises_hold_under(fault: Fault, lab: Lab) -> None:
    row = run(fault, lab, SEED, 0, Size.SHORT)
    assert row.good, "\n" + table.line(fault, row)


def test_no_two_faults_have_one_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
