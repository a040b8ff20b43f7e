"""A trigger's sample, or other data of it, as an event: what flows are checked and previewed against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from pipeline.apps.base import App, Trigger
from pipeline.apps.schedules import schedule_of
from pipeline.schemas.envelope import Event


def sample_event(app: App, trigger: Trigger, given: Mapping[str, Any] | None = None) -> Event:
    """The sample as it would arrive over the wire, from a connection that is called like the app.

    `given` is what a flow says about the trigger (`TriggerSpec.given`): a due time is then one of its own schedule.
    """
    sample = dict(trigger.sample)
    if trigger.scheduled and given:
        schedule = schedule_of(given)
        due = schedule.last(datetime.fromisoformat(str(sample["due"])).timestamp())
        sample = schedule.data(due) if due else {**sample, "id": schedule.key}
    return event_with(app, trigger, sample)


def event_with(app: App, trigger: Trigger, data: Any) -> Event:
    """As `sample_event`, with `data` instead of the sample."""
    written = msgspec.json.Encoder(decimal_format="number").encode(data)
    data = msgspec.json.Decoder(float_hook=Decimal).decode(written)
    return Event(
        id="sample",
        source=f"{app.name}/{app.name}",
        type=f"{app.name}.{trigger.name}",
        subject=trigger.subject(data),
        data=data,
        connection=app.name,
        party=app.party(trigger.name, data),
        sourceversion=app.version(trigger.name, data),
    )
