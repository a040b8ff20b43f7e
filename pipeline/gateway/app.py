"""The gateway as a FastAPI application, from its parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import FastAPI, Request, Response

from pipeline.apps.base import App
from pipeline.control.secrets import SecretBox
from pipeline.control.snapshot import ControlSnapshot
from pipeline.errors import Retry
from pipeline.gateway.answers import Refusal, json_answer, refused
from pipeline.gateway.api.app import add_api
from pipeline.gateway.api.parts import Api
from pipeline.gateway.events import RETRY_AFTER_SECONDS, events_router
from pipeline.gateway.hooks import hooks_router
from pipeline.gateway.intake import Intake
from pipeline.gateway.producer import AcknowledgingProducer
from pipeline.schemas.codec import Codec
from pipeline.schemas.topics import Topics


def build_gateway(
    *,
    apps: Mapping[str, App],
    topics: Topics,
    codec: Codec,
    producer: AcknowledgingProducer,
    control: Callable[[], ControlSnapshot],
    box: SecretBox,
    api: Api | None = None,
) -> FastAPI:
    """Routes over the parts given; owns none of them. `control` gives the present snapshot; `api` the control API."""
    app = FastAPI(title="Pipeline gateway", docs_url=None, redoc_url=None, openapi_url=None)
    intake = Intake(apps, codec, topics)
    app.include_router(events_router(intake, producer))
    app.include_router(hooks_router(intake, producer, apps, control, box))
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(Retry, _unavailable)
    if api is not None:
        add_api(app, api)
    app.middleware("http")(_log_requests)

    async def health() -> Response:
        """The process answers."""
        return json_answer(200, {"status": "up"})

    async def ready() -> Response:
        """It can take events: a broker answers."""
        if await asyncio.to_thread(producer.reachable):
            return json_answer(200, {"status": "ready", "revision": control().revision})
        return json_answer(503, {"status": "no broker answers"}, {"Retry-After": "5"})

    app.add_api_route("/health", health, methods=["GET"], response_model=None)
    app.add_api_route("/ready", ready, methods=["GET"], response_model=None)
    return app


async def _unavailable(request: Request, error: Exception) -> Response:
    """The schema registry cannot be asked: nothing was taken, the sender keeps what it has."""
    return await refused(request, Refusal(503, "unavailable", str(error), retry_after=RETRY_AFTER_SECONDS))


async def _log_requests(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """The access log: the route's pattern in place of the path, which may hold a hook's token."""
    started = time.monotonic()
    response = await call_next(request)
    route = getattr(request.scope.get("route"), "path", "(no route)")
    if route not in ("/health", "/ready"):
        structlog.get_logger().info(
            "request",
            method=request.method,
            route=route,
            connection=request.path_params.get("connection", ""),
            status=response.status_code,
            milliseconds=round((time.monotonic() - started) * 1000, 1),
        )
    return response
