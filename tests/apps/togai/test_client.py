"""The session, over real HTTP against the twin."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.apps.base import Session
from pipeline.apps.togai.client import request
from pipeline.apps.transport import HttpTransport
from pipeline.errors import InDoubt, Refused, Retry, Stopped, Wait
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.serve import Served
from pipeline.sandbox.togai.server import TogaiTwin
from tests.apps.togai.support import TOKEN, connected

READ = request("GET", "accounts", "acme/1.a")
SETTING = {
    "id": "ZohoBooksCustomerId",
    "value": "460000000026049",
    "entityType": "ACCOUNT",
    "entityId": "acme/1.a",
    "namespace": "USER",
    "name": "ZohoBooksCustomerId",
    "dataType": "STRING",
}
WRITE = request("POST", "settings", body=SETTING)


async def test_a_read_gives_the_object_and_an_id_may_hold_slashes_and_dots(session: Session) -> None:
    assert (await session.send(READ))["id"] == "acme/1.a"


def test_each_part_of_a_path_is_escaped_on_its_own() -> None:
    assert (
        request("GET", "settings", "setting.USER.a/b.ACCOUNT.x@y").path == "/settings/setting.USER.a%2Fb.ACCOUNT.x%40y"
    )


def test_money_goes_out_as_exact_json_numbers() -> None:
    body = request("POST", "payments", body={"totalAmount": Decimal("1138.70"), "amount": Decimal("0.1")}).body
    assert body == b'{"totalAmount":1138.70,"amount":0.1}'


async def test_money_comes_in_as_decimals_to_the_digit(togai: Served[TogaiTwin], session: Session) -> None:
    togai.place(Fault(effect="answer", status=200, body='{"totalAmount": 1138.70, "n": 3}'))
    assert await session.send(READ) == {"totalAmount": Decimal("1138.70"), "n": 3}


async def test_an_answer_without_a_body_is_none(togai: Served[TogaiTwin], session: Session) -> None:
    togai.place(Fault(effect="answer", status=204))
    assert await session.send(READ) is None


@pytest.mark.parametrize("effect", ["cut", "lose_answer"])
async def test_a_write_whose_answer_is_lost_is_in_doubt_and_was_applied(
    togai: Served[TogaiTwin], session: Session, effect: str
) -> None:
    togai.place(Fault(effect=effect, method="POST"))  # type: ignore[arg-type]
    with pytest.raises(InDoubt):
        await session.send(WRITE)
    assert len(togai.twin.state.settings) == 1


@pytest.mark.parametrize("effect", ["cut", "lose_answer", "reset"])
async def test_a_read_whose_answer_is_lost_may_be_tried_again(
    togai: Served[TogaiTwin], session: Session, effect: str
) -> None:
    togai.place(Fault(effect=effect))  # type: ignore[arg-type]
    with pytest.raises(Retry):
        await session.send(READ)
    assert (await session.send(READ))["id"] == "acme/1.a"


async def test_a_server_error_of_a_write_is_in_doubt(togai: Served[TogaiTwin], session: Session) -> None:
    togai.place(Fault(effect="answer", method="POST", status=503))
    with pytest.raises(InDoubt):
        await session.send(WRITE)


async def test_a_call_too_many_waits(togai: Served[TogaiTwin], session: Session) -> None:
    togai.call(lambda: setattr(togai.twin.state.limits, "per_second", 0))
    with pytest.raises(Wait):
        await session.send(READ)


async def test_a_missing_object_is_refused_in_togais_words(session: Session) -> None:
    with pytest.raises(Refused, match="404 to GET /accounts/nobody: Account") as caught:
        await session.send(request("GET", "accounts", "nobody"))
    assert caught.value.cause == "not_found"


async def test_a_closed_port_was_never_reached(transport: HttpTransport) -> None:
    with pytest.raises(Retry):
        await connected("http://127.0.0.1:1", transport).send(WRITE)


# --- the start-up check -----------------------------------------------------------------------------------------------


async def test_the_check_gives_the_profile(togai: Served[TogaiTwin], session: Session) -> None:
    assert await session.check() == {"environment": "production", "base_url": togai.base_url}
    assert not any(entry.writing for entry in togai.ledger.entries)


async def test_the_check_of_a_wrong_token_stops_and_says_where_to_make_one(
    togai: Served[TogaiTwin], transport: HttpTransport
) -> None:
    with pytest.raises(Stopped, match="Admin Center > API Tokens") as caught:
        await connected(togai.base_url, transport, token="wrong-key").check()
    assert "wrong-key" not in str(caught.value)


async def test_the_check_of_a_role_that_may_not_read_stops_and_names_the_role(
    togai: Served[TogaiTwin], session: Session
) -> None:
    togai.place(Fault(effect="answer", path="/invoices*", status=403, body='{"message":"Forbidden"}'))
    with pytest.raises(Stopped, match=r"Product Manager.*cannot read invoices"):
        await session.check()


async def test_the_check_of_a_wrong_address_stops_and_names_the_setting(
    togai: Served[TogaiTwin], transport: HttpTransport
) -> None:
    with pytest.raises(Stopped, match="base_url"):
        await connected(togai.base_url + "/elsewhere", transport).check()


async def test_the_token_travels_in_the_header_and_nowhere_else(togai: Served[TogaiTwin], session: Session) -> None:
    await session.send(READ)
    entry = togai.ledger.entries[-1]
    assert TOKEN not in f"{entry.path}{entry.query}"


@pytest.mark.parametrize("body", ["", '{"message": "internal error"}'])
async def test_a_success_that_is_none_leaves_a_write_in_doubt_and_a_read_to_be_repeated(
    togai: Served[TogaiTwin], session: Session, body: str
) -> None:
    togai.place(Fault(effect="answer", status=200, body=body, times=None))
    with pytest.raises(Retry):
        await session.send(request("GET", "accounts", "acme/1.a"))
    if body:
        with pytest.raises(InDoubt):
            await session.send(request("POST", "settings", body={}))
    else:
        assert await session.send(request("POST", "settings", body={})) is None
