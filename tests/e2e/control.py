"""Files of connections and links, as a user writes them, for apps that are the twins."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.kafka.partitioner import partition_of
from tests.e2e.twins import ROOT, Twins

PARTITIONS = 4
FLOWS = {
    "accounts": "togai-account-to-zohobooks-contact",
    "invoices": "togai-invoice-to-zohobooks-invoice",
}


def named(app: str, partition: int) -> str:
    """A connection id whose commands land on `partition`."""
    return next(id_ for n in range(1000) if partition_of((id_ := f"{app}-{n}").encode(), PARTITIONS) == partition)


TOGAI = named("togai", 0)
BOOKS = named("books", PARTITIONS - 1)
"""On partitions that two workers never share: range assignment gives each one half."""


class ControlFile:
    """Writes one into `directory`, with its secrets in files of their own."""

    def __init__(self, directory: Path, twins: Twins) -> None:
        self._directory = directory
        self._twins = twins

    def write(self, connections: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]] = ()) -> Path:
        flows = os.path.relpath(ROOT / "configs" / "flows", self._directory)
        file = self._directory / "control.yaml"
        asked = {"connections": list(connections), "flows": [f"{flows}/*.yaml"], "links": list(links)}
        file.write_text(yaml.safe_dump(asked), encoding="utf-8")
        return file

    def togai(self, id_: str = TOGAI, **changed: Any) -> Mapping[str, Any]:
        """Togai without quotas. `changed` settings."""
        url = self._twins.togai.base_url
        settings = {"base_url": url, "calls_per_second": 10000, "quiet_seconds": 1, **changed}
        secrets = {"api_token": self._twins.config.togai.tokens[0]}
        return {"id": id_, "app": "togai", "settings": settings, "secrets": self._kept(id_, secrets)}

    def books(self, id_: str = BOOKS, *, secrets: Mapping[str, str] | None = None, **changed: Any) -> Mapping[str, Any]:
        """Zoho Books without quotas. `secrets` besides the client's (a fresh code); `changed` settings."""
        client, url = self._twins.config.zohobooks.clients[0], self._twins.books.base_url
        settings = {
            "organization_id": self._twins.organization,
            "accounts_url": url,
            "api_url": url,
            "calls_per_minute": 1_000_000,
            "calls_per_day": 1_000_000,
            "quiet_seconds": 1,
            **changed,
        }
        if secrets is None:
            secrets = {"self_client_code": self._twins.code()}
        secrets = {"client_id": client.id, "client_secret": client.secret, **secrets}
        return {"id": id_, "app": "zohobooks", "settings": settings, "secrets": self._kept(id_, secrets)}

    def links(self, *flows: str, books: str = BOOKS, togai: str = TOGAI) -> list[Mapping[str, Any]]:
        """One for each of `flows` (both, unless named), from `togai` to `books`."""
        return [
            {"id": f"{flow}-{togai}-{books}", "flow": FLOWS[flow], "connections": {"togai": togai, "zohobooks": books}}
            for flow in flows or FLOWS
        ]

    def _kept(self, id_: str, secrets: Mapping[str, str]) -> dict[str, dict[str, str]]:
        for name, value in secrets.items():
            (self._directory / f"{id_}.{name}").write_text(value, encoding="utf-8")
        return {name: {"file": f"{id_}.{name}"} for name in secrets}
