"""Tokens: the exchange of a code, the one refresh at a time, and every way Zoho refuses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipeline.apps.base import Request, Response, Token, Transport
from pipeline.apps.zohobooks import app
from pipeline.apps.zohobooks.auth import MOST_REQUESTS, api_domain, read_answer
from pipeline.apps.zohobooks.wire import request
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Wait
from pipeline.sandbox.faults import Fault, bad_gateway
from tests.apps.zohobooks.support import CLIENT, ORGANIZATION, Tokens, Zoho

READ = Request("GET", "/books/v3/contacts", query={"organization_id": ORGANIZATION})


async def test_a_code_becomes_a_refresh_token_and_is_not_kept(zoho: Zoho) -> None:
    kept = await zoho.connect()
    assert set(kept) == {"client_id", "client_secret", "refresh_token"}
    assert kept["refresh_token"].startswith("1000.")


async def test_no_secret_is_sent_in_an_address(zoho: Zoho) -> None:
    session = await zoho.session()
    await session.send(READ)
    tokens = [entry for entry in zoho.served.ledger.entries if entry.kind == "oauth.token"]
    assert len(tokens) == 2
    assert all(not entry.query and not entry.notes for entry in tokens)


async def test_a_code_works_once_and_the_second_time_says_what_to_do(zoho: Zoho) -> None:
    typed = {**CLIENT, "self_client_code": zoho.code()}
    await app.connect(zoho.settings, typed, zoho.http)
    with pytest.raises(Stopped, match=r"invalid_code.*Generate Code") as caught:
        await app.connect(zoho.settings, typed, zoho.http)
    assert typed["self_client_code"] not in str(caught.value)


async def test_a_code_that_was_used_too_late_is_refused(zoho: Zoho) -> None:
    typed = {**CLIENT, "self_client_code": zoho.code()}
    zoho.served.clock.advance(181)
    with pytest.raises(Stopped, match="invalid_code"):
        await app.connect(zoho.settings, typed, zoho.http)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"client_id": "1000.OTHER"}, "data_center"),
        ({"client_secret": "wrong-secret"}, "Client Secret is wrong"),
        ({"self_client_code": "1000.no"}, "make a new one"),
        ({"client_id": ""}, "missing: client_id"),
        ({"self_client_code": ""}, "missing: self_client_code"),
    ],
)
async def test_each_wrong_credential_is_told_by_name(zoho: Zoho, change: dict[str, str], says: str) -> None:
    with pytest.raises(Stopped, match=says) as caught:
        await app.connect(zoho.settings, {**CLIENT, "self_client_code": zoho.code(), **change}, zoho.http)
    assert "wrong-secret" not in str(caught.value)


async def test_missing_scopes_are_named_when_connecting(zoho: Zoho) -> None:
    with pytest.raises(Stopped, match=r"lacks ZohoBooks\.invoices\.CREATE.*ZohoBooks\.settings\.READ"):
        await zoho.connect("ZohoBooks.contacts.ALL", "ZohoBooks.invoices.READ")


async def test_a_refresh_token_may_be_given_instead_of_a_code(zoho: Zoho) -> None:
    kept = await zoho.connect()
    again = await app.connect(zoho.settings, {**CLIENT, "refresh_token": kept["refresh_token"]}, zoho.http)
    assert again == kept


def token_calls(zoho: Zoho) -> int:
    return len(zoho.calls("oauth.token"))


async def test_calls_that_start_together_wait_for_one_token(zoho: Zoho) -> None:
    session = await zoho.session()
    before = token_calls(zoho)
    await asyncio.gather(*(session.send(READ) for _ in range(5)))
    assert token_calls(zoho) == before + 1


async def test_twenty_calls_that_meet_a_401_together_cost_one_new_token(zoho: Zoho) -> None:
    zoho.served.call(lambda: setattr(zoho.books.limits, "config", unlimited(zoho)))
    session = await zoho.session()
    await session.send(READ)
    before = token_calls(zoho)
    zoho.served.call(zoho.served.twin.revoke_tokens)
    answers = await asyncio.gather(*(session.send(READ) for _ in range(20)))
    assert len(answers) == 20
    assert token_calls(zoho) == before + 1


async def test_a_token_request_that_fails_fails_for_all_who_wait_for_it(zoho: Zoho) -> None:
    zoho.served.call(lambda: setattr(zoho.books.limits, "config", unlimited(zoho)))
    session = await zoho.session()
    await session.send(READ)
    before = token_calls(zoho)
    zoho.served.call(zoho.served.twin.revoke_tokens)
    zoho.served.place(bad_gateway(path="/oauth/*", times=None))
    failed = await asyncio.gather(*(session.send(READ) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in failed} == {Wait}
    assert token_calls(zoho) == before + 1

    zoho.served.twin.faults.clear()
    zoho.served.clock.advance(1)
    assert (await session.send(READ))["code"] == 0
    assert token_calls(zoho) == before + 2


async def test_an_accounts_server_that_is_away_is_asked_after_one_second_then_two_then_four(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.served.place(bad_gateway(path="/oauth/*", times=None))
    began, asked = zoho.served.clock.now(), []
    for _ in range(40):
        before = token_calls(zoho)
        with pytest.raises(Wait):
            await session.send(READ)
        if token_calls(zoho) > before:
            asked.append(zoho.served.clock.now() - began)
        zoho.served.clock.advance(0.5)
    assert asked == [0, 1, 3, 7, 15]


def unlimited(zoho: Zoho) -> Any:
    return msgspec.structs.replace(zoho.books.limits.config, per_minute=None, in_flight=None)


async def test_a_token_is_kept_for_the_next_owner(zoho: Zoho) -> None:
    secrets, tokens = await zoho.connect(), Tokens()
    await zoho.open(secrets, tokens).send(READ)
    before = token_calls(zoho)
    await zoho.open(secrets, tokens).send(READ)
    assert token_calls(zoho) == before


async def test_a_token_is_replaced_five_minutes_before_its_end(zoho: Zoho) -> None:
    secrets, tokens = await zoho.connect(), Tokens()
    session = zoho.open(secrets, tokens)
    await session.send(READ)
    first = tokens.token
    assert first
    zoho.served.clock.advance(3600 - 301)
    await session.send(READ)
    assert tokens.token == first
    zoho.served.clock.advance(2)
    await session.send(READ)
    assert tokens.token != first


async def test_a_token_with_some_life_left_is_used_while_the_refresh_fails(zoho: Zoho) -> None:
    secrets, tokens = await zoho.connect(), Tokens()
    session = zoho.open(secrets, tokens)
    await session.send(READ)
    zoho.served.clock.advance(3600 - 200)
    zoho.served.place(bad_gateway(path="/oauth/*", times=None))
    await session.send(READ)
    zoho.served.clock.advance(180)
    with pytest.raises(Wait):
        await session.send(READ)


async def test_a_token_that_zoho_dropped_is_replaced_once_and_the_call_repeated(zoho: Zoho) -> None:
    session = await zoho.session()
    await session.send(READ)
    zoho.served.call(zoho.served.twin.revoke_tokens)
    assert (await session.send(READ))["code"] == 0


async def test_a_scope_that_is_missing_stops_the_connection_and_costs_one_token_not_one_a_call(zoho: Zoho) -> None:
    tokens = Tokens()
    session = await zoho.session(tokens=tokens)
    refusal = Fault(effect="answer", status=401, body='{"code":57,"message":"no"}', path="/books/*", times=None)
    zoho.served.place(refusal)
    for _ in range(3):
        with pytest.raises(Stopped, match=r"code 57.*scope is missing.*ZohoBooks\.settings\.READ"):
            await session.send(READ)
    assert len(tokens.times) == 2


async def test_a_dead_refresh_token_stops_the_connection_with_the_remedy(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.served.call(zoho.served.twin.state.oauth.revoke_refresh)
    with pytest.raises(Stopped, match=r"invalid_code: the refresh token is not valid.*connections rotate"):
        await session.send(READ)


async def test_a_dead_refresh_token_is_asked_for_once_however_many_calls_fail_one_after_the_other(zoho: Zoho) -> None:
    session = await zoho.session()
    await session.send(READ)
    before = token_calls(zoho)
    zoho.served.call(zoho.served.twin.state.oauth.revoke_refresh)
    for _ in range(5):
        with pytest.raises(Stopped, match="invalid_code"):
            await session.send(READ)
        zoho.served.clock.advance(10)
    assert token_calls(zoho) == before + 1


async def test_no_more_than_eight_token_requests_in_ten_minutes_whoever_owns_the_connection(zoho: Zoho) -> None:
    secrets, tokens = await zoho.connect(), Tokens()
    for _ in range(MOST_REQUESTS):
        tokens.save(None)
        await zoho.open(secrets, tokens).send(READ)
        zoho.served.clock.advance(10)
    tokens.save(None)
    before = token_calls(zoho)
    with pytest.raises(Wait) as caught:
        await zoho.open(secrets, tokens).send(READ)
    assert token_calls(zoho) == before
    assert caught.value.until
    assert caught.value.until.timestamp() == tokens.times[0] + 600
    zoho.served.clock.advance(caught.value.until.timestamp() - zoho.served.clock.now())
    await zoho.open(secrets, tokens).send(READ)


async def test_a_token_request_is_noted_before_it_is_sent(zoho: Zoho) -> None:
    tokens = Tokens()
    session = await zoho.session(tokens=tokens)
    zoho.served.place(Fault(effect="lose_answer", path="/oauth/*"))
    with pytest.raises(Wait):
        await session.send(READ)
    assert len(tokens.times) == 1


async def test_a_lost_token_answer_never_leaves_a_writing_call_in_doubt(zoho: Zoho) -> None:
    session = await zoho.session()
    zoho.served.place(Fault(effect="lose_answer", path="/oauth/*"))
    with pytest.raises(EffectError) as caught:
        await session.send(Request("PUT", READ.path, query=READ.query, body=b"{}"))
    assert not isinstance(caught.value, InDoubt)


THROTTLED = {"error": "Access Denied", "error_description": "too many requests", "status": "failure"}
LOCALISED = {"error": "访问被拒绝", "error_description": "您已连续发出太多请求。", "status": "failure"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"error": "invalid_code"}, Stopped),
        (200, {"error": "invalid_client"}, Stopped),
        (200, {"error": "invalid_client_secret"}, Stopped),
        (200, {"error": "invalid_something_new"}, Stopped),
        (200, {"error": "unsupported_grant_type"}, Stopped),
        (400, {"error": "invalid_client"}, Stopped),
        (400, THROTTLED, Wait),
        (400, LOCALISED, Wait),
        (429, {"message": "slow"}, Wait),
        (200, {"token_type": "Bearer"}, Retry),
        (200, {}, Retry),
        (200, [], Retry),
        (500, {"error": "server"}, Retry),
        (200, "<html>down</html>", Retry),
        (502, "<html>down</html>", Retry),
        (200, "", Retry),
    ],
)
def test_every_answer_of_the_token_endpoint_has_its_place(status: int, body: Any, kind: type[EffectError]) -> None:
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    with pytest.raises(EffectError) as caught:
        read_answer(Response(status, {}, content), accounts="https://accounts.zoho.eu", what="code")
    assert type(caught.value) is kind
    if isinstance(caught.value, Wait):
        assert caught.value.delay
        assert caught.value.delay >= timedelta(minutes=10)


def test_how_long_a_throttled_token_request_waits_is_a_setting() -> None:
    with pytest.raises(Wait) as caught:
        read_answer(Response(400, {}, msgspec.json.encode(THROTTLED)), accounts="https://a.test", what="", throttle=2)
    assert caught.value.delay == timedelta(seconds=2)


@pytest.mark.parametrize(
    ("domain", "taken"),
    [
        ("https://www.zohoapis.uk", True),
        ("https://www.zohoapis.com.au", True),
        ("http://www.zohoapis.com", False),
        ("https://evil.example", False),
        ("https://evil.example/www.zohoapis.com", False),
        ("", False),
    ],
)
def test_the_api_host_that_an_answer_names_is_used_only_if_it_is_zohos(domain: str, taken: bool) -> None:
    assert api_domain({"api_domain": domain}) == (domain if taken else "")


async def test_the_token_itself_shows_nowhere(zoho: Zoho) -> None:
    secrets, tokens = await zoho.connect(), Tokens()
    session = zoho.open(secrets, tokens)
    await session.send(READ)
    assert isinstance(tokens.token, Token)
    with pytest.raises(Refused) as caught:
        await session.send(request(settings_with(zoho), "GET", "contacts", "404"))
    for secret in (tokens.token.value, *secrets.values()):
        assert secret not in f"{caught.value!r} {session!r} {vars(session)!r}"


def settings_with(zoho: Zoho) -> Any:
    return app.settings.model_validate(zoho.settings)


@dataclass
class OneCall:
    """A transport that lets one call an attempt through, as a worker does that reserved no more."""

    inner: Transport
    left: int = 1

    async def send(self, base_url: str, request: Request) -> Response:
        if not self.left:
            raise Retry("the calls reserved for this attempt are used up")
        self.left -= 1
        return await self.inner.send(base_url, request)


async def test_a_repetition_that_the_quota_has_no_room_for_is_left_to_the_next_attempt(zoho: Zoho) -> None:
    secrets, api = await zoho.connect(), OneCall(zoho.http)
    session = app.session(
        settings=zoho.settings, secrets=secrets, api=api, auth=zoho.http, tokens=Tokens(), now=zoho.served.clock.now
    )
    await session.send(READ)
    zoho.served.call(zoho.served.twin.revoke_tokens)
    before = token_calls(zoho)
    api.left = 1
    with pytest.raises(Retry):
        await session.send(READ)
    api.left = 1
    assert (await session.send(READ))["code"] == 0
    assert token_calls(zoho) == before + 1


async def test_webhook_secrets_are_kept_with_the_credentials_and_refused_where_zoho_would_not_take_them(
    zoho: Zoho,
) -> None:
    typed = {**CLIENT, "self_client_code": zoho.code(), "webhook_secret": "oldSecret123456, newSecret123456"}
    kept = await app.connect(zoho.settings, typed, zoho.http)
    assert kept["webhook_secret"] == "oldSecret123456, newSecret123456"
    for wrong in ("short", "with a blank in it", "x" * 51, "oldSecret123456,short"):
        with pytest.raises(Stopped, match="12 to 50 letters and digits") as caught:
            await app.connect(zoho.settings, {**typed, "webhook_secret": wrong}, zoho.http)
        assert wrong not in str(caught.value)
