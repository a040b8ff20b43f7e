"""A peer's own environment under ``build/peers``, made by pip when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.figure import Skipped

_SECONDS = 300.0


def interpreter(build: Path, name: str, requirement: str) -> Path:
    """The interpreter of environment `name` with `requirement` in it. Raises `Skipped` where it cannot be made."""
    home = build / "peers" / name
    python = home / "bin" / "python"
    ready = home / "ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == requirement:
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, timeout=_SECONDS)
        install = [str(python), "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(install, check=True, capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        raise Skipped(f"{requirement} cannot be installed: {said.decode(errors='replace').strip()[-200:]}") from error
    ready.write_text(requirement, encoding="utf-8")
    return python
