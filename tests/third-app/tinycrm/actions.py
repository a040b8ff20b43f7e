"""What the CRM can be asked to do: keep a company under our own id, and get one afresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Action, Applied, Call, Pair, Plan, Refuse, Session, Superseded, Unchanged, View
from pipeline.apps.twofold import outbound
from pipeline.apps.versions import older
from pipeline.errors import InDoubt, Refused
from pipeline.schemas.documents import Party
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef
from tinycrm.client import request
from tinycrm.documents import company_body
from tinycrm.triggers import COMPANY, version_of

APP = "tinycrm"


def company_ref(id_: str) -> ObjectRef:
    return ObjectRef(app=APP, type=COMPANY, id=id_)


class UpsertCompanyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`party` is who, `source` the object that the company is mapped to; its id is the company's external id."""

    party: Party
    source: ObjectRef


class CompanyOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The company that is there now, under the CRM's id."""

    company_id: str


class UpsertCompany:
    """Create a company, or bring the one that is mapped up to date."""

    name: ClassVar[str] = "upsert_company"
    title: ClassVar[str] = "Create or update a company"
    repeat: ClassVar[str] = "keyed"
    safe: ClassVar[str] = "The CRM holds one company under each external id, and PUT replaces it."
    calls: ClassVar[str] = "1; 0 where nothing changed"
    input = UpsertCompanyInput
    output = CompanyOutput

    def plan(self, input: UpsertCompanyInput, view: View) -> Plan:
        if not input.source.id:
            return Refuse("a company needs the id of its source", cause="invalid", code="missing_field")
        body = company_body(input.party)
        digest, known = content_hash(body), view.mapped(input.source)
        if known is not None and outbound(known.hash) == digest:
            return Unchanged({"company_id": known.other.id}, known.other)
        if known is not None and older(input.party.version, known.version):
            return Superseded({"company_id": known.other.id}, known.other)
        return Call(
            "create" if known is None else "update",
            request("PUT", "companies", "external", input.source.id, body=body),
            source=input.source,
            hash=digest,
            version=input.party.version,
        )

    async def apply(self, call: Call, session: Session) -> Applied:
        company = await session.send(call.request)
        if not isinstance(company, dict) or not isinstance(company.get("id"), str):
            raise InDoubt("the CRM answered with success but without a company", code="no_id")
        assert call.source is not None
        there = company_ref(company["id"])
        pair = Pair(call.source, there, call.hash, call.version, theirs=version_of(company))
        return Applied(f"{call.operation}d", {"company_id": there.id}, there, pair)


class GetCompanyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The CRM's own id."""

    id: str


class GetCompanyOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What of a company a later step may read."""

    id: str
    name: str
    external_id: str = ""
    stage: str = ""


class GetCompany:
    """Get a company: what a webhook tells of is read again before anything is decided."""

    name: ClassVar[str] = "get_company"
    title: ClassVar[str] = "Get a company"
    repeat: ClassVar[str] = "read"
    safe: ClassVar[str] = "It only reads."
    calls: ClassVar[str] = "1 read"
    input = GetCompanyInput
    output = GetCompanyOutput

    def plan(self, input: GetCompanyInput, view: View) -> Plan:
        if not input.id:
            return Refuse("the id of a company is needed", cause="invalid", code="missing_field")
        return Call("read", request("GET", "companies", input.id), state=input.id)

    async def apply(self, call: Call, session: Session) -> Applied:
        company = await session.send(call.request)
        if not isinstance(company, dict) or company.get("id") != call.state:
            raise Refused(f"the CRM's answer is not company {call.state}", cause="unexpected")
        output = {name: company.get(name) for name in GetCompanyOutput.__struct_fields__}
        version = version_of(company)
        return Applied("read", output, company_ref(call.state), data=company, sourceversion=version)


def actions() -> Mapping[str, Action[Any]]:
    every: tuple[Action[Any], ...] = (UpsertCompany(), GetCompany())
    return {one.name: one for one in every}
