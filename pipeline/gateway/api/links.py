"""`/links`: flows switched on with connections."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.control.manage.links import LinkCard
from pipeline.gateway.api.parts import Api
from pipeline.operations.trigger import Triggered, trigger_now


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddLink(_Form):
    flow: str = Field(description="A flow's id, of the catalogue or stored")
    connections: dict[str, str] = Field(description="The id of a connection for each app of the flow")
    id: str = Field("", description="For good; made of the flow's where it is left out")
    options: dict[str, Any] = Field({}, description="Those that differ from the flow's defaults")
    enabled: bool = True


class ChangeLink(_Form):
    """What is left out stays. What is given takes the place of all that was there."""

    connections: dict[str, str] | None = None
    options: dict[str, Any] | None = None
    version: str = Field("", description="Of the flow: one that is kept, or `latest`")


class StartLink(_Form):
    """For a flow that starts on demand."""

    ids: list[str] = Field([], description="The objects that are meant; none means all")
    payload: dict[str, Any] = {}


def links_router(api: Api) -> APIRouter:
    router = APIRouter(prefix="/links", tags=["links"])

    def card(id: str) -> LinkCard:
        links = api.links(api.control())
        return links.card(links.link(id), api.views.counts().get(id, {}))

    @router.get("")
    def list_links(flow: Annotated[str, Query(description="Of this flow")] = "") -> list[LinkCard]:
        """Links with their state, and their runs by status."""
        return api.links(api.control()).cards(api.views.counts(), flow=flow)

    @router.post("", status_code=201)
    def add_link(new: AddLink) -> LinkCard:
        """Add connections to a flow: their events start it from now on."""
        with api.changing() as (stored, store):
            links = api.links(stored, "body")
            changes = links.add(new.flow, new.connections, store, id=new.id, options=new.options, enabled=new.enabled)
        return card(changes[-1].id)

    @router.get("/{link}")
    def show_link(link: str) -> LinkCard:
        """One link."""
        return card(link)

    @router.patch("/{link}")
    def change_link(link: str, new: ChangeLink) -> LinkCard:
        """Other connections, options, or another version of the flow."""
        latest = new.version == "latest"
        with api.changing() as (stored, store):
            api.links(stored, "body").change(
                link,
                store,
                connections=new.connections,
                options=new.options,
                version="" if latest else new.version,
                latest=latest,
            )
        return card(link)

    @router.post("/{link}/enable")
    def enable_link(link: str) -> LinkCard:
        """Switch it on. It is checked as a new one is."""
        with api.changing() as (stored, store):
            api.links(stored).enable(link, store)
        return card(link)

    @router.post("/{link}/disable")
    def disable_link(link: str) -> LinkCard:
        """No event starts a run any more; those that are open go on to their end."""
        with api.changing() as (stored, store):
            api.links(stored).disable(link, store)
        return card(link)

    @router.post("/{link}/trigger", status_code=202)
    def trigger_link(link: str, start: StartLink | None = None) -> Triggered:
        """Start it by hand, now: for flows that start on demand or by the clock."""
        return trigger_now(api, link, (start or StartLink()).model_dump(exclude_defaults=True))

    @router.delete("/{link}", status_code=204)
    def remove_link(
        link: str,
        force: Annotated[bool, Query(description="Though runs are open: they fail at their next step")] = False,
    ) -> None:
        """Forget it: refused while runs of it have not ended. What was made in the apps stays."""
        with api.changing() as (stored, store):
            store.remove([api.links(stored).removed(link, api.views.open_runs(link=link), force=force)])

    return router
