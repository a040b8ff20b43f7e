"""`POST /events`: CloudEvents over HTTP, structured, batched or binary.

A batch is taken whole or not at all: with one invalid event nothing is produced, and each invalid one is named by its
index. Should the broker fail in the middle of a batch, the answer is 503 and the sender repeats all of it; what had
been taken is recognised by its id. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from fastapi.datastructures import Headers as HttpHeaders

from pipeline.errors import Undecodable
from pipeline.gateway.answers import Refusal, accepted
from pipeline.gateway.body import read_body
from pipeline.gateway.intake import Intake
from pipeline.gateway.producer import AcknowledgingProducer, TooLarge
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.envelope import Event

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PLAIN = "application/json"
RETRY_AFTER_SECONDS = 5


def events_router(intake: Intake, producer: AcknowledgingProducer) -> APIRouter:
    router = APIRouter()

    async def post_events(request: Request) -> Response:
        body = await read_body(request)
        try:
            events = read_events(intake, request.headers, body)
        except Undecodable as error:
            raise Refusal(400, error.code, str(error)) from None
        return await produce(intake, producer, events)

    router.add_api_route("/events", post_events, methods=["POST"], status_code=202, response_model=None)
    return router


def is_envelope(headers: HttpHeaders) -> bool:
    """Whether a request says that it holds CloudEvents; plain JSON does not."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in (SINGLE, BATCH) or "ce-type" in headers


def read_events(intake: Intake, headers: HttpHeaders, body: bytes) -> list[Event]:
    """All events of a request, completed. Raises `Undecodable`, and `Refusal` that names events by index."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == BATCH or (content_type == PLAIN and body.lstrip()[:1] == b"[" and "ce-type" not in headers):
        events, rejected = intake.batch(body)
        if rejected:
            message = f"{len(rejected)} of {len(events) + len(rejected)} events are invalid; none was taken"
            raise Refusal(400, "invalid_events", message, errors=rejected)
        return events
    if content_type == SINGLE or (content_type == PLAIN and "ce-type" not in headers):
        return [intake.event(body)]
    if "ce-type" in headers or "ce-specversion" in headers:
        return [intake.event(body, _binary_headers(headers, content_type))]
    raise Refusal(415, "not_an_envelope", f"send {SINGLE}, {BATCH}, or binary mode with ce-* headers")


async def produce(intake: Intake, producer: AcknowledgingProducer, events: list[Event]) -> Response:
    """202 after the brokers acknowledged all."""
    try:
        await producer.publish([intake.record(event) for event in events])
    except TooLarge as error:
        raise Refusal(413, "too_large", f"event {error.index}: {error}") from None
    except KafkaUnavailable as error:
        message = f"{error}; send all of it again: what was taken is recognised by its id"
        raise Refusal(503, "unavailable", message, retry_after=RETRY_AFTER_SECONDS) from None
    return accepted([event.id for event in events])


def _binary_headers(headers: HttpHeaders, content_type: str) -> list[tuple[str, bytes | None]]:
    """HTTP's ``ce-*`` as Kafka's ``ce_*``; values are percent-encoded UTF-8 (section 3.1.3.2)."""
    found: list[tuple[str, bytes | None]] = [
        (f"ce_{name[3:]}", unquote(value).encode()) for name, value in headers.items() if name.startswith("ce-")
    ]
    if "traceparent" in headers:
        found.append(("traceparent", headers["traceparent"].encode()))
    return [*found, ("content-type", content_type.encode())] if content_type else found
