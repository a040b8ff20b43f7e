"""Keys replaced while everything runs: what is sealed under which key, and each row sealed anew under the first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from pipeline.control.hooks import sealed_tokens
from pipeline.control.secrets import SecretBox, sealed_under, secret_name
from pipeline.control.snapshot import credentials_hash
from pipeline.schemas.records import Connection, ConnectionState


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key and what is sealed under it. `here` is False for one that is needed and not among ours.

    `connections` need it. `tokens` are access tokens kept by the owners of these connections: an owner seals its own
    anew when it next writes, and fetches another where the key is gone.
    """

    key: str
    seals: bool
    here: bool
    connections: tuple[str, ...]
    tokens: tuple[str, ...]

    @property
    def removable(self) -> bool:
        """Whether nothing is lost when it is taken away."""
        return self.here and not self.seals and not self.connections


def key_uses(
    box: SecretBox, connections: Mapping[str, Connection], states: Mapping[str, ConnectionState]
) -> list[KeyUse]:
    """Ours first, in their order; then those that are missing."""
    rows: dict[str, set[str]] = defaultdict(set)
    for connection in connections.values():
        for sealed in _sealed(connection):
            rows[sealed_under(sealed)].add(connection.id)
    tokens: dict[str, set[str]] = defaultdict(set)
    for id_, state in states.items():
        if state.token and id_ in connections:
            tokens[sealed_under(state.token)].add(id_)
    ids = box.ids
    return [
        KeyUse(id_, id_ == ids[0], id_ in ids, tuple(sorted(rows[id_])), tuple(sorted(tokens[id_])))
        for id_ in (*ids, *sorted((rows.keys() | tokens.keys()) - set(ids)))
    ]


def to_seal(connections: Iterable[Connection], box: SecretBox) -> list[Connection]:
    """Those of which something is sealed under another key than the first."""
    first = box.ids[0]
    return [each for each in connections if any(sealed_under(sealed) != first for sealed in _sealed(each))]


def resealed(connection: Connection, box: SecretBox) -> Connection:
    """The same connection under the first key. Raises `ConfigurationError` where a key it needs is not there.

    Its owner takes it for the same credentials, so that token and profile stay; its webhook addresses stay as well.
    """
    id_ = connection.id
    return msgspec.structs.replace(
        connection,
        secrets={name: box.reseal(secret_name(id_, name), sealed) for name, sealed in connection.secrets.items()},
        typed={name: box.reseal(secret_name(id_, name), sealed) for name, sealed in connection.typed.items()},
        credentials=credentials_hash(connection),
        hook=sealed_tokens(connection, box),
    )


def _sealed(connection: Connection) -> list[str]:
    return [*connection.secrets.values(), *connection.typed.values(), *filter(None, [connection.hook])]
