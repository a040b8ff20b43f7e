"""The keys that secrets are sealed with: of the environment, or of a file that processes read again when it changes.

Written ``<key id>:<base64 of 32 bytes>``, comma separated; the first one seals, all of them open.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

KEY_BYTES = 32
KEY_FILE = "secrets.key"
VARIABLE = "PIPELINE_SECRETS_KEYS"

Keys = Mapping[str, bytes]
"""By id, in order: the first one seals."""


def environment_keys(settings: Settings) -> Keys | None:
    """None where the variable is not set. Raises `ConfigurationError` that shows no key."""
    text = settings.secrets_keys.get_secret_value().strip()
    return parse_keys(text, VARIABLE) if text else None


def key_file(settings: Settings) -> KeyFile | None:
    """The file that holds the keys; None where the environment does."""
    return None if settings.secrets_keys.get_secret_value().strip() else KeyFile(settings.state_dir / KEY_FILE)


def parse_keys(text: str, place: str) -> Keys:
    """Raises `ConfigurationError` that names `place` and the number of the key, and shows none."""
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


class KeyFile:
    """Keys in a file that only its owner reads. Made with a first key where it is not there.

    A change replaces the file as a whole, so a reader sees all of it or nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: Keys = {}

    def load(self) -> Keys:
        """Raises `ConfigurationError`."""
        if not self.path.exists():
            self._make()
        self._stamp, self._keys = self._read()
        return self._keys

    def current(self) -> Keys:
        """As it is now, for the price of a look at its time. One that cannot be read leaves what was read before."""
        try:
            if self._stamp_of(self.path.stat()) == self._stamp:
                return self._keys
            self._stamp, self._keys = self._read()
        except (OSError, ConfigurationError) as error:
            structlog.get_logger().warning("the file of secrets keys cannot be read again", reason=str(error))
        return self._keys

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For whoever changes it: one at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add(self) -> str:
        """Make a new key, put it first and give its id. It is on disk when this returns."""
        key_id, key = _new_key()
        self._replace({key_id: key, **self.load()})
        return key_id

    def remove(self, key_id: str) -> None:
        """Raises `ConfigurationError` for the one that seals, and for one that is not there."""
        keys = dict(self.load())
        if key_id not in keys:
            raise ConfigurationError(f"{self.path}: no key {key_id!r}; there are: {', '.join(keys)}")
        if key_id == next(iter(keys)):
            raise ConfigurationError(
                f"{self.path}: key {key_id!r} is the one that seals; `pipeline secrets rotate` first"
            )
        del keys[key_id]
        self._replace(keys)

    def _read(self) -> tuple[tuple[int, int, int], Keys]:
        try:
            with self.path.open() as file:
                stamp, text = self._stamp_of(os.fstat(file.fileno())), file.read()
        except OSError as error:
            raise ConfigurationError(f"cannot read the secrets key {self.path}: {error.strerror}") from None
        return stamp, parse_keys(text.strip(), str(self.path))

    @staticmethod
    def _stamp_of(status: os.stat_result) -> tuple[int, int, int]:
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _make(self) -> None:
        """Linked into place: of processes that start at once, all read the same key."""
        key_id, key = _new_key()
        fresh = self._beside({key_id: key})
        try:
            os.link(fresh, self.path)
        except FileExistsError:
            return
        finally:
            fresh.unlink()
        structlog.get_logger().warning(
            "made a secrets key; keep it, or the stored secrets cannot be read again", file=str(self.path)
        )

    def _replace(self, keys: Keys) -> None:
        os.replace(self._beside(keys), self.path)

    def _beside(self, keys: Keys) -> Path:
        """A file of mode 0600, written through."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{self.path.name}.", dir=self.path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(",\n".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in keys.items()) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return Path(name)


def _new_key() -> tuple[str, bytes]:
    key = os.urandom(KEY_BYTES)
    return f"local-{hashlib.sha256(key).hexdigest()[:8]}", key
