"""Webhooks in: `POST /hooks/<app>/<connection>` for those who sign, else an address that cannot be guessed.

Togai signs nothing, so there is `POST /hooks/<app>/<connection>/<kind>/<token>`, one address for each kind of event
(https://docs.togai.com/docs/integrations/webhooks). An app that signs has no such address: whoever had seen one could
speak in its name. The kind of a signed webhook is in its address, `?event=contact.created`; else the body decides.

What arrives is a hint even where it is signed, because a genuine webhook may be an old one: its object is fetched
before anything is decided. Whoever signs by Standard Webhooks may also send CloudEvents, and is then trusted as any
producer is. A wrong address is 404 alike, whichever part of it is wrong. A body that cannot be read becomes a dead
letter, because the sender will not look at our answer; of what is not genuine nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request, Response

from pipeline.apps.base import App, SignsHooks
from pipeline.control.hooks import is_hook_token
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import ConfigurationError, Retry, Undecodable, Unverified
from pipeline.gateway.answers import Refusal
from pipeline.gateway.body import read_body
from pipeline.gateway.events import RETRY_AFTER_SECONDS, is_envelope, produce, read_events
from pipeline.gateway.intake import Intake
from pipeline.gateway.producer import AcknowledgingProducer, Outgoing
from pipeline.gateway.signed import Arrived, Delivery, takes_signed, verified
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.envelope import Event
from pipeline.schemas.records import Cause, Connection, DeadLetter

HOOKS = "/hooks"
ANY = "any"
"""The kind of an address that names none."""


def hook_path(app: str, connection: str, kind: str, box: SecretBox, *, token: str = "") -> str:
    """The address to register at an app that signs nothing, without scheme and host. It is a secret, and so is `token`.

    Without `token` it is the one derived from the first key, as it is until keys are rotated.
    """
    return f"{HOOKS}/{app}/{connection}/{kind}/{token or box.hook_token(connection)}"


def signed_path(app: str, connection: str, kind: str = "") -> str:
    """The address to register where webhooks are signed: no secret."""
    return f"{HOOKS}/{app}/{connection}" + (f"?event={kind}" if kind else "")


def hooks_router(
    intake: Intake,
    producer: AcknowledgingProducer,
    apps: Mapping[str, App],
    control: Callable[[], ControlSnapshot],
    box: SecretBox,
) -> APIRouter:
    router, receiver = APIRouter(), _Receiver(intake, producer, apps, control, box)
    for path, receive in (("", receiver.signed), ("/{kind}/{token}", receiver.unsigned)):
        pattern = f"{HOOKS}/{{app}}/{{connection}}{path}"
        router.add_api_route(pattern, receive, methods=["POST"], response_model=None)
    return router


@dataclass(frozen=True, slots=True)
class _Receiver:
    intake: Intake
    producer: AcknowledgingProducer
    apps: Mapping[str, App]
    control: Callable[[], ControlSnapshot]
    box: SecretBox

    async def unsigned(self, request: Request, app: str, connection: str, kind: str, token: str) -> Response:
        """At an address with a token."""
        known = self.control().connections.get(connection)
        # Computed for an unknown connection too, so that the time tells nothing about which connections there are.
        genuine = is_hook_token(known or Connection(id=connection, app=app), token, self.box)
        used = self._app(app, known)
        if not genuine or used is None or isinstance(used, SignsHooks):
            raise _no_such_hook()
        body = await read_body(request)
        return await self._hints(used, connection, kind, body, None)

    async def signed(self, request: Request, app: str, connection: str) -> Response:
        """At the address of a connection that has a `webhook_secret`."""
        known = self.control().connections.get(connection)
        used = self._app(app, known)
        if used is None or known is None or not takes_signed(used):
            raise _no_such_hook()
        arrived = Arrived(dict(request.headers), request.query_params.multi_items(), await read_body(request))
        delivery = self._verified(used, known, arrived)
        if not delivery.named or not is_envelope(request.headers):
            kind = request.query_params.get("event", ANY)
            return await self._hints(used, connection, kind, arrived.body, delivery)
        try:
            events = read_events(self.intake, request.headers, arrived.body)
        except Undecodable as error:
            await self._keep(app, connection, ANY, arrived.body, error)
            raise Refusal(400, error.code, str(error)) from None
        except Retry as error:
            raise Refusal(503, "unavailable", str(error), retry_after=RETRY_AFTER_SECONDS) from None
        return await produce(self.intake, self.producer, [_own(event, known) for event in events])

    def _app(self, name: str, connection: Connection | None) -> App | None:
        return self.apps.get(name) if connection is not None and connection.app == name else None

    def _verified(self, app: App, connection: Connection, arrived: Arrived) -> Delivery:
        log = structlog.get_logger()
        try:
            return verified(app, connection, arrived, self.box)
        except Unverified as error:
            log.warning("a webhook was turned away", connection=connection.id, code=error.code, reason=str(error))
            raise Refusal(401, error.code, str(error)) from None
        except ConfigurationError as error:
            log.error("a webhook's signature cannot be checked", connection=connection.id, reason=str(error))
            message = "the signature cannot be checked now; send it again later"
            raise Refusal(503, "unavailable", message, retry_after=RETRY_AFTER_SECONDS) from None

    async def _hints(self, app: App, connection: str, kind: str, body: bytes, delivery: Delivery | None) -> Response:
        """The answer is given when the broker has them all; a body without an event of ours is answered alike."""
        try:
            events = self.intake.hinted(app, connection, app.hooks(kind, body), delivery)
        except Undecodable as error:
            log = structlog.get_logger()
            log.warning("a webhook body cannot be read", connection=connection, kind=kind, code=error.code)
            await self._keep(app.name, connection, kind, body, error)
            raise Refusal(400, error.code, str(error)) from None
        return await produce(self.intake, self.producer, events)

    async def _keep(self, app: str, connection: str, kind: str, body: bytes, error: Undecodable) -> None:
        letter = DeadLetter(
            topic=self.intake.topics.events(app),
            partition=-1,
            offset=-1,
            key=f"{connection}/".encode(),
            value=body,
            headers=[("hook", f"{app}/{connection}/{kind}".encode())],
            cause=Cause(kind="undecodable", code=error.code, message=str(error)),
            stage="gateway",
            seen=datetime.now(UTC),
        )
        record = Outgoing(self.intake.topics.dead_letters, letter.key or b"", self.intake.codec.encode(letter))
        try:
            await self.producer.publish([record])
        except KafkaUnavailable as unavailable:
            message = "the body could not be kept; send it again"
            raise Refusal(503, "unavailable", message, retry_after=RETRY_AFTER_SECONDS) from unavailable


def _no_such_hook() -> Refusal:
    return Refusal(404, "not_found", "there is no such hook")


def _own(event: Event, connection: Connection) -> Event:
    """The event, of the connection whose secret signed it. Raises `Refusal`."""
    if (event.app, event.connection) != (connection.app, connection.id):
        message = f"an event of {event.app}/{event.connection} at the address of {connection.app}/{connection.id}"
        raise Refusal(400, "wrong_connection", message)
    return event
