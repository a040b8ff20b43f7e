"""A Zoho Books twin over HTTP, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pipeline.sandbox.serve import serve_in_thread
from tests.apps.zohobooks.support import Zoho, sandbox


@pytest.fixture
async def zoho() -> AsyncIterator[Zoho]:
    with serve_in_thread(sandbox()) as served:
        made = Zoho(served)
        yield made
        await made.http.close()
