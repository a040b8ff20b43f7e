"""The twins as a process of their own: one JSON line when both listen, then until SIGTERM or the parent's end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence

from pipeline.sandbox.config import SandboxConfig, load
from pipeline.sandbox.server import TwinServer
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve. Exit code 2 for a bad configuration, 1 for a taken port."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.sandbox", description=__doc__)
    parser.add_argument("--config", default="configs/sandbox.yaml", help="the sandbox's YAML")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, help="Zoho Books on this port, Togai on the next (default: the config's)")
    parser.add_argument("--with-stdin", action="store_true", help="stop when standard input ends")
    parser.add_argument("--with-parent", action="store_true", help="stop when the starting process is gone")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config)
    except (ValueError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(
            serve(
                config,
                host=options.host,
                port=options.port,
                with_stdin=options.with_stdin,
                with_parent=options.with_parent,
            )
        )
    except OSError as error:
        print(f"sandbox: {error.strerror or error}; choose another with --port", file=sys.stderr)
        return 1
    return 0


async def serve(
    config: SandboxConfig,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    with_stdin: bool = False,
    with_parent: bool = False,
) -> None:
    """Serve both twins until told to stop. Raises OSError where a port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    zoho_port = config.zohobooks.port if port is None else port
    togai_port = config.togai.port if port is None else (port + 1 if port else 0)
    zohobooks = TwinServer(ZohoBooksTwin(config.zohobooks), host=host, port=zoho_port)
    togai = TwinServer(TogaiTwin(config.togai), host=host, port=togai_port)
    started: list[TwinServer] = []
    watchers: list[asyncio.Task[None]] = []
    try:
        zoho_url = f"http://{host}:{await zohobooks.start()}"
        started.append(zohobooks)
        togai_url = f"http://{host}:{await togai.start()}"
        started.append(togai)
        if with_stdin:
            watchers.append(loop.create_task(_stdin_ends(stop)))
        if with_parent:
            watchers.append(loop.create_task(_parent_ends(stop, os.getppid())))
        ready = {
            "pid": os.getpid(),
            "zohobooks": {"base_url": zoho_url, "accounts_url": zoho_url, "api_url": zoho_url},
            "togai": {"base_url": togai_url},
        }
        print(json.dumps(ready), flush=True)
        await stop.wait()
    finally:
        for watcher in watchers:
            watcher.cancel()
        for server in started:
            await server.stop()


async def _stdin_ends(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()


async def _parent_ends(stop: asyncio.Event, parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event for a parent's end
        await asyncio.sleep(0.3)
    stop.set()
