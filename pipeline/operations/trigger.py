"""Start a link by hand: an event for it alone, on the same topic as all others, decided as all others."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.apps.incoming import complete
from pipeline.apps.schedules import schedule_of
from pipeline.errors import Conflict
from pipeline.flows.compile import CompiledFlow
from pipeline.operations.delivery import Delivery
from pipeline.schemas.envelope import Event

if TYPE_CHECKING:
    from pipeline.operations.installation import Parts


@dataclass(frozen=True, slots=True)
class Triggered:
    """The event that was put on the topic: results and decisions name it."""

    link: str
    event: str
    type: str


def trigger_now(parts: Parts, link: str, payload: Mapping[str, Any]) -> Triggered:
    """For flows that start on demand or by the clock; the latter as if they were due now.

    `payload` is the data of an on-demand event: `ids` of the objects that are meant, and `payload`. Raises `NotThere`,
    `Conflict` for a link that is off or starts on something else, `KafkaUnavailable`.
    """
    stored = parts.control()
    found = parts.links(stored).link(link)
    record = stored.flow_of(found)
    if record is None:
        raise Conflict(f"version {found.flow_version} of flow {found.flow!r} is gone")
    flow = parts.check_flow(record.text, record.file)
    if not found.enabled:
        raise Conflict(f"link {link!r} is off: enable it first")
    event = complete(_event(flow, found.connections[flow.app.name], link, payload), parts.apps)
    with Delivery(parts.access) as delivery:
        headers = {"content-type": parts.codec.event_content_type}
        delivery.produce(parts.topics.events(event.app), event.key, parts.codec.encode(event), headers)
    return Triggered(link, event.id, event.type)


def _event(flow: CompiledFlow, connection: str, link: str, payload: Mapping[str, Any]) -> Event:
    data: dict[str, Any] = {**payload, "link": link}
    subject = link
    if flow.trigger.scheduled:
        schedule = schedule_of(flow.spec.trigger.given)
        due = schedule.data(datetime.now(schedule.zone))
        data, subject = {**due, "link": link}, f"{schedule.key} {due['due']}"
    elif not flow.trigger.asked:
        message = f"link {link!r} starts on {flow.event_type}, not by hand: send such an event, or replay one"
        raise Conflict(message)
    return Event(
        id=str(uuid.uuid4()),
        type=flow.event_type,
        source=f"{flow.app.name}/{connection}",
        connection=connection,
        subject=subject,
        data=data,
    )
