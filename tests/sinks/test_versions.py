"""Versions: what an action notes without a call outlives it."""

from __future__ import annotations

from typing import Any, ClassVar

from pipeline.apps.base import Pair, Plan, Unchanged, View
from pipeline.schemas.records import Status
from pipeline.sinks.entry import Entry
from pipeline.sinks.tick import Tick
from tests.sinks.test_owner import results
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
