"""`/connections`: credentials of apps. Secrets are taken, and never given back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipeline.apps.base import StartupCheck
from pipeline.control.apply import Done
from pipeline.control.files import Id, Name
from pipeline.control.manage import connections as manage
from pipeline.control.manage.connections import NewConnection
from pipeline.errors import ConfigurationError
from pipeline.gateway.addresses import addresses
from pipeline.gateway.api.parts import Api
from pipeline.operations.connections import ConnectionShown, connection_shown, connections_shown

Result = TypeVar("Result")
Secrets = dict[str, SecretStr]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddConnection(_Form):
    """`GET /apps/{app}` shows which settings and secrets an app has."""

    app: str
    name: Name = Field(description="What people call it; it may change")
    id: Id | None = Field(None, description="For good; made of the name where it is left out")
    settings: dict[str, Any] = {}
    secrets: Secrets = {}


class RotateConnection(_Form):
    """Secrets that are left out stay as they are."""

    secrets: Secrets = {}
    hooks: bool = Field(False, description="New webhook addresses too; those of before stay good until `finish`")
    keep_old: bool = Field(True, description="A webhook secret of before stays good until `finish`")


class TestedConnection(BaseModel):
    """`works` where every check passed that must; each check says what to mend, in the app's own words."""

    id: str
    works: bool
    checks: list[StartupCheck]


class ConnectionChange(TestedConnection):
    """`what`: create, update, unchanged."""

    what: str


class HookAddress(BaseModel):
    """One address to register at the app. It is a secret unless `signed`. Put your public host before it."""

    kind: str
    path: str
    signed: bool
    when: str = Field(description="When the app is to call it, in its own words")


class HookAddresses(BaseModel):
    say: list[str] = Field(description="What a person does at the app, step by step")
    hooks: list[HookAddress]


def connections_router(api: Api) -> APIRouter:
    router = APIRouter(prefix="/connections", tags=["connections"])

    @router.get("")
    def list_connections(app: Annotated[str, Query(description="Of this app")] = "") -> list[ConnectionShown]:
        """All connections with their state, and what uses each."""
        return connections_shown(api, app)

    @router.post("", status_code=201)
    def add_connection(new: AddConnection) -> ConnectionChange:
        """Exchange the credentials, store them, and run the start-up checks.

        It is stored though a check fails: a self client code works once. The checks say what to mend.
        """
        given = NewConnection(new.app, new.name, new.id or "", new.settings, _plain(new.secrets))
        return _changed(_run(manage.add(api, given, within="body")))

    @router.get("/{connection}")
    def show_connection(connection: str) -> ConnectionShown:
        """One connection, without its secrets."""
        return connection_shown(api, connection)

    @router.delete("/{connection}", status_code=204)
    def remove_connection(connection: str) -> None:
        """Forget it: refused while links use it. What was made in the app stays."""
        manage.remove(api, connection)

    @router.put("/{connection}/name")
    def rename_connection(connection: str, name: Annotated[Name, Body(embed=True)]) -> ConnectionShown:
        """Call it something else; its id stays."""
        manage.rename(api, connection, name, within="body")
        return connection_shown(api, connection)

    @router.post("/{connection}/test")
    def test_connection(connection: str) -> TestedConnection:
        """Run every start-up check with the stored credentials. Reads only."""
        done = _run(api.applier().test(api.control().connection(connection)))
        return TestedConnection(id=done.id, works=done.good, checks=list(done.checks))

    @router.post("/{connection}/pause")
    def pause_connection(connection: str) -> ConnectionShown:
        """Make no call for it. Its commands wait, in order, and nothing is lost."""
        manage.set_paused(api, connection, True)
        return connection_shown(api, connection)

    @router.post("/{connection}/resume")
    def resume_connection(connection: str) -> ConnectionShown:
        """Go on from where it stood. One that is stopped is tried again at once."""
        manage.set_paused(api, connection, False, anew=bool(connection_shown(api, connection).stopped))
        return connection_shown(api, connection)

    @router.post("/{connection}/rotate")
    def rotate_connection(connection: str, new: RotateConnection) -> ConnectionChange:
        """Other secrets. They are tried first: where a check fails, what was stored stays, and that is a 422."""
        done = Done("connection", connection, "update")
        if new.secrets or not new.hooks:
            secrets = _plain(new.secrets)
            done = _run(manage.rotate(api, connection, secrets, keep_old=new.keep_old, within="body.secrets"))
        if done.what == "failed":
            raise ConfigurationError(done.remedy)
        if new.hooks:
            manage.rotate_hooks(api, connection)
        return _changed(done)

    @router.post("/{connection}/finish")
    def finish_rotation(connection: str) -> ConnectionShown:
        """Webhook secrets and addresses of before end."""
        manage.finish(api, connection)
        return connection_shown(api, connection)

    @router.get("/{connection}/hooks")
    def show_hooks(connection: str) -> HookAddresses:
        """Where the app is to send webhooks. An address that is not signed is a secret of ours, shown here alone."""
        stored = api.control().connection(connection)
        told = addresses(api.apps[stored.app], stored, api.box())
        hooks = [HookAddress(kind=each.kind, path=each.path, signed=each.signed, when=each.when) for each in told.hooks]
        return HookAddresses(say=list(told.say), hooks=hooks)

    return router


def _plain(secrets: Secrets) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in secrets.items()}


def _changed(done: Done) -> ConnectionChange:
    return ConnectionChange(id=done.id, works=done.good, checks=list(done.checks), what=done.what)


def _run(asked: Coroutine[Any, Any, Result]) -> Result:
    """Each route has a thread of its own, and so a loop: transports belong to the loop that made them."""
    return asyncio.run(asked)
