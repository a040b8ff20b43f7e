"""Takes webhooks over HTTP and keeps them as they came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Taken:
    """One delivery; header names in lower case, the query's pairs decoded."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


class Receiver:
    """`url` is where it listens."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.taken.append(Taken(parts.path, parse_qsl(parts.query), headers, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def until(self, holds: Callable[[list[Taken]], bool], what: str) -> list[Taken]:
        """Wait for it."""
        deadline = time.monotonic() + 10
        while not holds(self.taken):
            assert time.monotonic() < deadline, f"{what}: {[each.path for each in self.taken]}"
            time.sleep(0.01)
        return self.taken


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()
