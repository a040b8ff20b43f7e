"""All figures, in the order in which they run."""

from __future__ import annotations

from tests.bench import decide_us, decide_vs_raw, forward_vs_quix, forward_vs_raw
from tests.bench.figure import Figure

FIGURES: tuple[Figure, ...] = (
    forward_vs_raw.FIGURE,
    forward_vs_quix.FIGURE,
    decide_vs_raw.FIGURE,
    decide_us.FIGURE,
)
