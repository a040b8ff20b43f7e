"""Versions: what an action notes without a call outlives it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from pipeline.apps.base import Applied, Pair, Plan, Unchanged, View
from pipeline.schemas.records import Status
from pipeline.sinks.entry import Entry
from pipeline.sinks.tick import Tick
from tests.sinks.test_owner import advance, answer, results
from tests.sinks.toy import T0, TOPICS, NeedInput, command, owner, ref, thing


class _Notes:
    """Finds that the destination holds this already, in a version that was not known yet."""

    name: ClassVar[str] = "note"
    title: ClassVar[str] = "Note"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = ""
    calls: ClassVar[str] = "none"
    input = NeedInput

    def plan(self, input: NeedInput, view: View) -> Plan:
        return Unchanged({}, thing("1"), Pair(input.source, thing("1"), hash="v", version="3"))

    async def apply(self, call: Any, session: Any) -> Any:
        raise NotImplementedError


def test_a_newer_version_of_the_same_content_is_noted_without_a_call() -> None:
    each = owner()
    each.app.actions = {"note": _Notes()}
    each.shared.mappings.put("c+src", Pair(ref("p"), thing("1"), hash="v", version="1"))
    each.add(Entry(command("a", action="note"), "t", 0, T0))
    tick = Tick(T0)
    each.advance(tick)
    assert not tick.starts
    assert [result.status for result in results(tick)] == [Status.UNCHANGED]
    assert [out.topic for out in tick.outs].count(TOPICS.mappings) == 2
    found = each.shared.mappings.get("c+src", ref("p"))
    assert found is not None
    assert found.version == "3"


@pytest.mark.parametrize(
    ("operation", "before", "version"),
    [("written", None, "found"), ("unchanged", None, ""), ("unchanged", "earlier", "earlier")],
)
def test_a_version_that_was_found_and_not_written_is_not_taken_for_ours(
    operation: str, before: str | None, version: str
) -> None:
    each = owner()
    if before is not None:
        each.shared.mappings.put("c+src", Pair(ref("p"), thing("1"), theirs=before))
    each.add(Entry(command("a"), "t", 0, T0))
    (start,) = advance(each).starts
    answer(each, start, Applied(operation, {}, thing("1"), Pair(ref("p"), thing("1"), hash="v", theirs="found")))
    row = each.shared.mappings.get("c+src", thing("1"))
    assert row is not None
    assert row.version == version
