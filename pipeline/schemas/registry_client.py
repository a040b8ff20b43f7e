"""Confluent's client of a schema registry, from an address and the environment.

`SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO` is the client's `basic.auth.user.info`; so are `SSL_*`, `BEARER_*` and `PROXY`.
https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html#schemaregistryclient
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

TIMEOUT_SECONDS = 3.0
"""Whoever decodes waits for a look-up, and with it everything that it works on."""

_PREFIX = "SCHEMA_REGISTRY_"
_THEIRS = ("ssl.", "basic.", "bearer.", "proxy")
"""The client's settings that the environment may name; its time-outs and retries are ours."""


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """One address or several, comma separated, without credentials: those are in `options` and never show."""

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str, environ: Mapping[str, str] | None = None) -> Self:
        """Takes credentials out of `url`. Raises `ConfigurationError` where the environment holds others."""
        options = _options(os.environ if environ is None else environ)
        addresses, users = zip(*map(_split, url.split(",")), strict=True)
        user_info = next(filter(None, users), "")
        if user_info and options.setdefault("basic.auth.user.info", user_info) != user_info:
            raise ConfigurationError(
                "SCHEMA_REGISTRY_URL and SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO hold different users; keep one of them"
            )
        return cls(",".join(addresses), options)

    def client(self) -> SchemaRegistryClient:
        """Asks nothing yet. A quarter of a second of imports. Raises `ConfigurationError` for what it does not take."""
        from confluent_kafka.schema_registry import SchemaRegistryClient

        given: dict[str, Any] = {"url": self.url, "timeout": TIMEOUT_SECONDS, "max.retries": 0, **self.options}
        try:
            return SchemaRegistryClient(given)
        except (ValueError, LookupError, TypeError, OSError) as error:
            raise ConfigurationError(f"the SCHEMA_REGISTRY_* settings do not work: {error}") from error


def _options(environ: Mapping[str, str]) -> dict[str, str]:
    named = {
        variable.removeprefix(_PREFIX).lower().replace("_", "."): value
        for variable, value in environ.items()
        if variable.startswith(_PREFIX)
    }
    return {name: value for name, value in named.items() if name.startswith(_THEIRS)}


def _split(url: str) -> tuple[str, str]:
    """The address alone, and ``user:password``."""
    parts = urlsplit(url.strip())
    credentials, _, place = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), unquote(credentials)
