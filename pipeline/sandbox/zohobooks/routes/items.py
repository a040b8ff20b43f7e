"""Items, minimal: a name and a rate; names are unique (1001)."""

from __future__ import annotations

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import ITEM_EXISTS, MISSING, bad
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.money import decimal
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of

LISTING = Listing(key="items", texts=("name", "description"), exact=("rate",), sorts=("name", "rate", "created_time"))


def create(books: Books, request: Request) -> Reply:
    body = body_of(request)
    name = str(body.get("name") or "")
    if not name or "rate" not in body:
        raise bad(MISSING, "An item needs a name and a rate")
    if books.items.named(name):
        raise bad(ITEM_EXISTS, f'Item "{name}" already exists.')
    now = books.timestamp()
    item: Json = {
        "item_id": books.ids(),
        "name": name,
        "description": str(body.get("description") or ""),
        "rate": decimal(body["rate"], "rate"),
        "unit": str(body.get("unit") or ""),
        "status": "active",
        "custom_fields": [],
        "created_time": now,
        "last_modified_time": now,
    }
    books.items.put(item)
    request.applied("created", "items", item["item_id"])
    return Reply(201, {"code": 0, "message": "The item has been added.", "item": item}, code=0)


def get(books: Books, request: Request) -> Reply:
    item = books.items.get(request.params[0], "Item")
    return Reply(200, {"code": 0, "message": "success", "item": item}, code=0)


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.items, request, lambda item: item)


ROUTES = (
    Route("POST", "items", "items.create", create, "settings.CREATE"),
    Route("GET", "items", "items.list", list_, "settings.READ"),
    Route("GET", "items/{}", "items.get", get, "settings.READ"),
)
