"""`/runs`: the activity log. It is built from the topics a moment later; `lag` says how far behind an answer is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from pipeline.errors import NotThere
from pipeline.gateway.api.parts import Api
from pipeline.operations.views.answers import Page, RunDetail, RunFilter, RunStatus
from pipeline.operations.views.views import MOST


def runs_router(api: Api) -> APIRouter:
    router = APIRouter(tags=["runs"])

    @router.get("/runs")
    def list_runs(
        *,
        link: Annotated[str, Query(description="A link's id")] = "",
        flow: Annotated[str, Query(description="A flow's id")] = "",
        party: Annotated[str, Query(description="An account or contact")] = "",
        status: RunStatus | None = None,
        event: Annotated[str, Query(description="An event's id")] = "",
        replay: Annotated[str, Query(description="A replay's id")] = "",
        since: Annotated[AwareDatetime | None, Query(description="Started at this time or later")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST, description="Runs of a page")] = 50,
        after: Annotated[str, Query(description="`next` of the page before")] = "",
    ) -> Page:
        """Runs, the newest first."""
        return api.views.runs(
            RunFilter(
                link=link,
                flow=flow,
                party=party,
                status=status,
                event=event,
                replay=replay,
                since=since,
                limit=limit,
                after=after,
            )
        )

    @router.get("/runs/{run}")
    def show_run(run: str) -> RunDetail:
        """One run with each of its steps: input, output, error and times."""
        found = api.views.run(run)
        if found is None:
            raise NotThere(f"no run {run!r}; the log may not have come to it yet, or keeps it no longer")
        return found

    return router
