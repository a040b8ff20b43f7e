"""Run a twin in a thread of a test, or both in one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.sandbox.clock import Clock
from pipeline.sandbox.faults import Fault, Faults
from pipeline.sandbox.ledger import Ledger
from pipeline.sandbox.server import TwinServer
from pipeline.sandbox.twin import Twin

T = TypeVar("T", bound=Twin)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Served(Generic[T]):
    """A twin that listens. Read its ledger freely; change its state through `call`, which runs on its own loop."""

    base_url: str
    twin: T
    _loop: asyncio.AbstractEventLoop

    @property
    def ledger(self) -> Ledger:
        return self.twin.ledger

    @property
    def faults(self) -> Faults:
        return self.twin.faults

    @property
    def clock(self) -> Clock:
        return self.twin.clock

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    def call(self, function: Callable[[], R]) -> R:
        """Run `function` on the twin's loop and give its result, or raise what it raised."""

        async def run() -> R:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def place(self, fault: Fault) -> int:
        """Place a fault; gives its number."""
        return self.call(lambda: self.twin.faults.place(fault))


@contextmanager
def serve_in_thread(twin: T, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Served[T]]:
    """Serve `twin` until the block ends. Raises OSError where the port is taken. The twin may be served again."""
    ready: threading.Event = threading.Event()
    outcome: list[Served[T] | BaseException] = []
    finish: list[Callable[[], object]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        server = TwinServer(twin, host=host, port=port)
        try:
            bound = await server.start()
        except OSError as error:
            outcome.append(error)
            ready.set()
            return
        finish.append(lambda: loop.call_soon_threadsafe(done.set))
        outcome.append(Served(f"http://{host}:{bound}", twin, loop))
        ready.set()
        await done.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name=f"twin-{twin.name}", daemon=True)
    thread.start()
    ready.wait()
    served = outcome[0]
    if isinstance(served, BaseException):
        thread.join()
        raise served
    try:
        yield served
    finally:
        finish[0]()
        thread.join()
