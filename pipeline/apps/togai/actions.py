"""What Togai can be asked to do: keep a setting (where ids of other systems live), and get an object afresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Action, Applied, Call, Pair, Plan, Refuse, Session, Unchanged, View
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import ACCOUNT, CUSTOMER, INVOICE, SETTING
from pipeline.apps.togai.triggers import version_of
from pipeline.errors import Refused, Retry
from pipeline.schemas import togai
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

APP = "togai"
VALUE = "setting_value"
TREES = frozenset({"revenueInfo", "usageInfo"})


class PutSettingInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A setting of an entity. `id` is its short id, which is also its `name` unless one is given.

    Ids of other systems are `STRING`s: beyond 2^53 a `NUMERIC` may be rounded.
    """

    entity_type: str
    entity_id: str
    id: str
    value: str
    name: str = ""
    data_type: str = "STRING"
    namespace: str = "USER"

    @property
    def full_id(self) -> str:
        """The id in paths. Its parts hold dots themselves, so it is put together and never taken apart."""
        return f"setting.{self.namespace}.{self.id}.{self.entity_type}.{self.entity_id}"

    @property
    def ref(self) -> ObjectRef:
        own = self.id if self.namespace == "USER" else f"{self.namespace}.{self.id}"
        return ObjectRef(app=APP, type=SETTING, id=f"{self.entity_type}/{self.entity_id}/{own}")

    @property
    def stored(self) -> dict[str, str]:
        """What of it can be changed."""
        return {"name": self.name or self.id, "value": self.value, "dataType": self.data_type}


class PutSettingOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The setting as it is now."""

    id: str
    value: str
    entity_type: str
    entity_id: str


class PutSetting:
    """Create or update a setting; it shows in the Settings tab of the entity. https://docs.togai.com/docs/settings

    The state written last is remembered as a pair of the setting and its value, so that writing it again needs no call.
    Both sides of that pair are Togai's, under the setting's own id: no other pair can clash with it.
    """

    name: ClassVar[str] = "put_setting"
    title: ClassVar[str] = "Write a setting of an account, customer or invoice"
    repeat: ClassVar[str] = "idempotent"
    calls: ClassVar[str] = "1 read; 1 write where the value differs"
    input = PutSettingInput
    output = PutSettingOutput

    def plan(self, input: PutSettingInput, view: View) -> Plan:
        missing = [name for name in ("entity_type", "entity_id", "id", "value") if not getattr(input, name)]
        if missing:
            return Refuse(f"a setting needs {', '.join(missing)}", cause="invalid", code="missing_field")
        hash_ = content_hash(input.stored)
        known = view.mapped(input.ref)
        if known is not None and known.hash == hash_:
            return Unchanged(output=_setting_output(input), object=input.ref)
        return Call("write", _create(input), most=2, source=input.ref, hash=hash_, state=input)

    async def apply(self, call: Call, session: Session) -> Applied:
        wanted: PutSettingInput = call.state
        found = await self._find(wanted, session)
        if found is None:
            await session.send(_create(wanted))
            operation = "created"
        elif all(found.get(key) == value for key, value in wanted.stored.items()):
            operation = "unchanged"
        else:
            await session.send(request("PATCH", "settings", wanted.full_id, body=wanted.stored))
            operation = "updated"
        value = ObjectRef(app=APP, type=VALUE, id=wanted.ref.id)
        return Applied(
            operation,
            output=_setting_output(wanted),
            object=wanted.ref,
            pair=Pair(source=wanted.ref, destination=value, hash=call.hash),
        )

    async def _find(self, wanted: PutSettingInput, session: Session) -> Mapping[str, Any] | None:
        query = {
            "entity_type": wanted.entity_type,
            "entity_id": wanted.entity_id,
            "setting_id": wanted.id,
            "namespace": wanted.namespace,
        }
        try:
            answer = await session.send(request("GET", "settings", query=query))
        except Refused as error:
            if error.cause != "not_found":
                raise
            return None
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise Retry("Togai's answer is not a list of settings", code="unexpected")
        return next((row for row in rows if isinstance(row, dict) and _is(row, wanted)), None)


def _create(wanted: PutSettingInput) -> Any:
    body = {
        "id": wanted.id,
        "entityType": wanted.entity_type,
        "entityId": wanted.entity_id,
        "namespace": wanted.namespace,
        **wanted.stored,
    }
    return request("POST", "settings", body=body)


def _is(row: Mapping[str, Any], wanted: PutSettingInput) -> bool:
    """Whether a listed row is the setting: the list's filters are not relied on."""
    return (
        row.get("id") in (wanted.id, wanted.full_id)
        and row.get("entityType") == wanted.entity_type
        and row.get("entityId") == wanted.entity_id
        and row.get("namespace", wanted.namespace) == wanted.namespace
    )


def _setting_output(input: PutSettingInput) -> dict[str, Any]:
    return {"id": input.id, "value": input.value, "entity_type": input.entity_type, "entity_id": input.entity_id}


class GetInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tenant's own id for accounts and customers, Togai's for invoices."""

    id: str


def _without_trees(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """What of an object a later step may read."""
    kept = [field for field in msgspec.structs.fields(shape) if field.encode_name not in TREES]
    made = msgspec.defstruct(
        f"{shape.__name__}Output",
        [(field.name, field.type, msgspec.field(default=None, name=field.encode_name)) for field in kept],
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = shape.__doc__
    return made


class _Get:
    """Get one object. `Applied.data` is the whole of it; the output leaves an invoice's trees out."""

    repeat: ClassVar[str] = "read"
    calls: ClassVar[str] = "1 read"
    input = GetInput
    output: ClassVar[type[msgspec.Struct]]
    object: ClassVar[str]
    listed: ClassVar[str]

    def plan(self, input: GetInput, view: View) -> Plan:
        if not input.id:
            return Refuse(f"an id of the {self.object} is needed", cause="invalid", code="missing_field")
        return Call("read", request("GET", self.listed, input.id), state=input)

    async def apply(self, call: Call, session: Session) -> Applied:
        data = await session.send(call.request)
        if not isinstance(data, dict) or data.get("id") != call.state.id:
            raise Refused(f"Togai's answer is not the {self.object} {call.state.id}", cause="unexpected")
        return Applied(
            "read",
            output={key: value for key, value in data.items() if key not in TREES},
            object=ObjectRef(app=APP, type=self.object, id=call.state.id),
            data=data,
            sourceversion=version_of(data),
        )


class GetAccount(_Get):
    """Get an account; its customer too where it lacks email or address, as both are optional on accounts."""

    name: ClassVar[str] = "get_account"
    title: ClassVar[str] = "Get an account"
    calls: ClassVar[str] = "1 read; 1 more where the account lacks email or address"
    output = togai.Account
    object = ACCOUNT
    listed = "accounts"

    def plan(self, input: GetInput, view: View) -> Plan:
        plan = super().plan(input, view)
        return Call("read", plan.request, most=2, state=input) if isinstance(plan, Call) else plan

    async def apply(self, call: Call, session: Session) -> Applied:
        applied = await super().apply(call, session)
        parent = applied.data.get("customerId")
        if (applied.data.get("primaryEmail") and applied.data.get("address")) or not parent:
            return applied
        customer = await session.send(request("GET", "customers", parent))
        data = {**applied.data, CUSTOMER: customer}
        return Applied("read", output=data, object=applied.object, data=data, sourceversion=applied.sourceversion)


class GetCustomer(_Get):
    """Get a customer."""

    name: ClassVar[str] = "get_customer"
    title: ClassVar[str] = "Get a customer"
    output = togai.Customer
    object = CUSTOMER
    listed = "customers"


class GetInvoice(_Get):
    """Get an invoice with its tree of lines, which lists of invoices leave out."""

    name: ClassVar[str] = "get_invoice"
    title: ClassVar[str] = "Get an invoice"
    output = _without_trees(togai.Invoice)
    object = INVOICE
    listed = "invoices"


def actions() -> Mapping[str, Action[Any]]:
    """All actions by name."""
    every: tuple[Action[Any], ...] = (PutSetting(), GetAccount(), GetCustomer(), GetInvoice())
    return {one.name: one for one in every}
