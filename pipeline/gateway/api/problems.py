"""How errors of the functions below become answers: all faults at once, each with its place, in one JSON shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pipeline.control.places import Fault, Faults
from pipeline.errors import (
    ConfigurationError,
    Conflict,
    InDoubt,
    NotThere,
    PipelineError,
    Refused,
    Retry,
    Stopped,
    Wait,
)
from pipeline.gateway.answers import problem
from pipeline.gateway.events import RETRY_AFTER_SECONDS
from pipeline.kafka.errors import KafkaUnavailable, RestoreStalled
from pipeline.operations.views.database import DatabaseUnavailable


class ProblemFault(BaseModel):
    """One thing to mend, and where."""

    place: str = Field(description="A part of the request (`body.settings.plan`), or `file:line:column` of a flow")
    message: str


class Problem(BaseModel):
    """What was not done, and why. Nothing was written."""

    code: str = Field(
        description="Stable, for programs: invalid, not_there, conflict, mistake, refused, unavailable, failed"
    )
    message: str
    errors: list[ProblemFault] = []


RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The token is missing or wrong"},
    404: {"model": Problem, "description": "What is named is not there"},
    409: {"model": Problem, "description": "What is there stands in the way"},
    422: {"model": Problem, "description": "Something that was sent is wrong: all of it is named"},
    503: {"model": Problem, "description": "A broker, a database or an app does not answer: try again later"},
}
"""Of every route."""

_HTTP_CODES = {400: "invalid", 404: "not_there", 405: "wrong_method", 413: "too_large"}


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(PipelineError, _pipeline_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def faults_of(errors: list[dict[str, Any]]) -> list[Fault]:
    """Pydantic's errors by place. What was sent is never repeated: it may be a secret."""
    return [Fault(_place(each), str(each["msg"]).removeprefix("Value error, ")) for each in errors]


def _place(error: dict[str, Any]) -> str:
    return "body" if error["type"] == "json_invalid" else ".".join(map(str, error["loc"]))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _faulty(faults_of(list(error.errors())))


async def _pipeline_error(_: Request, error: Exception) -> Response:
    """From the most particular to the least."""
    later = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    match error:
        case Faults():
            return _faulty(list(error.faults))
        case NotThere():
            return problem(404, "not_there", str(error))
        case Conflict():
            return problem(409, "conflict", str(error))
        case ConfigurationError():
            return problem(422, "mistake", str(error))
        case KafkaUnavailable() | RestoreStalled() | DatabaseUnavailable() | Retry() | Wait() | InDoubt():
            return problem(503, "unavailable", str(error), headers=later)
        case Stopped() | Refused():
            return problem(422, "refused", str(error))
        case _:
            return problem(503, "failed", str(error), headers=later)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers: Mapping[str, str] | None = error.headers
    return problem(error.status_code, _HTTP_CODES.get(error.status_code, "refused"), error.detail, headers=headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """A mistake of ours: its text may hold anything, so only its kind goes out."""
    route = getattr(request.scope.get("route"), "path", "(no route)")
    structlog.get_logger().error("a request failed", route=route, kind=type(error).__name__)
    return problem(500, "internal", "the gateway made a mistake; its log says more")


def _faulty(faults: list[Fault]) -> Response:
    what = "one thing is" if len(faults) == 1 else f"{len(faults)} things are"
    return problem(422, "invalid", f"{what} wrong; nothing was written", errors=faults)
