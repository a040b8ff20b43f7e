"""`/flows`: found, written, previewed, shadowed. A flow is sent and given as its YAML text (JSON is YAML, too)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.control.manage.changes import Changed
from pipeline.control.manage.flows import FlowCard, FlowShown, Kind
from pipeline.control.places import Fault, Faults
from pipeline.errors import ConfigurationError, Undecodable
from pipeline.flows.compile import CompiledFlow
from pipeline.flows.lint import lint
from pipeline.flows.source import FlowFaults
from pipeline.flows.told import PreviewTold
from pipeline.gateway.api.parts import Api
from pipeline.operations import shadow
from pipeline.operations.preview import Asked, pasted
from pipeline.operations.shadow import ShadowTold

SENT = "flow.yaml"
"""Stands for the file in the places of faults: ``flow.yaml:12:5``."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WriteFlow(_Form):
    text: str = Field(description="The flow in YAML; `docs/flows.md` says how")


class EditFlow(WriteFlow):
    move_links: bool = Field(True, description="Links run this version from now on; else they stay on theirs")


class CopyFlow(_Form):
    id: str = Field(description="Of the copy")
    name: str = Field("", description="What people call it")


class CheckedText(BaseModel):
    """A text that can be stored. `warnings` say what is likely not meant."""

    id: str
    version: str
    warnings: list[str]


class PromoteFlow(_Form):
    version: str = Field(description="The hash of the version that was looked at")


class ShadowStarted(BaseModel):
    """`version` is compared with `live` from now on."""

    flow: str
    version: str
    live: str


class PreviewFlow(_Form):
    """A stored flow, or a text that is not stored yet, on an event. Without a link or connections nothing is mapped."""

    flow: str = Field("", description="A flow's id")
    text: str = Field("", description="A flow in YAML, instead")
    link: str = Field("", description="With the connections and options of this link")
    connections: dict[str, str] = Field({}, description="One for each app of the flow")
    options: dict[str, Any] = {}
    event: dict[str, Any] | None = Field(None, description="A CloudEvent, or data of the trigger; else its sample")
    event_id: str = Field("", description="A past event")


def flows_router(api: Api) -> APIRouter:
    router = APIRouter(prefix="/flows", tags=["flows"])

    @router.get("")
    def list_flows(
        search: Annotated[str, Query(description="Words of the name, the description or a tag")] = "",
        kind: Annotated[
            Kind, Query(description="All, those of the catalogue, or those of this installation")
        ] = Kind.ALL,
    ) -> list[FlowCard]:
        """Flows that are stored, and those of the catalogue."""
        return api.flows(api.control()).cards(search, kind)

    @router.post("", status_code=201)
    def create_flow(new: WriteFlow) -> list[Changed]:
        """Store a new flow. It does nothing before connections are added to it (`POST /links`)."""
        with api.changing() as (stored, store):
            return api.flows(stored).create(new.text, SENT, store)

    @router.post("/check")
    def check_flow(sent: WriteFlow) -> CheckedText:
        """What is wrong with a text, all at once, and what is likely not meant. Nothing is stored."""
        flow = _compiled(api, sent.text)
        return CheckedText(id=flow.id, version=flow.version, warnings=list(lint(flow, tested=True)))

    @router.post("/preview")
    def preview_flow(asked: PreviewFlow) -> PreviewTold:
        """What it would do: clause by clause, each action's plan and request, the calls needed. Nothing is sent."""
        if bool(asked.flow) == bool(asked.text):
            raise ConfigurationError("give `flow`, the id of one, or `text`")
        stored = api.control()
        flow = _compiled(api, asked.text) if asked.text else api.previewed(asked.flow, asked.link, stored)
        try:
            event, data = (None, None) if asked.event is None else pasted(msgspec.json.encode(asked.event))
        except Undecodable as error:
            raise ConfigurationError(f"event: {error}") from None
        wanted = Asked(flow, asked.link, asked.connections, asked.options, event, data, asked.event_id)
        return api.previewer().preview(wanted, stored)

    @router.get("/{flow}")
    def show_flow(flow: str) -> FlowShown:
        """One flow with its text, its options, and its versions with the links that run them."""
        return api.flows(api.control()).shown(flow)

    @router.put("/{flow}")
    def edit_flow(flow: str, new: EditFlow) -> list[Changed]:
        """A new version. Runs that have begun keep theirs."""
        with api.changing() as (stored, store):
            return api.flows(stored).edit(flow, new.text, SENT, store, move_links=new.move_links)

    @router.delete("/{flow}", status_code=204)
    def delete_flow(flow: str) -> None:
        """Forget it with all its versions: refused while links use it or runs of it have not ended."""
        with api.changing() as (stored, store):
            store.remove(api.flows(stored).deleted(flow, api.views.open_runs(flow=flow)))

    @router.post("/{flow}/copy", status_code=201)
    def copy_flow(flow: str, new: CopyFlow) -> list[Changed]:
        """A flow, of the catalogue or not, as a private one under an id of its own."""
        with api.changing() as (stored, store):
            return api.flows(stored).copy(flow, new.id, store, name=new.name)

    @router.post("/{flow}/shadow", status_code=201)
    def start_shadow(flow: str, new: WriteFlow) -> ShadowStarted:
        """Compare a new version with the one that runs, on the events that come from now on. It has no effect."""
        with api.changing() as (stored, store):
            made = shadow.start(api, flow, new.text, SENT, stored=stored, store=store)
        return ShadowStarted(flow=flow, version=made.version, live=made.live)

    @router.get("/{flow}/shadow")
    def show_shadow(
        flow: str, most: Annotated[int, Query(ge=1, le=shadow.MOST, description="Events compared")] = 1_000
    ) -> ShadowTold:
        """What it would have decided and sent otherwise since then, with samples."""
        return shadow.show(api, flow, api.control(), most=most)

    @router.post("/{flow}/shadow/promote")
    def promote_shadow(flow: str, chosen: PromoteFlow) -> list[Changed]:
        """Run it: it is stored, and the flow's links move to it. Refused for another version than was looked at."""
        with api.changing() as (stored, store):
            return shadow.promote(api, flow, chosen.version, stored, store)

    @router.delete("/{flow}/shadow", status_code=204)
    def stop_shadow(flow: str) -> None:
        """Forget it; the version that runs goes on."""
        with api.changing() as (stored, store):
            shadow.stop(flow, stored, store)

    return router


def _compiled(api: Api, text: str) -> CompiledFlow:
    """Raises `Faults`."""
    try:
        return api.check_flow(text, SENT)
    except FlowFaults as error:
        faults = [Fault(f"{one.file}:{one.line}:{one.column}", one.message) for one in error.faults]
        raise Faults(faults) from None
