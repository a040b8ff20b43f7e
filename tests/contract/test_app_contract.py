"""One suite for every installed app: what the rest of the pipeline relies on, whatever the app.

It runs over what the registry finds, with the tests' own third app. An app that you have installed beside the pipeline
is found too: `python -m pytest tests/contract`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from pipeline.apps.base import Action, App, Poll, Request, Response, Session, SignsHooks, Trigger
from pipeline.control.connections import MemoryTokens
from pipeline.control.manage.apps import shown_app
from pipeline.errors import EffectError, InDoubt, Refused, Retry, Stopped, Undecodable, Unverified
from pipeline.flows.json_schema import flow_schema
from pipeline.flows.samples import sample_event
from tests.third.installed import all_apps

APPS = all_apps()
SECRET = "k3pt-s3cret"
FILES = ("app.py", "client.py", "connection.py", "documents.py", "faults.py", "hooks.py", "samples.py", "triggers.py")

app_of = pytest.mark.parametrize("app", list(APPS.values()), ids=list(APPS))


def _each(kind: str) -> Iterator[Any]:
    for app in APPS.values():
        for name, value in getattr(app, kind).items():
            yield pytest.param(app, name, value, id=f"{app.name}.{name}")


trigger_of = pytest.mark.parametrize(("app", "name", "trigger"), list(_each("triggers")))
action_of = pytest.mark.parametrize(("app", "name", "action"), list(_each("actions")))
poll_of = pytest.mark.parametrize(("app", "name", "poll"), list(_each("polls")))


@dataclass
class Scripted:
    """A transport with one answer, or one exception, for every request."""

    answer: Response | Exception
    sent: list[tuple[str, Request]] = field(default_factory=list)

    async def send(self, base_url: str, request: Request) -> Response:
        self.sent.append((base_url, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def opened(app: App, api: Scripted) -> Session:
    """A session whose secrets are all `SECRET`; the token endpoint hands out a token of that name too."""
    granted = {"access_token": SECRET, "expires_in": 3600, "api_domain": ""}
    return app.session(
        settings=settings_of(app),
        secrets=dict.fromkeys(app.secrets, SECRET),
        api=api,
        auth=Scripted(Response(200, {}, msgspec.json.encode(granted))),
        tokens=MemoryTokens(),
        now=lambda: 1_767_225_600.0,
    )


def filled(app: App) -> dict[str, Any]:
    """The least that a person must fill in, by the form's own examples."""
    return {name: info.examples[0] for name, info in app.settings.model_fields.items() if info.examples}


def settings_of(app: App) -> dict[str, Any]:
    return app.settings.model_validate(filled(app)).model_dump(mode="json")


def data_of(trigger: Trigger) -> Any:
    """The sample as it comes over the wire."""
    return msgspec.json.decode(msgspec.json.encode(trigger.sample))


# --- the app ------------------------------------------------------------------------------------------------------


@app_of
def test_an_app_goes_by_its_entry_point_and_has_a_title(app: App) -> None:
    assert APPS[app.name] is app
    assert re.fullmatch(r"[a-z][a-z0-9]*", app.name)
    assert app.title.strip()
    assert app.direction in ("outbound", "inbound")


@app_of
def test_the_folder_of_an_app_has_the_same_files_as_every_other(app: App) -> None:
    there = {entry.name for entry in files(type(app).__module__.rpartition(".")[0]).iterdir()}
    assert set(FILES) <= there
    assert {"actions", "actions.py"} & there


@app_of
def test_the_form_refuses_what_it_does_not_know_and_describes_what_must_be_filled_in(app: App) -> None:
    with pytest.raises(ValidationError, match="no_such_field"):
        app.settings.model_validate({**filled(app), "no_such_field": 1})
    for name, described in app.settings.model_fields.items():
        assert (described.description and described.examples) or not described.is_required(), name


@app_of
def test_secrets_are_described_and_no_part_of_the_open_form(app: App) -> None:
    assert app.secrets
    assert all(description.strip() for description in app.secrets.values())
    assert app.secrets.keys().isdisjoint(app.settings.model_fields)


@app_of
def test_a_quota_lets_calls_through_and_bounds_them(app: App) -> None:
    quota = app.quota(settings_of(app))
    assert quota.windows
    assert all(calls >= 1 and seconds > 0 for calls, seconds in quota.windows)
    assert quota.day is None or quota.day >= 1
    assert 1 <= quota.in_flight <= 10
    assert 0 <= quota.live_reserve < 1


@app_of
def test_a_lost_call_is_given_some_quiet_time(app: App) -> None:
    assert 0 < app.quiet_period(settings_of(app)) < 600


@app_of
async def test_connecting_without_credentials_names_what_is_missing_and_sends_nothing(app: App) -> None:
    transport = Scripted(Response(500, {}, b""))
    with pytest.raises(Stopped) as caught:
        await app.connect(settings_of(app), {}, transport)
    assert any(name in str(caught.value) for name in app.secrets)
    assert transport.sent == []


@app_of
def test_an_app_can_be_shown_to_people_and_written_into_the_schema_of_flows(app: App) -> None:
    shown = msgspec.json.encode(shown_app(APPS, app.name))
    assert all(name.encode() in shown for name in (*app.triggers, *app.actions, *app.secrets))
    assert all(name in msgspec.json.encode(flow_schema(APPS)).decode() for name in (*app.triggers, *app.actions))


# --- triggers -----------------------------------------------------------------------------------------------------


@trigger_of
def test_a_trigger_goes_by_its_name_and_says_what_it_is(app: App, name: str, trigger: Trigger) -> None:
    assert trigger.name == name
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", name)
    assert trigger.title.strip()
    assert trigger.object.strip()
    assert (trigger.schema.__doc__ or "").strip()


@trigger_of
def test_a_sample_is_what_the_schema_says(app: App, name: str, trigger: Trigger) -> None:
    read = msgspec.convert(data_of(trigger), trigger.schema, strict=False)
    known = {info.encode_name for info in msgspec.structs.fields(trigger.schema)}
    assert isinstance(read, trigger.schema)
    assert known & data_of(trigger).keys()


@trigger_of
def test_a_sample_tells_its_party_and_a_version_as_text(app: App, name: str, trigger: Trigger) -> None:
    assert app.party(name, data_of(trigger))
    assert isinstance(app.version(name, data_of(trigger)), str)


@trigger_of
@pytest.mark.parametrize("data", [None, [], "text", 7, {}, {"id": 7}])
def test_data_of_any_shape_raises_nothing_while_it_is_placed(app: App, name: str, trigger: Trigger, data: Any) -> None:
    assert isinstance(app.party(name, data), str)
    assert isinstance(app.version(name, data), str)


@trigger_of
def test_a_sample_becomes_a_document_or_none(app: App, name: str, trigger: Trigger) -> None:
    document = app.document(name, sample_event(app, trigger))
    assert document is None or msgspec.json.decode(msgspec.json.encode(document), type=type(document)) == document


@trigger_of
def test_a_hint_can_be_fetched_by_id(app: App, name: str, trigger: Trigger) -> None:
    if not trigger.fetch:
        pytest.skip("this trigger never comes as a hint")
    action = app.actions[trigger.fetch]
    assert action.repeat == "read"
    assert msgspec.convert({"id": "1"}, action.input)


@trigger_of
def test_a_sample_as_a_webhook_becomes_a_hook_of_its_kind(app: App, name: str, trigger: Trigger) -> None:
    if not trigger.fetch:
        with pytest.raises(Undecodable):
            app.hooks(name, msgspec.json.encode(trigger.sample))
        return
    (hook,) = app.hooks(name, msgspec.json.encode(trigger.sample))
    assert hook.trigger == name
    assert hook.subject
    assert isinstance(hook.subject, str)


@app_of
@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"{", b"[[[", b"7", b"null", b"[" * 100_000])
def test_a_webhook_that_cannot_be_read_is_undecodable_and_nothing_else(app: App, body: bytes) -> None:
    for kind in (*app.triggers, "no.such.kind"):
        with pytest.raises(Undecodable):
            app.hooks(kind, body)


@app_of
def test_an_app_that_signs_its_webhooks_turns_away_what_is_not_signed(app: App) -> None:
    if not isinstance(app, SignsHooks):
        pytest.skip("its webhooks are not signed: the address alone is the secret")
    for secrets in ({}, dict.fromkeys(app.secrets, SECRET), dict.fromkeys(app.secrets, "")):
        for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}):
            with pytest.raises(Unverified) as caught:
                app.verify(headers=headers, query=[], body=b"\xff{}", settings=settings_of(app), secrets=secrets)
            assert SECRET not in str(caught.value)


@poll_of
def test_a_poll_goes_by_its_name_and_gives_events_of_its_app(app: App, name: str, poll: Poll) -> None:
    assert poll.name == name
    assert poll.most >= 0
    assert poll.triggers
    assert poll.triggers <= app.triggers.keys()


# --- actions ------------------------------------------------------------------------------------------------------


@action_of
def test_an_action_documents_itself(app: App, name: str, action: Action[Any]) -> None:
    assert action.name == name
    assert re.fullmatch(r"[a-z][a-z_]*", name)
    assert action.title.strip()
    assert action.calls.strip()
    assert action.repeat in ("keyed", "idempotent", "read")
    assert action.safe.strip()
    assert (type(action).__doc__ or "").strip()
    assert issubclass(action.input, msgspec.Struct)
    assert (action.input.__doc__ or "").strip()


@action_of
def test_an_action_declares_what_it_gives_so_that_a_flow_can_be_checked(
    app: App, name: str, action: Action[Any]
) -> None:
    output = getattr(action, "output", None)
    assert isinstance(output, type)
    assert issubclass(output, msgspec.Struct)
    assert msgspec.structs.fields(output)
    assert (output.__doc__ or "").strip()


@action_of
def test_an_action_refuses_an_input_that_it_does_not_know(app: App, name: str, action: Action[Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_field": 1}, action.input)
    for info in msgspec.structs.fields(action.input):
        assert info.name.isidentifier()


# --- sessions -----------------------------------------------------------------------------------------------------

READ, WRITE = Request("GET", "/x", query={"q": "1"}), Request("POST", "/x", query={"q": "1"}, body=b"{}")


@app_of
async def test_a_session_shows_no_secret_and_puts_none_into_an_address(app: App) -> None:
    api = Scripted(Response(500, {}, b"{}"))
    session = opened(app, api)
    shown = [repr(app), repr(session)]
    for call in (READ, WRITE):
        with pytest.raises(EffectError) as caught:
            await session.send(call)
        shown.append(repr(caught.value))
    shown += [repr(sent) for sent in api.sent]
    shown += [f"{base_url}{request.path}{dict(request.query)}" for base_url, request in api.sent]
    assert api.sent
    assert all(SECRET in str(dict(request.headers)) for _, request in api.sent)
    assert SECRET not in " ".join(shown)
    await session.close()


BODIES = (b"", b"<html>", b"{", b"[]", b"null", b'{"code":7}', b'{"message":[]}', b'{"code":{}}', b"[" * 100_000)


@app_of
@pytest.mark.parametrize("status", [*range(400, 430), 500, 502, 503, 504, 301, 302])
async def test_an_answer_that_is_no_success_raises_an_effect_error_whatever_its_body(app: App, status: int) -> None:
    for body in BODIES:
        for call in (READ, WRITE):
            with pytest.raises(EffectError) as caught:
                await opened(app, Scripted(Response(status, {}, body))).send(call)
            if status >= 500:
                assert isinstance(caught.value, Retry if call is READ else InDoubt)
            assert SECRET not in str(caught.value)


@app_of
async def test_a_lost_write_is_in_doubt_and_a_lost_read_is_tried_again(app: App) -> None:
    with pytest.raises(InDoubt):
        await opened(app, Scripted(InDoubt("lost"))).send(WRITE)
    with pytest.raises(Retry):
        await opened(app, Scripted(InDoubt("lost"))).send(READ)


@app_of
@pytest.mark.parametrize("error", [Retry("not sent"), Refused("not sendable"), RuntimeError("handed back")])
async def test_what_a_transport_raises_before_sending_comes_through_unchanged(app: App, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await opened(app, Scripted(error)).send(WRITE)
    assert caught.value is error
