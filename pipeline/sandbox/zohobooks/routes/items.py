"""Items: a name, which is unique (1001), and a rate."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks import shapes
from pipeline.sandbox.zohobooks.errors import ITEM_EXISTS, bad
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import decimal
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, same

LISTING = Listing(
    key="items",
    texts=("name", "description"),
    exact=("rate",),
    sorts=("name", "rate", "created_time"),
    omit=("custom_fields",),
)


def create(books: Books, request: Request) -> Reply:
    body = body_of(request)
    shapes.check(body, shapes.ITEM, "name", "rate")
    now = books.timestamp()
    empty = {"item_id": books.ids(), "status": "active", "custom_fields": [], "created_time": now}
    item = _filled(books, empty, body)
    books.items.put(item)
    request.applied("created", "items", item["item_id"])
    return Reply(201, {"code": 0, "message": "The item has been added.", "item": item}, code=0)


def update(books: Books, request: Request) -> Reply:
    body = body_of(request)
    shapes.check(body, shapes.ITEM)
    before = books.items.get(request.params[0], "Item")
    item = _filled(books, before, {**before, **body})
    books.items.put(item)
    request.applied("unchanged" if same(before, item) else "updated", "items", item["item_id"])
    return Reply(200, {"code": 0, "message": "Item details have been saved.", "item": item}, code=0)


def get(books: Books, request: Request) -> Reply:
    item = books.items.get(request.params[0], "Item")
    return Reply(200, {"code": 0, "message": "success", "item": item}, code=0)


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.items, request, lambda item: item)


def _filled(books: Books, item: Json, body: Json) -> Json:
    name = str(body["name"])
    if any(id_ != item["item_id"] for id_ in books.items.named(name)):
        raise bad(ITEM_EXISTS, f'Item "{name}" already exists.')
    return {
        **item,
        "name": name,
        "description": str(body.get("description") or ""),
        "rate": decimal(body["rate"], "rate"),
        "unit": str(body.get("unit") or ""),
        "last_modified_time": books.timestamp(),
    }


ROUTES = (
    Route("POST", "items", "items.create", create, "settings.CREATE"),
    Route("GET", "items", "items.list", list_, "settings.READ"),
    Route("GET", "items/{}", "items.get", get, "settings.READ"),
    Route("PUT", "items/{}", "items.update", update, "settings.UPDATE"),
)
