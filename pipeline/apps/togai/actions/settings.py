"""Settings: the rows of an account, customer or invoice where ids of other systems live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from pipeline.apps.base import Applied, Call, Pair, Plan, Refuse, Session, Unchanged, View
from pipeline.apps.togai.actions.common import APP
from pipeline.apps.togai.client import request
from pipeline.apps.togai.documents import SETTING
from pipeline.errors import Refused, Retry
from pipeline.schemas.envelope import content_hash
from pipeline.schemas.records import ObjectRef

VALUE = "setting_value"


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
    safe: ClassVar[str] = "The setting is looked up by its full id first, and written only where its value differs."
    calls: ClassVar[str] = "1 read; 1 write where the value differs; 0 where we wrote it before"
    names: ClassVar[tuple[str, ...]] = ("entity_type", "entity_id", "id", "namespace")
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
