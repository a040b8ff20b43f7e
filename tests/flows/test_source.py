"""Places in YAML."""

from __future__ import annotations

from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flows.source import FlowFaults, Source

WORDS = st.text(st.sampled_from("ab\"'\\ =&|()#:.€\n"), min_size=1, max_size=60).filter(
    lambda text: text.strip() == text
)


@given(value=WORDS, style=st.sampled_from([None, "'", '"', "|", ">"]), width=st.sampled_from([20, 1000]))
def test_a_fault_points_at_the_very_character_however_the_scalar_is_written(
    value: str, style: str | None, width: int
) -> None:
    text = yaml.safe_dump({"when": ["x", value]}, default_style=style, width=width, allow_unicode=True)
    source = Source(text)
    assert source.value == {"when": ["x", value]}
    lines = text.split("\n")
    for offset, character in enumerate(value):
        if character.isspace():
            continue
        fault = source.fault(("when", 1), "here", offset=offset)
        pointed = lines[fault.line - 1][fault.column - 1 :]
        assert pointed.startswith(character) or pointed.startswith("\\" + character) or pointed.startswith("''")


def test_words_that_yaml_takes_for_booleans_and_dates_stay_words() -> None:
    source = Source("a: no\nb: on\nc: true\nd: 2024-01-01\ne: 0.10\nf: 12\ng:\nh: '1'\n")
    assert source.value == {
        "a": "no",
        "b": "on",
        "c": True,
        "d": "2024-01-01",
        "e": Decimal("0.10"),
        "f": 12,
        "g": None,
        "h": "1",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1, 2\n", "<flow>:3:1: not YAML"),
        ("a: 1\na: 2\n", "<flow>:2:1: 'a' is given twice"),
        ("a: &x {b: 1}\nc: *x\n", "<flow>:1:4: anchors and aliases are not supported here"),
        ("a: &x [*x]\n", "anchors and aliases are not supported here"),
        ("? [a]\n: 1\n", "<flow>:1:3: a key must be a plain word"),
        ("a: 1\n---\nb: 2\n", "<flow>:2:1: not YAML"),
        ("a: \x00", "<flow>:1:1: not YAML"),
    ],
)
def test_a_text_that_is_no_plain_yaml_document_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(FlowFaults) as caught:
        Source(text)
    assert said in str(caught.value)
