"""A Togai twin that listens, and a session that reaches it over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from pipeline.apps.base import Session
from pipeline.apps.togai import app
from pipeline.apps.transport import HttpTransport
from pipeline.sandbox.config import TogaiConfig
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.sandbox.togai.server import TogaiTwin

TOKEN = "a-secret-key-of-the-tests"
ADDRESS = {"line1": "1 Quay", "city": "Bergen", "country": "NO"}


class NoTokens:
    """Togai needs no token store: using it is an error."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"Togai used the token store: {name}")


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


def connected(base_url: str, transport: HttpTransport, token: str = TOKEN) -> Session:
    tokens: Any = NoTokens()
    settings = {"base_url": base_url}
    return app.session(
        settings=settings, secrets={"api_token": token}, api=transport, auth=transport, tokens=tokens, now=None
    )
