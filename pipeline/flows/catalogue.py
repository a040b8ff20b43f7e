"""The flows that ship with the pipeline: where they are, wherever it was installed.

They are in `configs/flows` of a source checkout, and among the data files of a wheel. `PIPELINE_CATALOGUE` names a
folder of your own instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from pipeline.errors import ConfigurationError
from pipeline.flows.files import flow_files

DISTRIBUTION = "togai-zohobooks-pipeline"
SHARED = f"share/{DISTRIBUTION}/flows"
"""Folder of a wheel's data files, below the environment's own (pyproject.toml)."""


@dataclass(frozen=True, slots=True)
class CatalogueFlow:
    """One of them, as it is written."""

    file: Path
    text: str


def catalogue_folder(chosen: Path | None = None) -> Path:
    """`chosen` (the setting), else what came with the code. Raises `ConfigurationError` where there is none."""
    if chosen is not None:
        if not chosen.is_dir():
            raise ConfigurationError(f"environment variable PIPELINE_CATALOGUE: {chosen} is no folder")
        return chosen
    found = _shipped()
    if found is None:
        raise ConfigurationError(
            "the flows of the catalogue were not installed: set PIPELINE_CATALOGUE to their folder"
        )
    return found


def catalogue_flows(folder: Path) -> Iterator[CatalogueFlow]:
    """In the order of their files. Raises `ConfigurationError` for one that cannot be read."""
    for file in flow_files(folder):
        try:
            yield CatalogueFlow(file, file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file} cannot be read: {error}") from None


@cache
def _shipped() -> Path | None:
    checkout = Path(__file__).resolve().parents[2] / "configs" / "flows"
    if checkout.is_dir():
        return checkout
    try:
        listed = files(DISTRIBUTION) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(one.locate())).resolve().parent for one in listed if SHARED in one.as_posix()), None)
