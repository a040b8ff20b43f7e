"""Served twins on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from pipeline.sandbox.clock import VirtualClock
from pipeline.sandbox.serve import serve_in_thread
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin
from tests.sandbox.support import Togai, Zoho, sandbox_config


@pytest.fixture
def zoho() -> Iterator[Zoho]:
    with serve_in_thread(ZohoBooksTwin(sandbox_config().zohobooks, clock=VirtualClock())) as served:
        client = Zoho(served)
        yield client
        client.http.close()


@pytest.fixture
def togai() -> Iterator[Togai]:
    config = msgspec.structs.replace(sandbox_config().togai, per_second=None)
    with serve_in_thread(TogaiTwin(config, clock=VirtualClock())) as served:
        client = Togai(served)
        yield client
        client.http.close()
