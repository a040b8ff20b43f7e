"""Texts that a person names by their file."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.errors import ConfigurationError


def read_text(file: Path) -> str:
    """`-` is standard input. Raises `ConfigurationError`."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8 text") from None
