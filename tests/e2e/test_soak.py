"""Both directions at once, with every flow of the catalogue: the short form of `python -m tests.e2e.soak`."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.cli.run import Role
from pipeline.kafka.clients import KafkaAccess
from tests.e2e.conftest import running
from tests.e2e.record import counted
from tests.e2e.soak.soak import WRITES_AN_EDIT, soak

EDITS = int(os.environ.get("SOAK_EDITS", "100"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


def test_with_all_flows_on_both_apps_agree_in_the_end_nothing_is_there_twice_and_all_calls_stop(
    kafka: KafkaAccess, tmp_path: Path
) -> None:
    with running(kafka, tmp_path) as machine:
        machine.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
        machine.until_ready()
        done = soak(machine, edits=EDITS, seed=SEED)
        assert not counted(result.command for result in machine.record.results)
    print(done)
    assert done.differences == [], done
    assert done.after == 0, done
    assert done.refused == [], done
    assert done.writes <= WRITES_AN_EDIT * EDITS, done
    assert done.verdicts["echo"] > 0, done
    assert done.hooks["dropped"] > 0, done
