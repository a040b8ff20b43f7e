"""A schema registry that misbehaves: for what a real one (`tests.apicurio`) does not do when it is asked to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from pipeline.sandbox.wire import Json, encode
from pipeline.schemas.avro.files import FOLDER
from pipeline.schemas.codec import Codec
from pipeline.schemas.envelope import Event
from pipeline.settings import Encoding

EVENT, PROTOBUF, NONSENSE, UNKNOWN = 1, 2, 3, 404
"""Schema ids: of our events, of what is no Avro, of what is no schema, and of none."""
MORE = range(1000, 2000)
"""Ids of our events as well, for readers that know what they have seen."""
FIRST_GIVEN = 2000
FAILURES = ("503", "page", "reset")
_MARK = 10
"""Bytes of the single-object framing."""


class SchemaRegistry(ThreadingHTTPServer):
    """`away`: None, or how it fails: ``503``, ``page`` (200 with HTML), ``reset`` (hangs up).

    `refuses`: the status of every registration, 0 where they get an id. `asked` holds each request's method and path,
    `credentials` what it was authorized by.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.away: str | None = None
        self.refuses = 0
        self.given: dict[bytes, int] = {}
        """Ids by the schema that was registered."""
        self.asked: list[tuple[str, str]] = []
        self.credentials: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: SchemaRegistry

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        given = {f"/schemas/ids/{id_}": text for text, id_ in self.server.given.items()}
        found = _schemas().get(path) or given.get(path)
        self._answer(200 if found else 404, found or b'{"error_code":40403,"message":"Schema not found"}')

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        refused, given = self.server.refuses, self.server.given
        id_ = given.setdefault(text, FIRST_GIVEN + len(given))
        self._answer(refused or 200, b'{"error_code":%d,"message":"no"}' % refused if refused else b'{"id":%d}' % id_)

    def _answer(self, status: int, body: bytes) -> None:
        self.server.asked.append((self.command, urlsplit(self.path).path))
        self.server.credentials.add(self.headers.get("Authorization", ""))
        if self.server.away == "reset":
            self.close_connection = True
            return
        if self.server.away is not None:
            status, body = (503, b"down") if self.server.away == "503" else (200, b"<html>Please log in</html>")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@cache
def _schemas() -> dict[str, bytes]:
    event = (FOLDER / "Event.avsc").read_text(encoding="utf-8")
    rows: dict[int, Json] = {
        **{id_: {"schema": event} for id_ in (EVENT, *MORE)},
        PROTOBUF: {"schema": "{}", "schemaType": "PROTOBUF"},
        NONSENSE: {"schema": '{"type":"nonsense"}'},
    }
    return {f"/schemas/ids/{id_}": json.dumps(row).encode() for id_, row in rows.items()}


@contextmanager
def schema_registry() -> Iterator[SchemaRegistry]:
    server = SchemaRegistry()
    thread = threading.Thread(target=server.serve_forever, name="schema-registry")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_avro(event: Json) -> bytes:
    """`event` in Avro's single-object encoding."""
    codec = Codec(Encoding.AVRO)
    return codec.encode(codec.decode(Event, encode(event)))


def in_confluent(event: Json, id_: int = EVENT) -> bytes:
    """`event` in the Confluent wire format, under any schema id."""
    return b"\x00" + id_.to_bytes(4, "big") + in_avro(event)[_MARK:]
