"""A trigger's sample as an event: what flows are checked and previewed against."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pipeline.apps.base import App, Trigger
from pipeline.schemas.envelope import Event


def sample_event(app: App, trigger: Trigger) -> Event:
    """The sample as it would arrive over the wire, from a connection that is called like the app."""
    written = msgspec.json.Encoder(decimal_format="number").encode(trigger.sample)
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
