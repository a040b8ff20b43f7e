"""Organisations, currencies, taxes and custom fields: what a start-up check reads."""

from __future__ import annotations

from pipeline.sandbox.config import CustomField
from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.zohobooks.errors import BAD_VALUE, MISSING, bad
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of


def organizations(books: list[Books]) -> Reply:
    """``GET /organizations``, the one call without an organisation id."""
    rows = [
        {
            "organization_id": item.config.id,
            "name": item.config.name,
            "is_default_org": index == 0,
            "currency_code": item.config.currency_code,
            "currency_id": item.base_currency()["currency_id"],
            "time_zone": item.config.time_zone,
            "price_precision": item.base_currency()["price_precision"],
        }
        for index, item in enumerate(books)
    ]
    return Reply(200, {"code": 0, "message": "success", "organizations": rows}, code=0)


def currencies(books: Books, request: Request) -> Reply:
    return Reply(200, {"code": 0, "message": "success", "currencies": list(books.currencies.values())}, code=0)


def taxes(books: Books, request: Request) -> Reply:
    rows = [{"tax_id": tax.id, "tax_name": tax.name, "tax_percentage": tax.percentage} for tax in books.config.taxes]
    return Reply(200, {"code": 0, "message": "success", "taxes": rows}, code=0)


def fields(books: Books, request: Request) -> Reply:
    """Custom fields of one entity; all of them if none is named."""
    entity = request.query.get("entity")
    rows = [
        field.public()
        for module in books.modules()
        if entity in (None, module.fields.entity)
        for field in module.fields.all()
    ]
    return Reply(200, {"code": 0, "message": "success", "fields": rows}, code=0)


def create_field(books: Books, request: Request) -> Reply:
    """A new custom field. The documented arguments have no switch for uniqueness: it's set by hand afterwards."""
    body = body_of(request)
    for name in ("label", "data_type", "entity", "show_on_pdf"):
        if name not in body:
            raise bad(MISSING, f"{name} is missing")
    api_name = "cf_" + str(body["label"]).lower().replace(" ", "_")
    made = CustomField(
        entity=body["entity"],
        api_name=api_name,
        label=body["label"],
        unique=False,
        data_type=body["data_type"],
    )
    try:
        books.define(made)
    except ValueError as error:
        raise bad(BAD_VALUE, str(error)) from error
    request.applied("created", "fields", api_name)
    return Reply(
        201,
        {"code": 0, "message": "The custom field has been created.", "field": {"api_name": api_name}},
        code=0,
    )


ROUTES = (
    Route("GET", "settings/currencies", "settings.currencies", currencies, "settings.READ"),
    Route("GET", "settings/taxes", "settings.taxes", taxes, "settings.READ"),
    Route("GET", "settings/fields", "settings.fields", fields, "settings.READ"),
    Route("POST", "settings/fields", "settings.fields.create", create_field, "settings.CREATE"),
)
