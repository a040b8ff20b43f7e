"""The control API: what `pipeline` does on a command line, over HTTP, behind a token."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles

from pipeline.gateway.answers import API
from pipeline.gateway.api.apps import apps_router
from pipeline.gateway.api.connections import connections_router
from pipeline.gateway.api.flows import flows_router
from pipeline.gateway.api.guard import Guard
from pipeline.gateway.api.links import links_router
from pipeline.gateway.api.parts import Api
from pipeline.gateway.api.problems import RESPONSES, add_problem_handlers
from pipeline.gateway.api.runs import runs_router

PREFIX = f"{API}/v1"
OPENAPI = "/openapi.json"
DOCS = "/docs"
FILES = f"{DOCS}/files"


def add_api(app: FastAPI, api: Api) -> None:
    """Its routes below `PREFIX`, its errors, its guard; and its description, which tells nothing of an installation."""
    app.include_router(api_router(api))
    add_problem_handlers(app)
    app.add_middleware(Guard, token=api.token)
    app.openapi_url = OPENAPI
    app.setup()

    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=OPENAPI,
            title=app.title,
            swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{FILES}/swagger-ui.css",
            swagger_favicon_url=f"{FILES}/favicon.png",
        )

    app.add_api_route(DOCS, docs, methods=["GET"], include_in_schema=False)
    # Whoever types the token into the page gives it to its scripts: they come from here.
    app.mount(FILES, StaticFiles(packages=[("fastapi_offline", "static")]))


def api_router(api: Api) -> APIRouter:
    # The guard has looked at the token before; here it is said to readers of the description.
    bearer = HTTPBearer(auto_error=False, description="`pipeline api token` prints it")
    router = APIRouter(
        prefix=PREFIX, dependencies=[Depends(bearer)], responses=RESPONSES, generate_unique_id_function=_operation
    )
    for part in (apps_router, connections_router, flows_router, links_router, runs_router):
        router.include_router(part(api))
    return router


def _operation(route: APIRoute) -> str:
    return route.name
