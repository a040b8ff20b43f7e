"""Togai twins that listen, and what reaches them over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from pipeline.apps.base import Session
from pipeline.apps.transport import HttpTransport
from pipeline.sandbox.config import TogaiConfig
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.sandbox.togai.server import TogaiTwin
from tests.apps.togai.support import ADDRESS, TOKEN, connected
from tests.apps.togai.world import World, a_twin, a_world


@pytest.fixture
def togai() -> Iterator[Served[TogaiTwin]]:
    with serve_in_thread(TogaiTwin(TogaiConfig(tokens=[TOKEN]))) as served:
        state = served.twin.state
        body = {"id": "acme", "name": "Acme", "primaryEmail": "ap@acme.example", "address": ADDRESS}
        served.call(lambda: state.create_customer({**body, "account": {"id": "acme/1.a", "name": "Acme 1"}}))
        yield served


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    opened = HttpTransport(total_timeout=5)
    yield opened
    await opened.close()


@pytest.fixture
def session(togai: Served[TogaiTwin], transport: HttpTransport) -> Session:
    return connected(togai.base_url, transport)


@pytest.fixture
def world(transport: HttpTransport) -> Iterator[World]:
    """A twin of its own, on a clock that only the test moves."""
    with serve_in_thread(a_twin()) as served:
        yield a_world(served, connected(served.base_url, transport))
