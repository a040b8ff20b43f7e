"""Schemas by id from a Confluent-compatible schema registry: one look-up an id, kept for the life of the process.

Plain `GET /schemas/ids/{id}`, so that reading needs no more than an HTTP client.
https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import fastavro
import httpx
import msgspec

from pipeline.errors import Retry, Undecodable

TIMEOUT_SECONDS = 3.0
"""Whoever decodes waits for a look-up, and with it everything that it works on."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, fastavro.schema.SchemaParseException)
"""What an answer raises that is no schema: not JSON, not of the API's shape, or not Avro."""


class SchemaRegistry:
    """Looks writer schemas up at `url`, which may hold a user and a password (sent as basic authentication).

    After a failure it is left alone for a pause that grows: meanwhile every look-up fails at once.
    """

    def __init__(self, url: str) -> None:
        parsed = httpx.URL(url)
        self._auth = (parsed.username, parsed.password) if parsed.userinfo else None
        self._base = str(parsed.copy_with(username="", password="", query=None)).rstrip("/")
        self._known: dict[int, Any] = {}
        self._failure = ""
        self._pause = FIRST_PAUSE_SECONDS
        self._not_before = 0.0

    def schema(self, id_: int) -> Any:
        """The parsed Avro schema.

        Raises `Undecodable` (``unknown_schema``) where the registry has none such, or not an Avro one, and `Retry`
        where the registry itself fails: then the record is not at fault, and must not be passed over.
        """
        known = self._known.get(id_)
        if known is None:
            known = self._known[id_] = self._look_up(id_)
        return known

    def _look_up(self, id_: int) -> Any:
        if time.monotonic() < self._not_before:
            raise Retry(self._failure)
        try:
            found = self._parse(self._get(f"/schemas/ids/{id_}", id_), id_, {})
        except Retry as failure:
            self._failure = str(failure)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            raise
        self._pause = FIRST_PAUSE_SECONDS
        return found

    def _parse(self, answer: Any, id_: int, named: dict[str, Any]) -> Any:
        try:
            kind, text, references = answer.get("schemaType", "AVRO"), answer["schema"], answer.get("references", ())
            paths = [f"/subjects/{quote(each['subject'], safe='')}/versions/{each['version']}" for each in references]
        except _BROKEN as error:
            raise Retry(f"the schema registry at {self._base} answers no schema for id {id_}: {error!r}") from error
        if kind != "AVRO":
            raise Undecodable("unknown_schema", f"schema {id_} is of type {kind}: only Avro can be read")
        for path in paths:
            self._parse(self._get(path, id_), id_, named)
        try:
            return fastavro.parse_schema(msgspec.json.decode(text), named_schemas=named)
        except _BROKEN as error:
            raise Undecodable("unknown_schema", f"schema {id_} of the registry is no Avro schema: {error}") from error

    def _get(self, path: str, id_: int) -> Any:
        accept = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        try:
            answer = httpx.get(self._base + path, auth=self._auth, headers=accept, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise Retry(f"the schema registry at {self._base} cannot be reached: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Undecodable("unknown_schema", f"the schema registry has no schema {id_}")
        if answer.status_code != httpx.codes.OK:
            raise Retry(
                f"the schema registry at {self._base} answers {answer.status_code} for schema {id_}",
                code=str(answer.status_code),
            )
        try:
            return answer.json()
        except ValueError as error:
            raise Retry(f"what answers for the schema registry at {self._base} is none: no JSON") from error
