"""A test's hand on the Zoho Books twin: codes, quotas, custom fields, and what a person would do in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.sandbox.config import CustomField, ZohoHook, ZohoLimits
from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import encode
from pipeline.sandbox.zohobooks.hooks import HookFaults
from pipeline.sandbox.zohobooks.routes.invoices import view

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


def add_hook(twin: ZohoBooksTwin, request: Request) -> Reply:
    hook = msgspec.json.decode(request.body, type=ZohoHook)
    twin.state.organizations[request.params[0]].hooks.hooks.append(hook)
    return Reply(201, {})


def hook_counters(twin: ZohoBooksTwin, request: Request) -> Reply:
    return Reply(200, {"counters": twin.state.organizations[request.params[0]].hooks.counters()})


def hook_faults(twin: ZohoBooksTwin, request: Request) -> Reply:
    faults = msgspec.json.decode(request.body, type=HookFaults)
    twin.state.organizations[request.params[0]].hooks.set_faults(faults)
    return Reply(200, {})


def flush_hooks(twin: ZohoBooksTwin, request: Request) -> Reply:
    twin.state.organizations[request.params[0]].hooks.flush()
    return Reply(200, {})


def person(twin: ZohoBooksTwin, request: Request) -> Reply:
    """``{"method", "path", "body"?, "query"?}``: what a person does in the UI, as a call that costs no quota.

    It behaves as the API call of that path below ``/books/v3`` does; webhooks tell of it.
    """
    given = request.json()
    path = str(given["path"]).strip("/")
    query = {"organization_id": request.params[0], **given.get("query", {})}
    body = encode(given["body"]) if given.get("body") is not None else b""
    return twin.by_hand(str(given["method"]), path, query, body)


def overdue(twin: ZohoBooksTwin, request: Request) -> Reply:
    """Tell of every invoice that is overdue now, as a date-based workflow rule does once a day."""
    books = twin.state.organizations[request.params[0]]
    late = [shown for invoice in books.invoices if (shown := view(books, invoice))["status"] == "overdue"]
    for invoice in late:
        books.hooks.emit("invoice.overdue", "invoice", invoice)
    return Reply(200, {"overdue": len(late)})


ROUTES: tuple[Route[Any], ...] = (
    Route("POST", "codes", "codes.grant", grant_code),
    Route("POST", "refresh_tokens/revoke", "refresh_tokens.revoke", revoke_refresh),
    Route("PUT", "organizations/{}/limits", "limits.set", set_limits),
    Route("POST", "organizations/{}/fields", "fields.define", define_field),
    Route("DELETE", "organizations/{}/fields/{}/{}", "fields.remove", remove_field),
    Route("POST", "organizations/{}/hooks", "hooks.add", add_hook),
    Route("GET", "organizations/{}/hooks", "hooks.counters", hook_counters),
    Route("PUT", "organizations/{}/hooks/faults", "hooks.faults", hook_faults),
    Route("POST", "organizations/{}/hooks/flush", "hooks.flush", flush_hooks),
    Route("POST", "organizations/{}/person", "person", person),
    Route("POST", "organizations/{}/overdue", "overdue", overdue),
    Route("GET", "organizations/{}/{}", "objects", objects),
)
