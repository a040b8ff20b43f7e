"""Completing an event as it arrived: what its producer left out is filled in from the envelope and from the data.

Codes of `Undecodable` here: ``unknown_app``, ``unknown_trigger``, ``no_connection``, ``no_subject``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import msgspec

from pipeline.apps.base import App, Trigger
from pipeline.errors import Undecodable
from pipeline.schemas.envelope import Event, event_id


def complete(event: Event, apps: Mapping[str, App]) -> Event:
    """The event with id, source, connection, subject and party; the same object where nothing was missing.

    The connection comes from `source` (``<app>/<connection>``), the subject from the data's own id, the party from the
    app (the subject where it cannot tell), the version from the app, the id from all of these. A time without a zone is
    UTC. Raises `Undecodable` where the event cannot be placed.
    """
    app, trigger = _known(event, apps)
    filled: dict[str, Any] = {}
    connection = event.connection
    if not connection:
        connection = filled["connection"] = _connection(event)
    if not event.source:
        filled["source"] = f"{app.name}/{connection}"
    subject = event.subject
    if not subject:
        subject = filled["subject"] = _subject(event, trigger)
    if not event.party:
        filled["party"] = (app.party(trigger.name, event.data) if event.data is not None else "") or subject
    version = event.sourceversion
    if not version and event.data is not None and (version := app.version(trigger.name, event.data)):
        filled["sourceversion"] = version
    if not event.id:
        filled["id"] = event_id(connection, event.type, subject, version, event.data)
    if event.time is not None and event.time.tzinfo is None:
        filled["time"] = event.time.replace(tzinfo=UTC)
    return msgspec.structs.replace(event, **filled) if filled else event


def _known(event: Event, apps: Mapping[str, App]) -> tuple[App, Trigger]:
    name, _, kind = event.type.partition(".")
    app = apps.get(name)
    if app is None:
        raise Undecodable("unknown_app", f"no app {name!r} for event type {event.type!r}: there are {', '.join(apps)}")
    trigger = app.triggers.get(kind)
    if trigger is None:
        there = ", ".join(f"{name}.{one}" for one in app.triggers)
        raise Undecodable("unknown_trigger", f"no event type {event.type!r}: there are {there}")
    return app, trigger


def _connection(event: Event) -> str:
    app, _, connection = event.source.partition("/")
    if app != event.app or not connection:
        raise Undecodable(
            "no_connection",
            f"the event names no connection: set `connection`, or `source` to '{event.app}/<connection>'"
            f" (it is {event.source!r})",
        )
    return connection


def _subject(event: Event, trigger: Trigger) -> str:
    found = trigger.subject(event.data)
    if found:
        return found
    raise Undecodable(
        "no_subject", f"the event has no `subject`, and its data no `{trigger.id}` of the {trigger.object}"
    )
