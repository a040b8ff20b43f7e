"""`/apps`: what can be connected, what starts a flow, and what a flow can do."""

from __future__ import annotations

from fastapi import APIRouter

from pipeline.control.manage.apps import AppCard, AppShown, app_cards, shown_app
from pipeline.gateway.api.parts import Api


def apps_router(api: Api) -> APIRouter:
    router = APIRouter(tags=["apps"])

    @router.get("/apps")
    def list_apps() -> list[AppCard]:
        """The apps that are installed."""
        return app_cards(api.apps)

    @router.get("/apps/{app}")
    def show_app(app: str) -> AppShown:
        """One app with its connection form, its triggers and its actions."""
        return shown_app(api.apps, app)

    return router
