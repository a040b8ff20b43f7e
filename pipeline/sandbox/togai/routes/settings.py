"""Settings: the key-value rows of accounts, invoices and the rest, where mapped ids are kept.

POST and PATCH answer 201 with the row, or 204 without a body: the OpenAPI declares both. A POST on a row that exists is
not described; the twin refuses it.
"""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.togai.errors import bad, not_found
from pipeline.sandbox.togai.listing import Listing
from pipeline.sandbox.togai.shapes import body_of
from pipeline.sandbox.togai.state import State, setting_id
from pipeline.sandbox.wire import Json

REQUIRED = ("id", "value", "entityType", "entityId", "namespace", "name", "dataType")
DATA_TYPES = ("STRING", "NUMERIC", "JSON", "JSON_LOGIC")
LISTING = Listing({"entity_type": "entityType", "entity_id": "entityId", "setting_id": "id", "namespace": "namespace"})


def create(state: State, request: Request) -> Reply:
    body = body_of(request)
    for name in REQUIRED:
        if not isinstance(body.get(name), str):
            raise bad(f"{name} is required and must be a string")
    if body["dataType"] not in DATA_TYPES:
        raise bad(f"dataType must be one of {', '.join(DATA_TYPES)}")
    _check_owner(state, body["entityType"], body["entityId"])
    row = {name: body[name] for name in REQUIRED}
    key = setting_id(row)
    if key in state.settings:
        raise bad(f"Setting {key} already exists")
    state.settings[key] = row
    request.applied("created", "settings", key, value=row["value"])
    return _answer(state, row)


def update(state: State, request: Request) -> Reply:
    before = _get(state, request.params[0])
    body = body_of(request)
    after: Json = {**before, **{name: body[name] for name in ("name", "value", "dataType") if name in body}}
    state.settings[request.params[0]] = after
    action = "unchanged" if after == before else "updated"
    request.applied(action, "settings", request.params[0], value=after["value"])
    return _answer(state, after)


def get(state: State, request: Request) -> Reply:
    return Reply(200, _get(state, request.params[0]))


def list_(state: State, request: Request) -> Reply:
    rows = list(state.settings.values())
    return LISTING.reply(rows, request, trailing=state.config.trailing_token, view=lambda row: row)


def _get(state: State, key: str) -> Json:
    row = state.settings.get(key)
    if row is None:
        raise not_found("Setting", key)
    return row


def _check_owner(state: State, entity_type: str, entity_id: str) -> None:
    """The entities that the twin holds must exist; other types are taken as they come."""
    owners = {
        "ACCOUNT": state.accounts,
        "CUSTOMER": state.customers,
        "INVOICE": state.invoices,
        "INVOICE_GROUP": state.groups,
    }
    if entity_type in owners and entity_id not in owners[entity_type]:
        raise not_found(entity_type.replace("_", " ").capitalize(), entity_id)


def _answer(state: State, row: Json) -> Reply:
    return Reply(204) if state.config.empty_setting_answers else Reply(201, row)


ROUTES = (
    Route("POST", "settings", "settings.create", create),
    Route("GET", "settings", "settings.list", list_),
    Route("GET", "settings/{}", "settings.get", get),
    Route("PATCH", "settings/{}", "settings.update", update),
)
