"""Fail points: off by default, exact when armed, and clear about what they do not know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.errors import ConfigurationError
from pipeline.failpoints import FailPointReached, arm, arm_from_environment, fail_point

POINT = "sinks.call.sending"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_nothing_happens_unless_armed() -> None:
    arm_from_environment({})
    fail_point(POINT)


def test_an_armed_point_fires_at_its_hit_and_once() -> None:
    arm(f"{POINT}=raise@2")
    fail_point(POINT)
    with pytest.raises(FailPointReached, match=POINT):
        fail_point(POINT)
    fail_point(POINT)


def test_kill_ends_the_process_by_sigkill() -> None:
    code = f"from pipeline.failpoints import *; arm('{POINT}=kill'); fail_point('{POINT}'); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, b"")


@pytest.mark.parametrize("text", ["nowhere=kill", f"{POINT}=explode", f"{POINT}=kill@soon", "kill"])
def test_a_point_or_effect_that_is_not_there_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names are"):
        arm(text)
