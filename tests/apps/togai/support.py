"""A session that reaches a Togai twin over real HTTP."""

from __future__ import annotations

from typing import Any

from pipeline.apps.base import Session
from pipeline.apps.togai import app
from pipeline.apps.transport import HttpTransport

TOKEN = "a-secret-key-of-the-tests"
ADDRESS = {"line1": "1 Quay", "city": "Bergen", "country": "NO"}


class NoTokens:
    """Togai needs no token store: using it is an error."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"Togai used the token store: {name}")


def connected(base_url: str, transport: HttpTransport, token: str = TOKEN) -> Session:
    tokens: Any = NoTokens()
    settings = {"base_url": base_url}
    return app.session(
        settings=settings, secrets={"api_token": token}, api=transport, auth=transport, tokens=tokens, now=None
    )
