"""Webhooks in: `POST /hooks/<app>/<connection>/<kind>/<token>`, one address for each kind of event.

Togai signs nothing, so the address holds a token that cannot be guessed, and what arrives is a hint: its object is
fetched before anything is decided (https://docs.togai.com/docs/integrations/webhooks). A wrong token, connection or
app is 404 alike. A body that cannot be read becomes a dead letter, because the sender will not look at our answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request, Response

from pipeline.apps.base import App
from pipeline.control.hooks import is_hook_token
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import Undecodable
from pipeline.gateway.answers import Refusal
from pipeline.gateway.body import read_body
from pipeline.gateway.events import RETRY_AFTER_SECONDS, produce
from pipeline.gateway.intake import Intake
from pipeline.gateway.producer import AcknowledgingProducer, Outgoing
from pipeline.kafka.errors import KafkaUnavailable
from pipeline.schemas.records import Cause, Connection, DeadLetter

HOOKS = "/hooks"


def hook_path(app: str, connection: str, kind: str, box: SecretBox, *, token: str = "") -> str:
    """The address to register at the app, without scheme and host. It is a secret, and so is `token`.

    Without `token` it is the one derived from the first key, as it is until keys are rotated.
    """
    return f"{HOOKS}/{app}/{connection}/{kind}/{token or box.hook_token(connection)}"


def hooks_router(
    intake: Intake,
    producer: AcknowledgingProducer,
    apps: Mapping[str, App],
    control: Callable[[], ControlSnapshot],
    box: SecretBox,
) -> APIRouter:
    router = APIRouter()
    log = structlog.get_logger()

    async def post_hook(request: Request, app: str, connection: str, kind: str, token: str) -> Response:
        known = control().connections.get(connection)
        # Computed for an unknown connection too, so that the time tells nothing about which connections there are.
        genuine = is_hook_token(known or Connection(id=connection, app=app), token, box)
        if not genuine or known is None or known.app != app or app not in apps:
            raise Refusal(404, "not_found", "there is no such hook")
        body = await read_body(request)
        try:
            events = intake.hinted(apps[app], connection, apps[app].hooks(kind, body))
        except Undecodable as error:
            log.warning("a webhook body cannot be read", connection=connection, kind=kind, code=error.code)
            await _keep(app, connection, kind, body, error)
            raise Refusal(400, error.code, str(error)) from None
        return await produce(intake, producer, events)

    async def _keep(app: str, connection: str, kind: str, body: bytes, error: Undecodable) -> None:
        letter = DeadLetter(
            topic=intake.topics.events(app),
            partition=-1,
            offset=-1,
            key=f"{connection}/".encode(),
            value=body,
            headers=[("hook", f"{app}/{connection}/{kind}".encode())],
            cause=Cause(kind="undecodable", code=error.code, message=str(error)),
            stage="gateway",
            seen=datetime.now(UTC),
        )
        record = Outgoing(intake.topics.dead_letters, letter.key or b"", intake.codec.encode(letter))
        try:
            await producer.publish([record])
        except KafkaUnavailable as unavailable:
            message = "the body could not be kept; send it again"
            raise Refusal(503, "unavailable", message, retry_after=RETRY_AFTER_SECONDS) from unavailable

    router.add_api_route(
        f"{HOOKS}/{{app}}/{{connection}}/{{kind}}/{{token}}", post_hook, methods=["POST"], response_model=None
    )
    return router
