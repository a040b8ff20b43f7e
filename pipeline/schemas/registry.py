"""Schemas by id from a Confluent-compatible schema registry: one look-up an id, kept for the life of the process.

Plain `GET /schemas/ids/{id}`, so that reading needs no more than an HTTP client.
https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

from typing import Any

import fastavro
import httpx
import msgspec

from pipeline.errors import Retry, Undecodable

TIMEOUT_SECONDS = 10.0


class SchemaRegistry:
    """Looks writer schemas up at `url`, which may hold a user and a password (sent as basic authentication)."""

    def __init__(self, url: str) -> None:
        parsed = httpx.URL(url)
        self._auth = (parsed.username, parsed.password) if parsed.userinfo else None
        self._base = str(parsed.copy_with(username="", password="")).rstrip("/")
        self._known: dict[int, Any] = {}

    def schema(self, id_: int) -> Any:
        """The parsed Avro schema.

        Raises `Undecodable` (``unknown_schema``) where the registry has none such, or not an Avro one, and `Retry`
        where the registry itself fails: then the record is not at fault, and must not be passed over.
        """
        known = self._known.get(id_)
        if known is None:
            known = self._known[id_] = self._parse(self._get(f"/schemas/ids/{id_}", id_), id_, {})
        return known

    def _parse(self, answer: Any, id_: int, named: dict[str, Any]) -> Any:
        kind = answer.get("schemaType", "AVRO")
        if kind != "AVRO":
            raise Undecodable("unknown_schema", f"schema {id_} is of type {kind}: only Avro can be read")
        for reference in answer.get("references", ()):
            path = f"/subjects/{reference['subject']}/versions/{reference['version']}"
            self._parse(self._get(path, id_), id_, named)
        try:
            return fastavro.parse_schema(msgspec.json.decode(answer["schema"]), named_schemas=named)
        except (ValueError, LookupError, fastavro.schema.SchemaParseException) as error:
            raise Undecodable("unknown_schema", f"schema {id_} of the registry is no Avro schema: {error}") from error

    def _get(self, path: str, id_: int) -> Any:
        accept = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        try:
            answer = httpx.get(self._base + path, auth=self._auth, headers=accept, timeout=TIMEOUT_SECONDS)
        except httpx.TransportError as error:
            raise Retry(f"the schema registry at {self._base} cannot be reached: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Undecodable("unknown_schema", f"the schema registry has no schema {id_}")
        if answer.status_code != httpx.codes.OK:
            raise Retry(
                f"the schema registry at {self._base} answers {answer.status_code} for schema {id_}",
                code=str(answer.status_code),
            )
        return answer.json()
