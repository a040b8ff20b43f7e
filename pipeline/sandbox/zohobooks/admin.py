"""A test's hand on the Zoho Books twin: codes, quotas, custom fields, and what a person would do in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.sandbox.config import CustomField, ZohoLimits
from pipeline.sandbox.http import Reply, Request, Route

if TYPE_CHECKING:
    from pipeline.sandbox.zohobooks.server import ZohoBooksTwin

DEFAULT_SCOPES = (
    "ZohoBooks.contacts.ALL",
    "ZohoBooks.invoices.ALL",
    "ZohoBooks.customerpayments.ALL",
    "ZohoBooks.creditnotes.ALL",
    "ZohoBooks.settings.ALL",
)


def grant_code(twin: ZohoBooksTwin, request: Request) -> Reply:
    """``{"client_id", "scopes"?, "seconds"?}`` -> ``{"code"}``, as "Generate Code" of the API console."""
    body = request.json()
    scopes = body.get("scopes") or DEFAULT_SCOPES
    code = twin.state.oauth.grant(body["client_id"], scopes, float(body.get("seconds", 180)))
    return Reply(201, {"code": code})


def revoke_refresh(twin: ZohoBooksTwin, request: Request) -> Reply:
    twin.state.oauth.revoke_refresh()
    return Reply(200, {})


def set_limits(twin: ZohoBooksTwin, request: Request) -> Reply:
    books = twin.state.organizations[request.params[0]]
    books.limits.config = msgspec.json.decode(request.body, type=ZohoLimits)
    return Reply(200, {})


def define_field(twin: ZohoBooksTwin, request: Request) -> Reply:
    field = msgspec.json.decode(request.body, type=CustomField)
    twin.state.organizations[request.params[0]].define(field)
    return Reply(200, {})


def remove_field(twin: ZohoBooksTwin, request: Request) -> Reply:
    id_, entity, api_name = request.params
    for module in twin.state.organizations[id_].modules():
        if module.fields.entity == entity:
            module.fields.remove(api_name)
    return Reply(200, {})


def objects(twin: ZohoBooksTwin, request: Request) -> Reply:
    """Every record of a module as it stands, without the API's quota."""
    id_, name = request.params
    modules = {module.name: module for module in twin.state.organizations[id_].modules()}
    return Reply(200, {"objects": list(modules[name])})


ROUTES: tuple[Route[Any], ...] = (
    Route("POST", "codes", "codes.grant", grant_code),
    Route("POST", "refresh_tokens/revoke", "refresh_tokens.revoke", revoke_refresh),
    Route("PUT", "organizations/{}/limits", "limits.set", set_limits),
    Route("POST", "organizations/{}/fields", "fields.define", define_field),
    Route("DELETE", "organizations/{}/fields/{}/{}", "fields.remove", remove_field),
    Route("GET", "organizations/{}/{}", "objects", objects),
)
