"""Our own writes coming back: they end where they would go round."""

from __future__ import annotations

import pytest

from pipeline.flows.decide import decide
from pipeline.schemas.records import Verdict, mapping_scope
from tests.flows.toy import FLOW, NOW, order, ruleset


@pytest.mark.parametrize(
    ("echo", "verdict", "commands"),
    [
        (mapping_scope("shop-1", "book-1"), Verdict.ECHO, 0),
        (mapping_scope("shop-1", "book-2"), Verdict.MATCHED, 1),
        ("", Verdict.MATCHED, 1),
    ],
)
def test_a_write_of_a_links_own_pair_of_connections_goes_no_further_and_all_else_does(
    echo: str, verdict: Verdict, commands: int
) -> None:
    decided = decide(order(event={"echo": echo}), ruleset(FLOW), NOW)
    assert decided.decision.verdict is verdict
    assert len(decided.commands) == commands
