"""Schemas of a Confluent-compatible schema registry, each asked for once and kept for the life of the process.

Reading finds the writer's schema by its id. Writing needs the id of ours, registered under the subjects of the topics
that they travel on. https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import fastavro
import msgspec

from pipeline.errors import ConfigurationError, Retry, Undecodable
from pipeline.schemas.registry_client import RegistryAccess

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0

_NOT_FOUND = 404
_REFUSALS = {
    400: "check SCHEMA_REGISTRY_URL",
    401: "check SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO or SCHEMA_REGISTRY_BEARER_AUTH_*",
    403: "give our user the right to write there, or set PIPELINE_REGISTER_SCHEMAS=false",
    404: "check SCHEMA_REGISTRY_URL",
    405: "check SCHEMA_REGISTRY_URL",
    409: "our schema cannot follow those of the subject: docs/formats.md says what to do",
    422: "check what the registry demands of schemas",
}
"""What a person can mend, by the status that a registration ended with."""
_SAID = 300
"""Characters of an answer that an error repeats: some are whole pages."""
_NO_SCHEMA = (ValueError, LookupError, TypeError, AttributeError, RecursionError, fastavro.schema.SchemaParseException)
"""What a text raises that is no JSON, or no Avro."""

Found = TypeVar("Found")


class SchemaRegistry:
    """`register`: whether schemas that it does not have are registered, or have to be there.

    Asked so seldom that no connection is kept. After a failure it is left alone for a pause that grows: meanwhile
    whoever asks fails at once.
    """

    def __init__(self, access: RegistryAccess, *, register: bool = True) -> None:
        self._access = access
        self._register = register
        self._known: dict[int, Any] = {}
        self._failure = ""
        self._pause = FIRST_PAUSE_SECONDS
        self._not_before = 0.0

    def check(self) -> None:
        """Asks nothing. Raises `ConfigurationError` for settings that the client does not take."""
        self._access.client().close()

    def schema(self, id_: int) -> Any:
        """The parsed Avro schema.

        Raises `Undecodable` (``unknown_schema``) where the registry has none such, or not an Avro one, and `Retry`
        where the registry itself fails: then the record is not at fault, and must not be passed over.
        """
        known = self._known.get(id_)
        if known is None:
            with self._asking() as client:
                found = self._look_up(id_, partial(client.get_schema, id_))
                known = self._known[id_] = self._parsed(found, id_, {}, client)
        return known

    def ids_of(self, schemas: Sequence[tuple[str, Sequence[str]]]) -> list[int]:
        """The ids that records are written under, for each pair of a schema's text and its subjects: all have it then.

        Raises `ConfigurationError` where the registry refuses one, `Retry` where it cannot be asked.
        """
        ids = []
        with self._asking() as client:
            for text, subjects in schemas:
                # An id belongs to the schema, whatever the subject: they are all the same.
                id_, *_ = [self._registered(subject, text, client) for subject in subjects]
                self._known[id_] = fastavro.parse_schema(msgspec.json.decode(text))
                ids.append(id_)
        return ids

    def _registered(self, subject: str, text: str, client: SchemaRegistryClient) -> int:
        from confluent_kafka.schema_registry import Schema
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        schema = Schema(text, "AVRO")

        def ask() -> int | None:
            if self._register:
                return client.register_schema(subject, schema)
            return client.lookup_schema(subject, schema).schema_id

        try:
            id_ = self._ask(f"subject {subject}", ask, _REFUSALS)
        except SchemaRegistryError as error:
            status = error.http_status_code
            remedy = _REFUSALS[status]
            if status == _NOT_FOUND and not self._register:
                remedy = "register pipeline/schemas/avro there, or set PIPELINE_REGISTER_SCHEMAS=true"
            raise ConfigurationError(f"{self._answers(error, f'subject {subject}')}; {remedy}") from error
        if id_ is None:
            raise Retry(f"the schema registry at {self._access.url} gives no id for subject {subject}")
        return id_

    def _parsed(self, schema: Schema, id_: int, named: dict[str, Any], client: SchemaRegistryClient) -> Any:
        kind, text = schema.schema_type or "AVRO", schema.schema_str
        if kind != "AVRO":
            raise Undecodable("unknown_schema", f"schema {id_} is of type {kind}: only Avro can be read")
        if text is None:
            raise Retry(f"the schema registry at {self._access.url} answers no schema for id {id_}")
        for each in schema.references or ():
            found = self._look_up(id_, partial(client.get_version, each.subject or "", each.version or 0))
            self._parsed(found.schema, id_, named, client)
        try:
            return fastavro.parse_schema(msgspec.json.decode(text), named_schemas=named)
        except _NO_SCHEMA as error:
            raise Undecodable("unknown_schema", f"schema {id_} of the registry is no Avro schema: {error}") from error

    def _look_up(self, id_: int, call: Callable[[], Found]) -> Found:
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return self._ask(f"schema {id_}", call, (_NOT_FOUND,))
        except SchemaRegistryError as error:
            raise Undecodable("unknown_schema", f"the schema registry has no schema {id_}") from error

    def _ask(self, what: str, call: Callable[[], Found], final: Collection[int]) -> Found:
        """Raises the client's `SchemaRegistryError` for a status in `final`, `Retry` for all else that goes wrong."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return call()
        except SchemaRegistryError as error:
            if error.http_status_code in final:
                raise
            raise Retry(self._answers(error, what), code=str(error.http_status_code)) from error
        except Exception as error:  # whatever HTTP, JSON or OAuth made the client trip over
            raise Retry(
                f"the schema registry at {self._access.url} cannot be asked for {what}: {type(error).__name__}: {error}"
            ) from error

    def _answers(self, error: Any, what: str) -> str:
        said = f"{error.error_message}"[:_SAID]
        return f"the schema registry at {self._access.url} answers {error.http_status_code} for {what} ({said})"

    @contextmanager
    def _asking(self) -> Iterator[SchemaRegistryClient]:
        if time.monotonic() < self._not_before:
            raise Retry(self._failure)
        try:
            with self._access.client() as client:
                yield client
        except Retry as failure:
            self._failure = str(failure)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            raise
        self._pause = FIRST_PAUSE_SECONDS
