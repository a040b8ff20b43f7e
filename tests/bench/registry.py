"""All figures, in the order in which they run."""

from __future__ import annotations

from tests.bench import (
    calls_per_effect,
    decide_us,
    decide_vs_raw,
    forward_vs_kstreams,
    forward_vs_quix,
    forward_vs_raw,
    idle,
    isolation_p99,
    quota_utilisation,
    recovery_s,
    reload_1m,
    sink_vs_ideal,
)
from tests.bench.figure import Figure

FIGURES: tuple[Figure, ...] = (
    forward_vs_raw.FIGURE,
    forward_vs_quix.FIGURE,
    forward_vs_kstreams.FIGURE,
    decide_vs_raw.FIGURE,
    decide_us.FIGURE,
    *sink_vs_ideal.FIGURES,
    calls_per_effect.FIGURE,
    quota_utilisation.FIGURE,
    isolation_p99.FIGURE,
    recovery_s.FIGURE,
    reload_1m.FIGURE,
    idle.FIGURE,
)
