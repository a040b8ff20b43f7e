"""A sink worker as it runs in production, until its standard input ends."""

from __future__ import annotations

import asyncio
import os
import sys

from pipeline.kafka.clients import KafkaAccess
from pipeline.settings import Settings
from pipeline.sinks.main import run


async def _until_told() -> None:
    settings = Settings()
    role = asyncio.create_task(run(settings, KafkaAccess(settings.kafka_bootstrap_servers)))
    told = asyncio.create_task(asyncio.to_thread(os.read, 0, 1))
    await asyncio.wait({role, told}, return_when=asyncio.FIRST_COMPLETED)
    if role.done():
        role.result()
    role.cancel()
    await asyncio.gather(role, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_until_told())
    sys.stdout.flush()
