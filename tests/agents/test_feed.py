from __future__ import annotations

from typing import Any

import faust

from pipeline.agents.feed import IN_FLIGHT, BatchChannel


async def test_a_rebalance_of_fausts_own_consumer_takes_no_batch_away() -> None:
    app = faust.App("feed", broker="kafka://127.0.0.1:9", web_enabled=False)
    channel = BatchChannel(app)
    reader = channel.clone(is_iterator=True)
    batch: Any = object()

    await channel.put(batch)
    app.flow_control.suspend()
    app.flow_control.clear()

    assert await anext(aiter(reader)) is batch


async def test_putting_a_batch_never_waits_so_that_batches_keep_their_order() -> None:
    app = faust.App("feed", broker="kafka://127.0.0.1:9", web_enabled=False)

    assert BatchChannel(app).clone(is_iterator=True).queue.maxsize == IN_FLIGHT
