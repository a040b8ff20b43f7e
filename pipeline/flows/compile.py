"""From a parsed flow to a compiled one: every name resolved, every clause and template checked and made a function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Action, App, Trigger
from pipeline.apps.schedules import GIVEN, schedule_of
from pipeline.errors import EffectError
from pipeline.flows.claims import rivals
from pipeline.flows.expressions import Clause, Clauses, compile_clause
from pipeline.flows.inputs import InputCheck
from pipeline.flows.loops import makes_its_trigger
from pipeline.flows.model import ActionSpec, FlowSpec
from pipeline.flows.options import link_faults, own_faults, shape_of
from pipeline.flows.parse import ParsedFlow, parse_leniently
from pipeline.flows.references import Reference
from pipeline.flows.samples import sample_event
from pipeline.flows.shapes import NoField, Shape, at, did_you_mean, is_struct
from pipeline.flows.source import Fault, FlowFaults, Path
from pipeline.flows.templates import Template
from pipeline.schemas.records import Link


@dataclass(frozen=True, slots=True)
class CompiledAction:
    """One step. `index` is its place in the flow, `clauses` are its own conditions."""

    index: int
    id: str
    app: str
    name: str
    definition: Action[Any]
    clauses: Clauses
    template: Template


@dataclass(frozen=True, slots=True)
class CompiledFlow:
    """A flow that was checked against the installed apps. `event_type` is ``<app>.<trigger>``."""

    spec: FlowSpec
    version: str
    app: App
    trigger: Trigger
    event_type: str
    clauses: Clauses
    actions: tuple[CompiledAction, ...]

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def apps(self) -> tuple[str, ...]:
        """The apps that a link must give connections of, the trigger's first."""
        return tuple(dict.fromkeys((self.spec.trigger.app, *(action.app for action in self.actions))))

    def option_faults(self, options: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """What is wrong with the options a link gives, as (option, message)."""
        return link_faults(self.spec.options, options)

    def rivals(self, link: Link, other: CompiledFlow, other_link: Link) -> Sequence[str]:
        """The actions by which `link` of this flow and `other_link` of `other` would write the same object."""
        return rivals(self, link, other, other_link)


def load_flow(text: str, apps: Mapping[str, App], file: str = "<flow>") -> CompiledFlow:
    """Parse, check and compile. Raises `FlowFaults` with all that is wrong."""
    return compile_flow(parse_leniently(text, file), apps)


def compile_flow(parsed: ParsedFlow, apps: Mapping[str, App]) -> CompiledFlow:
    """Raises `FlowFaults` with all that is wrong, those of the shape included."""
    compiler = _Compiler(parsed, apps)
    flow = compiler.flow()
    faults = [*parsed.faults, *compiler.faults]
    if faults or flow is None:
        raise FlowFaults(faults)
    return flow


class _Compiler:
    """Walks one flow and notes faults instead of raising."""

    def __init__(self, parsed: ParsedFlow, apps: Mapping[str, App]) -> None:
        self.spec = parsed.spec
        self.version = parsed.version
        self.source = parsed.source
        self.apps = apps
        self.faults: list[Fault] = []
        self.options: Mapping[str, Shape] = {name: shape_of(option) for name, option in self.spec.options.items()}
        self.steps: dict[str, Shape] = {}

    def flow(self) -> CompiledFlow | None:
        app, trigger = self._trigger()
        if app is not None:
            self._direction(app)
        for name, option in self.spec.options.items():
            for key, message in own_faults(option):
                self._note(("options", name, key), message)
        shapes: dict[str, Shape] = {"data": trigger.schema if trigger else Any, "options": self.options}
        clauses = self._clauses(self.spec.when, ("when",), shapes, self._own(trigger))
        actions = [self._action(index, action, shapes, app, trigger) for index, action in enumerate(self.spec.actions)]
        compiled = tuple(action for action in actions if action is not None)
        if app is None or trigger is None or clauses is None or len(compiled) < len(actions):
            return None
        event_type = f"{app.name}.{trigger.name}"
        return CompiledFlow(self.spec, self.version, app, trigger, event_type, clauses, compiled)

    def _trigger(self) -> tuple[App | None, Trigger | None]:
        spec = self.spec.trigger
        app = self.apps.get(spec.app)
        if app is None:
            self._note(("trigger", "app"), f"there is no app {spec.app!r}{did_you_mean(spec.app, self.apps)}")
            return None, None
        trigger = app.triggers.get(spec.event)
        if trigger is None:
            message = f"{app.name} has no trigger {spec.event!r}{did_you_mean(spec.event, app.triggers)}"
            self._note(("trigger", "event"), message)
        elif trigger.scheduled:
            self._schedule()
        else:
            for name in spec.given:
                self._note(("trigger", name), f"{trigger.name} is not started by the clock: it takes no {name}")
        return app, trigger

    def _schedule(self) -> None:
        """Faults of what the flow says of when it is due."""
        try:
            schedule_of(self.spec.trigger.given)
        except ValueError as error:
            given = self.spec.trigger.given
            at = next((name for name in GIVEN if name in given and name in str(error)), "event")
            self._note(("trigger", at), str(error))

    def _own(self, trigger: Trigger | None) -> Sequence[str]:
        """What must hold beside the flow's own conditions: the event is of its schedule, or asks for it."""
        if trigger is not None and trigger.asked:
            return (f"!has(data.flow) || data.flow == {json.dumps(self.spec.id)}",)
        if trigger is None or not trigger.scheduled:
            return ()
        try:
            return (f"data.id == {json.dumps(schedule_of(self.spec.trigger.given).key)}",)
        except ValueError:
            return ()

    def _direction(self, app: App) -> None:
        if self.spec.type != app.direction:
            self._note(("type",), f"a flow that starts in {app.name} is {app.direction}, not {self.spec.type}")

    def _clauses(
        self, texts: Sequence[str], path: Path, shapes: Mapping[str, Shape], own: Sequence[str] = ()
    ) -> Clauses | None:
        compiled: list[Clause] = []
        own_ones = [clause for clause in (compile_clause(text, shapes) for text in own) if isinstance(clause, Clause)]
        for index, text in enumerate(texts):
            clause = compile_clause(text, shapes)
            if isinstance(clause, Clause):
                compiled.append(clause)
            else:
                self.faults += [
                    self.source.fault((*path, index), fault.message, offset=fault.offset) for fault in clause
                ]
        return Clauses([*own_ones, *compiled]) if len(compiled) == len(texts) else None

    def _action(
        self, index: int, spec: ActionSpec, shapes: Mapping[str, Shape], app: App | None, trigger: Trigger | None
    ) -> CompiledAction | None:
        path: Path = ("actions", index)
        if spec.id in self.steps:
            self._note((*path, "id"), f"an earlier action is called {spec.id!r} already")
        clauses = self._clauses(spec.when, (*path, "when"), {**shapes, "steps": dict(self.steps)})
        definition = self._definition(spec, path)
        if definition and trigger and app and app.name == spec.app and makes_its_trigger(trigger, definition):
            self._loop(spec, path)
        check = InputCheck(self.source, lambda reference: self._shape(reference, index, app, trigger))
        template = check.template(spec.input, (*path, "input"), definition.input if definition else Any)
        self.faults += check.faults
        self.steps[spec.id] = getattr(definition, "output", None) or Any
        if definition is None or clauses is None:
            return None
        return CompiledAction(index, spec.id, spec.app, spec.action, definition, clauses, template)

    def _definition(self, spec: ActionSpec, path: Path) -> Action[Any] | None:
        app = self.apps.get(spec.app)
        if app is None:
            self._note((*path, "app"), f"there is no app {spec.app!r}{did_you_mean(spec.app, self.apps)}")
            return None
        definition = app.actions.get(spec.action)
        if definition is None:
            message = f"{app.name} has no action {spec.action!r}{did_you_mean(spec.action, app.actions)}"
            self._note((*path, "action"), message)
        return definition

    def _loop(self, spec: ActionSpec, path: Path) -> None:
        """With a condition on the data it may end: then it is `lint`'s to say."""
        if not any("data." in clause for clause in (*self.spec.when, *spec.when)):
            message = (
                f"{spec.action} makes what starts this flow ({self.spec.trigger.event}): it would start itself without "
                "end; give it a condition on data that is false for what it makes"
            )
            self._note((*path, "action"), message)

    def _shape(self, reference: Reference, index: int, app: App | None, trigger: Trigger | None) -> Shape:
        """The type a reference gives. Raises `NoField`."""
        match reference.root:
            case "options":
                option = self.spec.options.get(reference.path[0])
                if option is not None and option.nullable and not reference.optional:
                    raise NoField(option.type, message=f"it may be absent: write ${{{reference.text}?}}")
                return at(self.options, reference.path)
            case "steps":
                self._backward(reference, index)
                return at(self.steps, reference.path)
            case "document" if app and trigger:
                return at(self._document(app, trigger), reference.path)
            case "trigger" if trigger and reference.path[0] == "data":
                shape = at(trigger.schema, reference.path[1:])
                return dict[str, Any] if is_struct(shape) else shape
            case "trigger" if reference.path[0] != "data":
                return str
        return Any

    def _backward(self, reference: Reference, index: int) -> None:
        step = reference.path[0]
        later = {action.id: place for place, action in enumerate(self.spec.actions) if place >= index}
        if step in later and step not in self.steps:
            word = "this" if later[step] == index else "a later"
            raise NoField(step, message=f"{step!r} is {word} action: only what earlier ones gave can be read")

    def _document(self, app: App, trigger: Trigger) -> Shape:
        """The type of the trigger's document, as its sample shows it."""
        try:
            document = app.document(trigger.name, sample_event(app, trigger))
        except EffectError as error:
            raise NoField("document", message=f"the trigger's sample gives no document: {error}") from None
        if document is None:
            raise NoField("document", message=f"{app.name} offers no document of {trigger.name}")
        return type(document)

    def _note(self, path: Path, message: str) -> None:
        self.faults.append(self.source.fault(path, message))
