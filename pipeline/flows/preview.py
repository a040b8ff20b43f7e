"""What a flow would do with an event: each clause, each action's input, its plan and the exact request. No effect.

Of an action only `plan` is called, which is pure. What a step gives is not known before it was carried out: it stands
as ``<step.field>`` in the inputs of later actions, and those are marked as `guessed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.apps.base import App, Call, Mapped, Park, Plan, Refuse, Request, Skip, Superseded, Unchanged, View
from pipeline.errors import Refused
from pipeline.flows.compile import CompiledAction, CompiledFlow
from pipeline.flows.expressions import Outcome
from pipeline.flows.links import CompiledLink, LinkedAction, link_flow
from pipeline.flows.runs import Document, Failed, action_input, begin, event_values, roots
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Connection, Link, ObjectRef, Run, Verdict


@dataclass(frozen=True, slots=True)
class EmptyView:
    """What planning looks at where nothing is mapped yet: `apps.base.View`."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        return None


@dataclass(frozen=True, slots=True)
class ActionPreview:
    """One action. `applies` is None where an earlier step decides it; `message` says what hinders it."""

    id: str
    app: str
    action: str
    connection: str
    applies: bool | None
    input: Mapping[str, Any] | None = None
    plan: Plan | None = None
    guessed: bool = False
    message: str = ""

    @property
    def request(self) -> Request | None:
        """The main request that would be sent; None where none is needed or known."""
        return self.plan.request if isinstance(self.plan, Call) else None


@dataclass(frozen=True, slots=True)
class Preview:
    """One event through one link, without effect."""

    link: str
    flow: str
    flow_version: str
    verdict: Verdict
    clauses: tuple[Outcome, ...]
    actions: tuple[ActionPreview, ...] = ()
    message: str = ""


def preview_flow(
    flow: CompiledFlow,
    event: Event,
    apps: Mapping[str, App],
    views: Mapping[str, View],
    options: Mapping[str, Any] | None = None,
    *,
    steps: Mapping[str, Mapping[str, Any]] | None = None,
) -> Preview:
    """As `preview`, of a flow that is not switched on: each app stands for its own connection.

    Raises `ConfigurationError` for options that do not suit.
    """
    link = Link(
        id="preview",
        flow=flow.id,
        flow_version=flow.version,
        connections={app: app for app in flow.apps},
        options=dict(options or {}),
    )
    linked = link_flow(flow, link, {app: Connection(id=app, app=app) for app in flow.apps})
    return preview(linked, event, apps, views, steps=steps)


def preview(
    link: CompiledLink,
    event: Event,
    apps: Mapping[str, App],
    views: Mapping[str, View],
    *,
    steps: Mapping[str, Mapping[str, Any]] | None = None,
) -> Preview:
    """Run `event` through `link` in thought. `views` gives what each app's planning may look at, by app name.

    `steps` says what actions give that would make a call, by their ids; else that is a guess.
    """
    if event.echo and any(action.scope == event.echo for action in link.actions):
        message = "a write of our own came back"
        return Preview(link.id, link.flow.id, link.flow.version, Verdict.ECHO, (), message=message)
    read = {"data": event.data, "options": link.options}
    outcomes = tuple(link.flow.clauses.explain(read))
    made = Preview(link.id, link.flow.id, link.flow.version, Verdict.NOT_MATCHED, outcomes)
    if not all(outcome.holds for outcome in outcomes):
        return made
    try:
        values = event_values(link, event.data, Document(event, apps))
    except Failed as error:
        return Preview(made.link, made.flow, made.flow_version, Verdict.FAILED, outcomes, message=str(error))
    walk = _Walk(link, begin(link, event), values, views, steps or {})
    actions = tuple(walk.action(action) for action in link.flow.actions)
    return Preview(made.link, made.flow, made.flow_version, Verdict.MATCHED, outcomes, actions)


class _Walk:
    """Goes through the actions of one run; `_known` are the outputs of steps that need no call."""

    def __init__(
        self,
        link: CompiledLink,
        run: Run,
        values: Mapping[str, Any],
        views: Mapping[str, View],
        given: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._link = link
        self._run = run
        self._values = values
        self._views = views
        self._given = given
        self._known: dict[str, dict[str, Any]] = {}
        self._ended = ""

    def action(self, action: CompiledAction) -> ActionPreview:
        linked = next((one for one in self._link.actions if one.action is action), None)
        if linked is None:
            return ActionPreview(action.id, action.app, action.name, "", False, message="its options leave it out")
        if self._ended:
            return self._made(linked, False, message=self._ended)
        guessed = any(text.split(".")[1] not in self._known for text, _ in linked.outputs)
        run = msgspec.structs.replace(self._run, outputs=self._outputs(linked))
        applies = self._applies(linked, run)
        if applies is False:
            return self._made(linked, False, message="its condition does not hold")
        try:
            built = action_input(linked, run, self._values)
        except Failed as error:
            return self._made(linked, applies, guessed=guessed, message=str(error))
        plan = self._plan(linked, built)
        if isinstance(plan, Unchanged | Superseded):
            self._known[action.id] = dict(plan.output)
        elif isinstance(plan, Call) and action.id in self._given:
            self._known[action.id] = dict(self._given[action.id])
        elif isinstance(plan, Skip | Refuse):
            self._ended = f"the run ends at {action.id!r}"
        return self._made(linked, applies, input=built, plan=plan, guessed=guessed)

    def _made(self, linked: LinkedAction, applies: bool | None, **rest: Any) -> ActionPreview:
        action = linked.action
        return ActionPreview(action.id, action.app, action.name, linked.connection, applies, **rest)

    def _outputs(self, linked: LinkedAction) -> dict[str, dict[str, Any]]:
        """What earlier steps gave, with a placeholder for each field that is read and not known."""
        outputs: dict[str, dict[str, Any]] = {step: dict(output) for step, output in self._known.items()}
        for text, _ in linked.outputs:
            _, step, *path = text.split(".")
            if step in self._known:
                continue
            place = outputs.setdefault(step, {})
            for segment in path[:-1]:
                place = place.setdefault(segment, {})
            place[path[-1]] = f"<{step}.{'.'.join(path)}>"
        return outputs

    def _applies(self, linked: LinkedAction, run: Run) -> bool | None:
        if linked.clauses is None:
            return True
        if any(read.root == "steps" and read.path[0] not in self._known for read in linked.clauses.reads):
            return None
        return linked.clauses.hold(roots(linked.clauses, self._link, run, self._values))

    def _plan(self, linked: LinkedAction, built: Mapping[str, Any]) -> Plan:
        definition, view = linked.action.definition, self._views[linked.action.app]
        try:
            plan = definition.plan(msgspec.convert(built, definition.input), view)
        except Refused as error:
            return Refuse(str(error), error.cause, error.code)
        return _clash(plan.source, view) or plan if isinstance(plan, Call) and plan.source else plan


def _clash(source: ObjectRef, view: View) -> Refuse | None:
    """Where two objects are mapped to what would be written: then it is written for neither, as in the sinks."""
    found = view.mapped(source)
    back = view.mapped(found.other) if found is not None else None
    if found is None or back is None or back.other == source:
        return None
    there, other = found.other, back.other
    message = f"{there.app} {there.type} {there.id} is mapped to {other.type} {other.id}, too; remove one of the two"
    return Refuse(message, "conflict", "mapping_clash")


def plan_word(plan: Plan | None) -> str:
    """What a plan comes to, in a word: the operation of a call, or why there is none."""
    match plan:
        case Call(operation=operation):
            return operation
        case Unchanged():
            return "unchanged"
        case Superseded():
            return "superseded"
        case Park():
            return "park"
        case Skip():
            return "skip"
        case Refuse():
            return "refuse"
        case None:
            return "none"
