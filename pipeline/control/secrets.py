"""Secrets at rest: AES-256-GCM under a key id, so that a key can be replaced while old values stay readable.

A sealed value is ``v1:<key id>:<base64 of nonce and ciphertext>``. Its name (connection and field) is authenticated
with it: a value copied to another connection or field does not open. NIST SP 800-38D; 96-bit random nonces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.control.keys import KEY_BYTES, VARIABLE, Keys, environment_keys, key_file
from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

FORMAT = "v1"
NONCE_BYTES = 12


def secret_name(connection: str, field: str) -> str:
    """What a sealed value is bound to."""
    return f"{connection}/{field}"


def sealed_under(sealed: str) -> str:
    """The id of the key; "" for what is no sealed value."""
    version, _, rest = sealed.partition(":")
    key_id, _, body = rest.partition(":")
    return key_id if version == FORMAT and body else ""


class SecretBox:
    """Seals with the first key, opens with any of them. Never shows a key or a plaintext. Safe from any thread.

    `source` gives the keys as they are now: a process that runs seals with a new key as soon as there is one. A key
    once known stays until the process ends, because what was sealed with it may still be on its way.
    """

    def __init__(self, keys: Keys, *, source: Callable[[], Keys] | None = None, place: str = VARIABLE) -> None:
        if not keys:
            raise ConfigurationError(f"{place}: no secrets key; write <key id>:<base64 of {KEY_BYTES} bytes>")
        for key_id, key in keys.items():
            if not key_id or ":" in key_id or len(key) != KEY_BYTES:
                raise ConfigurationError(f"{place}: key {key_id!r} must be <key id>:<base64 of {KEY_BYTES} bytes>")
        self._seen = keys
        self._ring: Keys = dict(keys)
        self._source = source
        self._place = place

    def __repr__(self) -> str:
        return f"SecretBox(keys={list(self._ring)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all keys; the first one seals."""
        return tuple(self._keys())

    def seal(self, name: str, plaintext: str) -> str:
        """Encrypt for this name only. Sealing twice gives different texts."""
        key_id, key = next(iter(self._keys().items()))
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plaintext.encode(), name.encode())
        return f"{FORMAT}:{key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, name: str, sealed: str) -> str:
        """The plaintext. Raises `ConfigurationError` for a missing or wrong key, a changed text, another name."""
        key_id = sealed_under(sealed)
        if not key_id:
            raise ConfigurationError(f"secret {name}: not a sealed value; {_LOST}")
        keys = self._keys()
        key = keys.get(key_id)
        if key is None:
            raise ConfigurationError(
                f"secret {name}: sealed under key {key_id!r}, which is not among the keys of {self._place} "
                f"({', '.join(keys)}); add that key there. {_LOST}"
            )
        try:
            raw = base64.b64decode(sealed.rpartition(":")[2], validate=True)
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise ConfigurationError(
                f"secret {name}: key {key_id!r} of {self._place} does not open it (another key under this id, or a "
                f"changed value); set the key it was sealed with. {_LOST}"
            ) from None

    def reseal(self, name: str, sealed: str) -> str:
        """The same secret under the first key; as it is where that is so already. Raises `ConfigurationError`."""
        return sealed if sealed_under(sealed) == self.ids[0] else self.seal(name, self.open(name, sealed))

    def fingerprint(self, name: str, plaintext: str) -> str:
        """A sealed digest: `same` recognises the plaintext by it, also after it was sealed anew, and nobody else."""
        return self.seal(name, _digest(plaintext))

    def same(self, name: str, plaintext: str, fingerprint: str) -> bool:
        """Whether `fingerprint` was taken of this plaintext. False where no key opens it."""
        try:
            return hmac.compare_digest(self.open(name, fingerprint), _digest(plaintext))
        except ConfigurationError:
            return False

    def hook_token(self, connection: str, key_id: str = "") -> str:
        """What makes a connection's webhook addresses unguessable (128 bits): derived from a key, the first one."""
        keys = self._keys()
        return _derived(keys[key_id or next(iter(keys))], connection)

    def is_hook_token(self, connection: str, token: str) -> bool:
        """In constant time; tokens derived from any key that is still here are good."""
        given = token.encode()
        # Every key is tried, so that the time tells nothing about which one matched.
        matches = [hmac.compare_digest(_derived(key, connection).encode(), given) for key in self._keys().values()]
        return any(matches)

    def _keys(self) -> Keys:
        if self._source is not None and (now := self._source()) is not self._seen:
            self._ring = {**now, **{key_id: key for key_id, key in self._ring.items() if key_id not in now}}
            self._seen = now
        return self._ring


_LOST = "Where the key is lost, give all secrets afresh with `pipeline apply --key-lost`"


def open_secrets(connection: str, sealed: Mapping[str, str], box: SecretBox) -> dict[str, str]:
    """All secrets of a connection in plain text, for its session alone. Raises `ConfigurationError`."""
    return {field: box.open(secret_name(connection, field), value) for field, value in sealed.items()}


def load_secret_box(settings: Settings) -> SecretBox:
    """The keys of the environment, else the key file of the state directory, which is made where there is none."""
    file = key_file(settings)
    if file is None:
        return SecretBox(environment_keys(settings) or {})
    return SecretBox(file.load(), source=file.current, place=str(file.path))


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()


def _derived(key: bytes, connection: str) -> str:
    return hmac.new(key, b"\0".join((b"hook", connection.encode(), b"")), hashlib.sha256).hexdigest()[:32]
