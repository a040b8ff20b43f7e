"""The twin's webhooks: unsigned, at most once, in the background, as little as Togai promises.

Togai's webhooks page names the event kinds and nothing else: no body, no signature, no retry. The body's shape is
therefore a choice of each hook; a delivery that fails is gone.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import msgspec

from pipeline.sandbox.config import Hook
from pipeline.sandbox.wire import Json, encode

TIMEOUT = 2.0
AT_ONCE = 16


class HookFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chances that an event is dropped or sent twice; `reorder` events are held back and sent in a drawn order."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: int = 0
    seed: int = 1


class Hooks:
    """The registered hooks, and what became of their deliveries."""

    def __init__(self, hooks: list[Hook]) -> None:
        self.hooks = list(hooks)
        self.queued = 0
        self.delivered = 0
        self.failed = 0
        self.dropped = 0
        self._waiting: list[tuple[str, bytes]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self.set_faults(HookFaults())

    def set_faults(self, faults: HookFaults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - repeatable chance, not a secret

    def emit(self, kind: str, data: Json) -> None:
        """Something happened to `data`, which is sent as it is now to all hooks of this kind."""
        for hook in self.hooks:
            if hook.kind not in (kind, "*"):
                continue
            if self._random.random() < self._faults.drop:
                self.dropped += 1
                continue
            copies = 2 if self._random.random() < self._faults.duplicate else 1
            self._waiting.extend([(hook.url, _body(hook, kind, data))] * copies)
            self.queued += copies
        if len(self._waiting) > self._faults.reorder:
            self.flush()

    def flush(self) -> None:
        """Send what waits. Before the server runs, events stay queued."""
        if self._session is None:
            return
        waiting, self._waiting = self._waiting, []
        if self._faults.reorder:
            self._random.shuffle(waiting)
        for url, body in waiting:
            task = asyncio.get_running_loop().create_task(self._deliver(self._session, url, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT))
        self.flush()

    async def stop(self) -> None:
        """What is on its way is cut off."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def counters(self) -> dict[str, Any]:
        """`queued` = delivered + failed + those still under way."""
        return {
            "queued": self.queued,
            "delivered": self.delivered,
            "failed": self.failed,
            "dropped": self.dropped,
            "waiting": len(self._waiting) + len(self._tasks),
        }

    async def _deliver(self, session: aiohttp.ClientSession, url: str, body: bytes) -> None:
        async with self._at_once:
            try:
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()
                    accepted = answer.status < 300
            except (aiohttp.ClientError, TimeoutError):
                accepted = False
        self.delivered += accepted
        self.failed += not accepted


def _body(hook: Hook, kind: str, data: Json) -> bytes:
    match hook.shape:
        case "bare":
            return encode(data)
        case "payload":
            return encode({"payload": data})
        case "event":
            return encode({"eventName": kind, "data": data})
        case "list":
            return encode([data])
