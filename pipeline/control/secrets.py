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
import tempfile
from collections.abc import Mapping
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

FORMAT = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "secrets.key"


def secret_name(connection: str, field: str) -> str:
    """What a sealed value is bound to."""
    return f"{connection}/{field}"


class SecretBox:
    """Seals with the first key, opens with any of them. Never shows a key or a plaintext."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ConfigurationError("no secrets key: set PIPELINE_SECRETS_KEYS=<key id>:<base64 of 32 bytes>")
        for key_id, key in keys.items():
            if not key_id or ":" in key_id or len(key) != KEY_BYTES:
                raise ConfigurationError(
                    f"PIPELINE_SECRETS_KEYS: key {key_id!r} must be <key id>:<base64 of {KEY_BYTES} bytes>"
                )
        self._keys = dict(keys)
        self._first = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"SecretBox(keys={list(self._keys)})"

    def seal(self, name: str, plaintext: str) -> str:
        """Encrypt for this name only. Sealing twice gives different texts."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self._first]).encrypt(nonce, plaintext.encode(), name.encode())
        return f"{FORMAT}:{self._first}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, name: str, sealed: str) -> str:
        """The plaintext. Raises `ConfigurationError` for a missing or wrong key, a changed text, another name."""
        version, _, rest = sealed.partition(":")
        key_id, _, body = rest.partition(":")
        if version != FORMAT or not body:
            raise ConfigurationError(f"secret {name}: not a sealed value; apply its connection again")
        key = self._keys.get(key_id)
        if key is None:
            raise ConfigurationError(
                f"secret {name}: sealed under key {key_id!r}, which is not among PIPELINE_SECRETS_KEYS "
                f"({', '.join(self._keys)}); add that key, or apply the connection again"
            )
        try:
            raw = base64.b64decode(body, validate=True)
            return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise ConfigurationError(
                f"secret {name}: key {key_id!r} does not open it (another key under this id, or a changed value); "
                "set the key it was sealed with, or apply the connection again"
            ) from None

    def fingerprint(self, name: str, plaintext: str) -> str:
        """``<key id>:<hex>``: equal plaintexts of one name have equal fingerprints, and it tells nothing else."""
        return f"{self._first}:{self._mac(self._first, 'fingerprint', name, plaintext)}"

    def same(self, name: str, plaintext: str, fingerprint: str) -> bool:
        """Whether `fingerprint` was taken of this plaintext, under any key that is still here."""
        key_id = fingerprint.partition(":")[0]
        if key_id not in self._keys:
            return False
        return hmac.compare_digest(f"{key_id}:{self._mac(key_id, 'fingerprint', name, plaintext)}", fingerprint)

    def hook_token(self, connection: str) -> str:
        """The unguessable part of a connection's webhook addresses (128 bits)."""
        return self._mac(self._first, "hook", connection, "")

    def is_hook_token(self, connection: str, token: str) -> bool:
        """In constant time; tokens made under an older key that is still here are good."""
        given = token.encode()
        # Every key is tried, so that the time tells nothing about which one matched.
        matches = [hmac.compare_digest(self._mac(key, "hook", connection, "").encode(), given) for key in self._keys]
        return any(matches)

    def _mac(self, key_id: str, purpose: str, name: str, text: str) -> str:
        message = b"\0".join(part.encode() for part in (purpose, name, text))
        return hmac.new(self._keys[key_id], message, hashlib.sha256).hexdigest()[:32]


def open_secrets(connection: str, sealed: Mapping[str, str], box: SecretBox) -> dict[str, str]:
    """All secrets of a connection in plain text, for its session alone. Raises `ConfigurationError`."""
    return {field: box.open(secret_name(connection, field), value) for field, value in sealed.items()}


def load_secret_box(settings: Settings) -> SecretBox:
    """The keys of the environment, else the key file of the state directory, which is made where there is none."""
    text = settings.secrets_keys.get_secret_value().strip()
    if text:
        return SecretBox(_parse_keys(text, "PIPELINE_SECRETS_KEYS"))
    path = settings.state_dir / KEY_FILE
    if not path.exists():
        _make_key_file(path)
    try:
        text = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"cannot read the secrets key {path}: {error.strerror}") from None
    return SecretBox(_parse_keys(text, str(path)))


def _parse_keys(text: str, place: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, item in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        key_id, colon, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not colon or not key_id or len(key) != KEY_BYTES:
            raise ConfigurationError(f"{place}: key number {number} is not <key id>:<base64 of {KEY_BYTES} bytes>")
        if key_id in keys:
            raise ConfigurationError(f"{place}: key id {key_id!r} is there twice")
        keys[key_id] = key
    return keys


def _make_key_file(path: Path) -> None:
    """Written beside (mode 0600) and linked into place: of processes that start at once, all read the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    fresh = Path(name)
    with os.fdopen(descriptor, "w") as file:
        key = os.urandom(KEY_BYTES)
        file.write(f"local-{hashlib.sha256(key).hexdigest()[:8]}:{base64.b64encode(key).decode()}\n")
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()
    structlog.get_logger().warning(
        "made a secrets key; keep it, or the stored secrets cannot be read again", file=str(path)
    )
