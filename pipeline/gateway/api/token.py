"""The token that opens the control API: of the environment, or of a file that is made where there is none."""

from __future__ import annotations

import ipaddress
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.errors import ConfigurationError
from pipeline.settings import Settings

VARIABLE = "PIPELINE_API_TOKEN"
TOKEN_FILE = "api.token"  # noqa: S105 - a file's name
SHORTEST = 16
"""Characters: what is shorter can be guessed."""


def api_token(settings: Settings) -> tuple[Callable[[], str], str]:
    """The token as it is now, and the place where a person finds it. Raises `ConfigurationError` that shows none.

    A file that is replaced counts from the next request on: that is how a token is changed while a gateway runs.
    """
    given = settings.api_token.get_secret_value().strip()
    if given:
        _checked(given, VARIABLE)
        return lambda: given, f"environment variable {VARIABLE}"
    file = TokenFile(settings.state_dir / TOKEN_FILE)
    file.load()
    return file.current, str(file.path)


def check_exposure(settings: Settings) -> None:
    """Whoever can reach the gateway can try the API: beyond this machine only with a token that somebody chose.

    Raises `ConfigurationError`.
    """
    if _loopback(settings.gateway_host) or settings.api_token.get_secret_value().strip():
        return
    raise ConfigurationError(
        f"PIPELINE_GATEWAY_HOST={settings.gateway_host} can be reached from other machines: set {VARIABLE} "
        f"to {SHORTEST} characters or more first, the same wherever the gateway runs"
    )


class TokenFile:
    """A token in a file that only its owner reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._token = ""

    def load(self) -> str:
        """Made where it is not there. Raises `ConfigurationError`."""
        if not self.path.exists():
            self._make()
        self._read()
        return self._token

    def current(self) -> str:
        """One that cannot be read leaves what was read before."""
        try:
            status = self.path.stat()
            if (status.st_mtime_ns, status.st_ino) != self._stamp:
                self._read()
        except (OSError, ConfigurationError) as error:
            structlog.get_logger().warning("the file of the API token cannot be read again", reason=str(error))
        return self._token

    def renew(self) -> str:
        """Another token in its place; the one before ends with it."""
        os.replace(self._fresh(), self.path)
        return self.load()

    def _read(self) -> None:
        try:
            with self.path.open(encoding="ascii") as file:
                status, text = os.fstat(file.fileno()), file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not ASCII text"
            raise ConfigurationError(f"cannot read the API token {self.path}: {why}") from None
        _checked(text, str(self.path))
        self._stamp, self._token = (status.st_mtime_ns, status.st_ino), text

    def _make(self) -> None:
        """Linked into place: of processes that start at once, all read the same token."""
        fresh = self._fresh()
        try:
            os.link(fresh, self.path)
        except FileExistsError:
            return
        finally:
            fresh.unlink()

    def _fresh(self) -> Path:
        """Beside it, of mode 0600."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{self.path.name}.", dir=self.path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        return Path(name)


def _checked(token: str, place: str) -> None:
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            f"{place}: a token is {SHORTEST} or more printable ASCII characters without spaces; "
            "make one with `openssl rand -hex 24`"
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
