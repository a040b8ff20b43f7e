"""A user's and a test's hand on the Togai twin: what happens in Togai itself, and the webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.sandbox import scenario
from pipeline.sandbox.config import Hook
from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.documents import InvoiceSpec, consolidate, draft, finalize, generate, set_status
from pipeline.sandbox.togai.errors import Refusal
from pipeline.sandbox.togai.hooks import HookFaults

if TYPE_CHECKING:
    from pipeline.sandbox.togai.server import TogaiTwin


def create_customer(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(201, twin.state.create_customer(request.json()))


def create_account(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(201, twin.state.create_account(request.json()))


def create_group(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(201, twin.state.create_group(request.json()))


def draft_invoice(twin: TogaiTwin, request: Request) -> Reply:
    """An `InvoiceSpec` -> the ongoing invoice."""
    return Reply(201, draft(twin.state, msgspec.json.decode(request.body, type=InvoiceSpec)))


def generate_invoice(twin: TogaiTwin, request: Request) -> Reply:
    finalizing = request.query.get("finalizing") == "true"
    return Reply(200, generate(twin.state, request.params[0], finalizing=finalizing))


def finalize_invoice(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(200, finalize(twin.state, request.params[0]))


def set_invoice_status(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(200, set_status(twin.state, request.params[0], request.json()["status"]))


def consolidate_group(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(200, consolidate(twin.state, request.params[0], request.json()["invoice_ids"]))


def add_hook(twin: TogaiTwin, request: Request) -> Reply:
    twin.state.hooks.hooks.append(msgspec.json.decode(request.body, type=Hook))
    return Reply(201, {})


def list_hooks(twin: TogaiTwin, request: Request) -> Reply:
    return Reply(200, {"counters": twin.state.hooks.counters()})


def clear_hooks(twin: TogaiTwin, request: Request) -> Reply:
    twin.state.hooks.hooks.clear()
    return Reply(200, {})


def set_hook_faults(twin: TogaiTwin, request: Request) -> Reply:
    twin.state.hooks.set_faults(msgspec.json.decode(request.body, type=HookFaults))
    return Reply(200, {})


def flush_hooks(twin: TogaiTwin, request: Request) -> Reply:
    twin.state.hooks.flush()
    return Reply(200, twin.state.hooks.counters())


def set_limits(twin: TogaiTwin, request: Request) -> Reply:
    twin.state.limits.per_second = request.json()["per_second"]
    return Reply(200, {})


def run_demo(twin: TogaiTwin, request: Request) -> Reply:
    """Create the demo's accounts and invoices; answers what must arrive in Zoho Books."""
    return Reply(201, msgspec.to_builtins(scenario.demo(twin.state)))


def run_bulk(twin: TogaiTwin, request: Request) -> Reply:
    body = request.json()
    made = scenario.bulk(twin.state, body["accounts"], body["invoices"], seed=body.get("seed", 1))
    return Reply(201, msgspec.to_builtins(made))


def refused(error: Refusal) -> Reply:
    return Reply(error.status, {"message": error.message})


ROUTES: tuple[Route[Any], ...] = (
    Route("POST", "customers", "customers", create_customer),
    Route("POST", "accounts", "accounts", create_account),
    Route("POST", "invoice_groups", "invoice_groups", create_group),
    Route("POST", "invoice_groups/{}/consolidate", "invoice_groups.consolidate", consolidate_group),
    Route("POST", "invoices", "invoices", draft_invoice),
    Route("POST", "invoices/{}/generate", "invoices.generate", generate_invoice),
    Route("POST", "invoices/{}/finalize", "invoices.finalize", finalize_invoice),
    Route("POST", "invoices/{}/status", "invoices.status", set_invoice_status),
    Route("POST", "hooks", "hooks.add", add_hook),
    Route("GET", "hooks", "hooks.list", list_hooks),
    Route("DELETE", "hooks", "hooks.clear", clear_hooks),
    Route("PUT", "hooks/faults", "hooks.faults", set_hook_faults),
    Route("POST", "hooks/flush", "hooks.flush", flush_hooks),
    Route("PUT", "limits", "limits.set", set_limits),
    Route("POST", "scenario/demo", "scenario.demo", run_demo),
    Route("POST", "scenario/bulk", "scenario.bulk", run_bulk),
)
