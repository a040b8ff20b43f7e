"""What the installed apps offer, as plain values: connection forms, triggers and actions, each with its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.apps.base import Action, App, SignsHooks, Trigger
from pipeline.apps.registry import app_named


@dataclass(frozen=True, slots=True)
class AppCard:
    """An app in the list."""

    name: str
    title: str
    triggers: list[str]
    actions: list[str]


@dataclass(frozen=True, slots=True)
class SecretField:
    """A secret of a connection form. It is sent, and never given back."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ConnectionFormShown:
    """`settings` is a JSON Schema. Which secrets are needed together, an app says when they are tried."""

    settings: dict[str, Any]
    secrets: list[SecretField]


@dataclass(frozen=True, slots=True)
class TriggerShown:
    """`schema` is a JSON Schema of an event's data, `sample` one. `fetch` is the action that gets the object afresh."""

    name: str
    title: str
    object: str
    schema: dict[str, Any]
    sample: dict[str, Any]
    fetch: str


@dataclass(frozen=True, slots=True)
class ActionShown:
    """`input` and `output` are JSON Schemas; `calls` says how many calls it makes, `safe` why it may be repeated."""

    name: str
    title: str
    input: dict[str, Any]
    output: dict[str, Any]
    calls: str
    repeat: str
    safe: str


@dataclass(frozen=True, slots=True)
class AppShown:
    """`polls` finds what webhooks missed, of these triggers; `signed`: its webhooks are signed."""

    name: str
    title: str
    connection: ConnectionFormShown
    triggers: list[TriggerShown]
    actions: list[ActionShown]
    polls: list[str]
    signed: bool


def app_cards(apps: Mapping[str, App]) -> list[AppCard]:
    return [AppCard(app.name, app.title, list(app.triggers), list(app.actions)) for app in apps.values()]


def shown_app(apps: Mapping[str, App], name: str) -> AppShown:
    """Raises `NotThere`."""
    app = app_named(apps, name)
    return AppShown(
        name=app.name,
        title=app.title,
        connection=ConnectionFormShown(
            settings=app.settings.model_json_schema(),
            secrets=[SecretField(name, description) for name, description in app.secrets.items()],
        ),
        triggers=[_trigger(trigger) for trigger in app.triggers.values()],
        actions=[_action(action) for action in app.actions.values()],
        polls=sorted({trigger for poll in app.polls.values() for trigger in poll.triggers}),
        signed=isinstance(app, SignsHooks),
    )


def _trigger(trigger: Trigger) -> TriggerShown:
    return TriggerShown(
        name=trigger.name,
        title=trigger.title,
        object=trigger.object,
        schema=_schema(trigger.schema),
        sample=_plain(trigger.sample),
        fetch=trigger.fetch,
    )


def _action(action: Action[Any]) -> ActionShown:
    output = getattr(action, "output", None)
    return ActionShown(
        name=action.name,
        title=action.title,
        input=_schema(action.input),
        output=_schema(output) if output is not None else {},
        calls=action.calls,
        repeat=action.repeat,
        safe=action.safe,
    )


def _schema(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """Of what is taken in: money may come as a number, too."""
    schema: dict[str, Any] = _with_numbers(msgspec.json.schema(type_))
    return schema


def _with_numbers(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_numbers(each) for each in part]
    if not isinstance(part, dict):
        return part
    more = {"type": ["string", "number"]} if part.get("format") == "decimal" else {}
    return {name: _with_numbers(each) for name, each in part.items()} | more


def _plain(value: Any) -> Any:
    """As it travels: numbers as numbers, times as text."""
    return msgspec.json.decode(msgspec.json.Encoder(decimal_format="number").encode(value))
