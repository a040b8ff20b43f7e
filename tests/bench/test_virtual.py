"""The simulation behind `quota_utilisation`: no minute holds a call too many, whatever befalls the owner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.apps.registry import load_apps
from tests.bench import quota_utilisation
from tests.bench.figure import Bench, Figure
from tests.bench.registry import FIGURES
from tests.bench.virtual import most_within, run


@pytest.mark.parametrize("away", [None, 0.5, 6.0])
@pytest.mark.parametrize("change", [1.0, 61.5, 90.0])
def test_no_minute_at_the_destination_holds_more_calls_than_its_quota_across_an_owner_change(
    change: float, away: float | None
) -> None:
    quota = load_apps()["zohobooks"].quota(quota_utilisation.SETTINGS)
    arrivals = run(quota, 190.0, change, away, seed=1)
    assert len(arrivals) >= 300
    assert most_within(arrivals, 60.0) <= 100


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 20))
def test_the_busiest_span_is_found(moments: list[int], seconds: int) -> None:
    expected = max((sum(start <= one < start + seconds for one in moments) for start in moments), default=0)
    assert most_within([float(one) for one in moments], float(seconds)) == expected


def test_figures_have_names_of_their_own() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert all(isinstance(figure, Figure) for figure in FIGURES)


def test_the_figure_of_the_quota_is_as_it_is_written_down(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = quota_utilisation.FIGURE.run(Bench("", tmp_path_factory.mktemp("build"), quick=True))
    assert outcome.detail["over"] == 0
    assert outcome.value >= 0.97
