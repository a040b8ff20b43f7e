"""Contacts: the accounts and customers of the other side."""

from __future__ import annotations

from typing import Any

from pipeline.sandbox.http import Reply, Request, Route
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks import shapes
from pipeline.sandbox.zohobooks.errors import (
    BAD_VALUE,
    CONTACT_EXISTS,
    CURRENCY_FROZEN,
    MISSING,
    WRONG_STATUS,
    bad,
)
from pipeline.sandbox.zohobooks.listing import Listing
from pipeline.sandbox.zohobooks.state import Books
from pipeline.sandbox.zohobooks.upsert import body_of, match, same, with_key

ADDRESS_FIELDS = tuple(shapes.ADDRESS)
PERSON_FIELDS = tuple(shapes.PERSON)
TEXTS = (
    "company_name",
    "notes",
    "payment_terms_label",
    "website",
    "language_code",
    "gst_no",
    "gst_treatment",
    "place_of_contact",
    "vat_reg_no",
    "vat_treatment",
    "tax_reg_no",
    "tax_treatment",
    "country_code",
)
DEFAULTS: Json = {
    **dict.fromkeys(TEXTS, ""),
    "payment_terms": 0,
    "billing_address": {},
    "shipping_address": {},
    "contact_persons": [],
    "custom_fields": [],
}

LISTING = Listing(
    key="contacts",
    texts=("contact_name", "company_name", "first_name", "last_name", "email", "phone"),
    exact=("contact_type",),
    sorts=("contact_name", "first_name", "last_name", "email", "created_time", "last_modified_time"),
    statuses={"Status.Active": ("active",), "Status.Inactive": ("inactive",)},
    omit=("contact_persons", "custom_fields", "billing_address", "shipping_address", "notes"),
)


def create(books: Books, request: Request) -> Reply:
    contact = _create(books, request, body_of(request))
    return _reply(201, "The contact has been created.", contact)


def upsert(books: Books, request: Request) -> Reply:
    body = body_of(request)
    id_, value = match(books, books.contacts, request)
    if id_ is None:
        contact = _create(books, request, with_key(books, body, request), key=value)
        return _reply(200, "The contact has been created.", contact)
    return _update(books, request, id_, body, key=value)


def update(books: Books, request: Request) -> Reply:
    return _update(books, request, request.params[0], body_of(request))


def get(books: Books, request: Request) -> Reply:
    return _reply(200, "success", books.contacts.get(request.params[0], "Contact"))


def list_(books: Books, request: Request) -> Reply:
    return LISTING.reply(books, books.contacts, request, _flat)


def delete(books: Books, request: Request) -> Reply:
    contact = books.contacts.get(request.params[0], "Contact")
    id_ = contact["contact_id"]
    if _has_transactions(books, id_):
        raise bad(WRONG_STATUS, "A contact with transactions can't be deleted.")
    books.contacts.delete(id_)
    request.applied("deleted", "contacts", id_)
    return Reply(200, {"code": 0, "message": "The contact has been deleted."}, code=0)


def activate(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "active")


def deactivate(books: Books, request: Request) -> Reply:
    return _set_status(books, request, "inactive")


def _set_status(books: Books, request: Request, status: str) -> Reply:
    contact = books.contacts.get(request.params[0], "Contact")
    changed = contact["status"] != status
    if changed:
        books.contacts.put({**contact, "status": status, "last_modified_time": books.timestamp()})
    request.applied(status if changed else "unchanged", "contacts", contact["contact_id"])
    return Reply(200, {"code": 0, "message": f"The contact has been marked as {status}."}, code=0)


def _create(books: Books, request: Request, body: Json, *, key: str = "") -> Json:
    name = str(body.get("contact_name") or "").strip()
    if not name:
        raise bad(MISSING, "Please enter the contact name")
    now = books.timestamp()
    currency = books.currency(body) or books.base_currency()
    contact: Json = {
        "contact_id": books.ids(),
        "contact_name": name,
        "contact_type": body.get("contact_type", "customer"),
        "status": "active",
        "currency_id": currency["currency_id"],
        "currency_code": currency["currency_code"],
        **DEFAULTS,
        "created_time": now,
        "last_modified_time": now,
    }
    contact = _fill(books, contact, body)
    _check_name(books, contact)
    books.contacts.put(contact)
    request.applied("created", "contacts", contact["contact_id"], key=key, **_shown(contact))
    return contact


def _update(books: Books, request: Request, id_: str, body: Json, *, key: str = "") -> Reply:
    before = books.contacts.get(id_, "Contact")
    base = {**before, **DEFAULTS} if books.config.put_replaces_contact else dict(before)
    if name := str(body.get("contact_name") or "").strip():
        base["contact_name"] = name
    currency = books.currency(body)
    if currency is not None and currency["currency_id"] != before["currency_id"]:
        if _has_transactions(books, id_):
            raise bad(CURRENCY_FROZEN, "The currency of a contact with transactions can't be changed.")
        base |= {"currency_id": currency["currency_id"], "currency_code": currency["currency_code"]}
    after = _fill(books, base, body, before["contact_persons"])
    _check_name(books, after)
    unchanged = same(before, after)
    after["last_modified_time"] = books.timestamp()
    books.contacts.put(after)
    request.applied("unchanged" if unchanged else "updated", "contacts", id_, key=key, **_shown(after))
    return _reply(200, "Contact information has been saved.", after)


def _fill(books: Books, contact: Json, body: Json, persons: list[Json] | None = None) -> Json:
    """The contact with the body's fields over it, checked. A top-level `email` is not taken, as at Zoho."""
    shapes.check(body, shapes.CONTACT)
    for name in TEXTS:
        if name in body:
            contact[name] = str(body[name] or "")
    if "payment_terms" in body:
        contact["payment_terms"] = _whole(body["payment_terms"])
    for name in ("billing_address", "shipping_address"):
        if name in body:
            address = body[name] or {}
            contact[name] = {field: address[field] for field in ADDRESS_FIELDS if field in address}
    if "contact_persons" in body:
        contact["contact_persons"] = _persons(books, body["contact_persons"] or [], persons or [])
    if "custom_fields" in body:
        contact["custom_fields"] = books.contacts.fields.read(body["custom_fields"], contact["contact_id"])
    contact["primary_contact_id"] = next(
        (person["contact_person_id"] for person in contact["contact_persons"] if person["is_primary_contact"]), ""
    )
    return contact


def _persons(books: Books, given: list[Json], before: list[Json]) -> list[Json]:
    """The persons of a body; one who is already there by id or e-mail keeps the id."""
    known = {person["contact_person_id"]: person["contact_person_id"] for person in before}
    known |= {person["email"]: person["contact_person_id"] for person in before if person["email"]}
    made = []
    for index, person in enumerate(given):
        id_ = known.get(str(person.get("contact_person_id", ""))) or known.get(str(person.get("email", "")))
        made.append(
            {
                "contact_person_id": id_ or books.ids(),
                **{name: str(person.get(name) or "") for name in PERSON_FIELDS},
                "is_primary_contact": bool(person.get("is_primary_contact", index == 0)),
            }
        )
    return made


def _check_name(books: Books, contact: Json) -> None:
    """The display name is unique in an organisation unless it allows duplicates."""
    if books.config.duplicate_contact_names:
        return
    if any(id_ != contact["contact_id"] for id_ in books.contacts.named(contact["contact_name"])):
        raise bad(
            CONTACT_EXISTS,
            f'The customer "{contact["contact_name"]}" already exists. Please specify a different name.',
        )


def _has_transactions(books: Books, id_: str) -> bool:
    return any(
        record["customer_id"] == id_
        for module in (books.invoices, books.customerpayments, books.creditnotes)
        for record in module
    )


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise bad(BAD_VALUE, "Invalid value passed for payment_terms") from error


def _flat(contact: Json) -> Json:
    """A row of the list: the primary person's fields beside the contact's."""
    primary = next((p for p in contact["contact_persons"] if p["is_primary_contact"]), None) or {}
    return {**contact, **{name: primary.get(name, "") for name in ("first_name", "last_name", "email", "phone")}}


def _shown(contact: Json) -> Json:
    return {name: contact[name] for name in ("contact_name", "currency_code", "notes")}


def _reply(status: int, message: str, contact: Json) -> Reply:
    return Reply(status, {"code": 0, "message": message, "contact": contact}, code=0)


ROUTES = (
    Route("POST", "contacts", "contacts.create", create, "contacts.CREATE"),
    Route("PUT", "contacts", "contacts.upsert", upsert, "contacts.UPDATE"),
    Route("GET", "contacts", "contacts.list", list_, "contacts.READ"),
    Route("GET", "contacts/{}", "contacts.get", get, "contacts.READ"),
    Route("PUT", "contacts/{}", "contacts.update", update, "contacts.UPDATE"),
    Route("DELETE", "contacts/{}", "contacts.delete", delete, "contacts.DELETE"),
    Route("POST", "contacts/{}/active", "contacts.active", activate, "contacts.CREATE"),
    Route("POST", "contacts/{}/inactive", "contacts.inactive", deactivate, "contacts.CREATE"),
)
