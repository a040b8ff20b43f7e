"""What is not wrong in a flow, but likely not meant, or missed by its readers."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.flows.compile import CompiledFlow
from pipeline.flows.loops import makes_its_trigger, may_start_again
from pipeline.flows.templates import references


def lint(flow: CompiledFlow, *, tested: bool) -> Iterator[str]:
    """One line each. `tested`: there is a file of tests beside it."""
    spec = flow.spec
    if not spec.description.strip():
        yield "it has no description"
    read = {text for action in flow.actions for text in (one.text for one in references(action.template))}
    clauses = [flow.clauses, *(action.clauses for action in flow.actions)]
    asked = {f"options.{one.path[0]}" for each in clauses for one in each.reads if one.root == "options" and one.path}
    for name, option in spec.options.items():
        if f"options.{name}" not in read | asked:
            yield f"option {name!r} is read nowhere"
        if not option.description.strip():
            yield f"option {name!r} has no description"
    used = {text.split(".")[1] for text in read if text.startswith("steps.")}
    for action in flow.actions[:-1]:
        if action.definition.repeat == "read" and action.id not in used:
            yield f"action {action.id!r} only reads, and nothing reads what it gives"
    for action in flow.actions:
        definition = action.definition
        if action.app == flow.app.name and (
            makes_its_trigger(flow.trigger, definition) or may_start_again(flow.trigger, definition)
        ):
            yield f"action {action.id!r} may start the flow again: a condition must be false for what it writes"
    if not spec.when:
        yield "it has no condition: every event of its trigger starts it"
    if not tested:
        yield "it has no tests beside it (a .test.yaml file)"
