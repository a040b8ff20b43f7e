"""What all owners of a worker have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics
from pipeline.sinks.mappings import MappingTable


@dataclass(frozen=True, slots=True)
class Shared:
    """What all owners of a worker use."""

    topics: Topics
    codec: Codec
    mappings: MappingTable
    random: Callable[[], float]
    parking: float
    """Seconds after which a command that waits for a mapping is given up."""
    patience: float = 86_400.0
    """Seconds after which one that others may pass (`Park.passable`) is skipped, if nothing that is queued makes it."""
