"""Actions, over real HTTP against the twin; its ledger says what was really done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.apps.base import Applied, Call, Mapped, Refuse, Session, Unchanged
from pipeline.apps.togai import app
from pipeline.apps.togai.actions.reads import GetInput
from pipeline.apps.togai.actions.settings import PutSettingInput
from pipeline.errors import InDoubt, Refused
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.serve import Served
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.schemas.records import ObjectRef

PUT = app.actions["put_setting"]
SETTING = PutSettingInput(entity_type="ACCOUNT", entity_id="acme/1.a", id="ZohoBooksCustomerId", value="46000000002604")
REF = ObjectRef(app="togai", type="setting", id="ACCOUNT/acme/1.a/ZohoBooksCustomerId")


class FakeView:
    """A view with the pairs that were applied."""

    settings: Mapping[str, Any] = {}
    profile: Mapping[str, Any] = {}

    def __init__(self, *applied: Applied) -> None:
        self.pairs = [one.pair for one in applied if one.pair]

    def mapped(self, ref: ObjectRef) -> Mapped | None:
        found = (pair for pair in self.pairs if pair.source == ref)
        return next((Mapped(pair.destination, pair.hash, pair.version) for pair in found), None)


async def put(session: Session, setting: PutSettingInput, *applied: Applied) -> Applied:
    call = PUT.plan(setting, FakeView(*applied))
    assert isinstance(call, Call)
    return await PUT.apply(call, session)


def written(togai: Served[TogaiTwin]) -> list[str]:
    return [entry.method for entry in togai.ledger.entries if entry.writing]


# --- settings ---------------------------------------------------------------------------------------------------------


async def test_a_setting_is_created_then_left_alone_then_updated(togai: Served[TogaiTwin], session: Session) -> None:
    assert (await put(session, SETTING)).operation == "created"
    assert (await put(session, SETTING)).operation == "unchanged"
    changed = PutSettingInput(entity_type="ACCOUNT", entity_id="acme/1.a", id=SETTING.id, value="460000000026050")
    assert (await put(session, changed)).operation == "updated"
    assert written(togai) == ["POST", "PATCH"]
    assert togai.twin.state.settings["setting.USER.ZohoBooksCustomerId.ACCOUNT.acme/1.a"] == {
        "id": "ZohoBooksCustomerId",
        "value": "460000000026050",
        "entityType": "ACCOUNT",
        "entityId": "acme/1.a",
        "namespace": "USER",
        "name": "ZohoBooksCustomerId",
        "dataType": "STRING",
    }


async def test_what_was_written_needs_no_call_to_be_written_again(togai: Served[TogaiTwin], session: Session) -> None:
    applied = await put(session, SETTING)
    asked = len(togai.ledger.entries)
    plan = PUT.plan(SETTING, FakeView(applied))
    assert plan == Unchanged(output=applied.output, object=REF)
    assert len(togai.ledger.entries) == asked


async def test_another_value_than_the_one_written_is_a_call_again(session: Session) -> None:
    applied = await put(session, SETTING)
    other = PutSettingInput(entity_type="ACCOUNT", entity_id="acme/1.a", id=SETTING.id, value="9")
    assert isinstance(PUT.plan(other, FakeView(applied)), Call)


async def test_the_pair_of_a_setting_is_its_own_and_cannot_clash_with_an_objects(session: Session) -> None:
    applied = await put(session, SETTING)
    assert applied.pair is not None
    assert (applied.object, applied.pair.source) == (REF, REF)
    assert applied.pair.destination == ObjectRef(app="togai", type="setting_value", id=REF.id)


def test_settings_of_one_value_have_pairs_of_their_own() -> None:
    same = [
        PutSettingInput(entity_type=kind, entity_id="acme", id="Z", value="7").ref for kind in ("ACCOUNT", "CUSTOMER")
    ]
    other = PutSettingInput(entity_type="ACCOUNT", entity_id="acme", id="Z", value="7", namespace="togai").ref
    assert len({ref.id for ref in (*same, other)}) == 3


async def test_a_lost_answer_is_settled_by_doing_it_again(togai: Served[TogaiTwin], session: Session) -> None:
    togai.place(Fault(effect="lose_answer", method="POST"))
    with pytest.raises(InDoubt):
        await put(session, SETTING)
    assert (await put(session, SETTING)).operation == "unchanged"
    assert written(togai) == ["POST"]


async def test_answers_with_a_body_do_as_well_as_those_without(togai: Served[TogaiTwin], session: Session) -> None:
    for method in ("POST", "PATCH"):
        togai.place(Fault(effect="answer", method=method, status=201, body="{}", apply=True))
    await put(session, SETTING)
    other = PutSettingInput(entity_type="ACCOUNT", entity_id="acme/1.a", id=SETTING.id, value="9")
    assert (await put(session, other)).operation == "updated"


async def test_the_lists_filters_are_not_relied_on(togai: Served[TogaiTwin], session: Session) -> None:
    row = '{"id":"ZohoBooksCustomerId","entityType":"ACCOUNT","entityId":"other","namespace":"USER","value":"1"}'
    togai.place(Fault(effect="answer", method="GET", status=200, body=f'{{"data":[{row}]}}'))
    assert (await put(session, SETTING)).operation == "created"


async def test_a_setting_of_nobody_is_refused(session: Session) -> None:
    nobody = PutSettingInput(entity_type="ACCOUNT", entity_id="nobody", id="Z", value="1")
    with pytest.raises(Refused, match="nobody"):
        await put(session, nobody)


@pytest.mark.parametrize("field", ["entity_type", "entity_id", "id", "value"])
def test_a_setting_without_what_it_needs_is_refused_before_any_call(field: str) -> None:
    given = {"entity_type": "ACCOUNT", "entity_id": "a", "id": "Z", "value": "1", field: ""}
    plan = PUT.plan(PutSettingInput(**given), FakeView())
    assert isinstance(plan, Refuse)
    assert field in plan.message


# --- fetching ---------------------------------------------------------------------------------------------------------


async def get(session: Session, kind: str, id_: str) -> Applied:
    action = app.actions[f"get_{kind}"]
    call = action.plan(GetInput(id=id_), FakeView())
    assert isinstance(call, Call)
    return await action.apply(call, session)


async def test_a_fetched_account_is_the_object_by_the_version_of_its_content(
    togai: Served[TogaiTwin], session: Session
) -> None:
    applied = await get(session, "account", "acme/1.a")
    assert applied.data == togai.twin.state.accounts["acme/1.a"]
    assert (applied.operation, applied.sourceversion) == ("read", app.version("account.created", applied.data))
    assert applied.sourceversion.startswith("h")
    assert applied.object == ObjectRef(app="togai", type="account", id="acme/1.a")
    assert len(togai.ledger.entries) == 1


async def test_an_account_without_mail_brings_its_customer_along(togai: Served[TogaiTwin], session: Session) -> None:
    togai.call(lambda: togai.twin.state.accounts["acme/1.a"].pop("primaryEmail"))
    applied = await get(session, "account", "acme/1.a")
    assert applied.data["customer"]["primaryEmail"] == "ap@acme.example"
    assert applied.data["customer"]["id"] == "acme"
    assert len(togai.ledger.entries) == 2


async def test_a_fetched_customer_has_a_version(session: Session) -> None:
    applied = await get(session, "customer", "acme")
    assert applied.sourceversion == app.version("customer.created", applied.data) != ""


async def test_a_fetched_invoice_has_its_tree_but_the_output_has_not(
    togai: Served[TogaiTwin], session: Session
) -> None:
    invoice = {"id": "inv.1", "updatedAt": "2024-08-03T00:00:00Z", "revenueInfo": {"type": "TOTAL_AMOUNT", "value": 5}}
    togai.call(lambda: togai.twin.state.invoices.update({"inv.1": invoice}))
    applied = await get(session, "invoice", "inv.1")
    assert applied.data == invoice
    assert applied.output == {"id": "inv.1", "updatedAt": "2024-08-03T00:00:00Z"}
    assert applied.sourceversion == "2024-08-03T00:00:00.000000Z"


@pytest.mark.parametrize("kind", ["account", "customer", "invoice"])
async def test_what_is_not_there_is_refused(session: Session, kind: str) -> None:
    with pytest.raises(Refused) as caught:
        await get(session, kind, "nobody")
    assert caught.value.cause == "not_found"


async def test_an_answer_that_is_another_object_is_refused(togai: Served[TogaiTwin], session: Session) -> None:
    togai.place(Fault(effect="answer", status=200, body='{"id":"somebody"}'))
    with pytest.raises(Refused):
        await get(session, "account", "acme/1.a")


def test_an_empty_id_is_refused_before_it_becomes_a_list() -> None:
    assert isinstance(app.actions["get_account"].plan(GetInput(id=""), FakeView()), Refuse)
