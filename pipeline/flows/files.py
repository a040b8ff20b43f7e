"""Flow files in a folder, and the tests beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SUFFIX = ".yaml"
TESTS = ".test.yaml"
"""``<flow>.test.yaml`` holds the tests of ``<flow>.yaml``."""


def flow_files(folder: Path) -> Sequence[Path]:
    """In order of their names."""
    return [file for file in sorted(folder.glob(f"*{SUFFIX}")) if not file.name.endswith(TESTS)]


def cases_beside(flow: Path) -> Path:
    """Where the tests of a flow file are, whether there are any or not."""
    return flow.with_name(flow.name.removesuffix(SUFFIX) + TESTS)
