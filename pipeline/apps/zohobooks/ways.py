"""How a second object is prevented: by Zoho's unique custom field, or, without one, by looking first.

*By field*: ``PUT /{module}`` under our key; Zoho itself refuses a second object. *By number* (invoices), *by name*
(customers) and *by reference* (payments, credit notes) are the weaker ways of a connection whose `unique_field` is
``preferred``, for a module whose field is missing or allows duplicates. Each attempt looks the object up, verifies
every row here, and creates only where none is ours; nothing is ever posted blindly. What holds then:

- Invoices: Zoho takes a number once in an organisation, so a create that was applied late or twice is refused by Zoho.
- Customers, while their names are unique in the organisation (Zoho's default): the same, by name.
- Payments and credit notes are looked up by a reference of ours, which Zoho does not hold to be unique: as customers
  whose names may be the same.
- Customers, where duplicate names are allowed: at most one as long as no answer is lost while lists lag behind writes
  by more than the quiet period, and no worker is stopped between its last look at the lease and the socket for longer
  than that.

A request that was sent cannot be called back, and the session time-out of a worker may be shorter than the HTTP
time-out. It need not exceed it, since the quiet period covers it: a worker sends nothing after its lease, which ends
before its session does, and a successor holds every intent that it finds in doubt for a quiet period from the
take-over. The last call of the predecessor is then older than the quiet period. That has to be longer than Zoho's own
time-out and the lag of its lists together: hence `quiet_seconds` plus `lag_seconds`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Refuse
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.wire import text

BY_FIELD = "field"
BY_NAME = "name"
BY_NUMBER = "number"
BY_REFERENCE = "reference"
WEAKER = {
    "contact": BY_NAME,
    "invoice": BY_NUMBER,
    "payment": BY_REFERENCE,
    "credit_note": BY_REFERENCE,
}


@dataclass(frozen=True, slots=True)
class Way:
    """Of one module. `name`: ``field`` | ``name`` | ``number`` | ``reference``.

    `field` is the custom field that our key is written to; "" where the organisation has none.
    """

    name: str
    field: str

    @property
    def keyed(self) -> bool:
        """Whether Zoho refuses a second object under our key."""
        return self.name == BY_FIELD


def way_of(entity: str, settings: ZohoBooksSettings, profile: Mapping[str, Any]) -> Way:
    """What the start-up checks found; by field before they were made (a preview)."""
    field = field_of(entity, settings)
    there = profile.get("fields", {}).get(entity, True)
    return Way(profile.get("ways", {}).get(entity, BY_FIELD), field if there else "")


def field_of(entity: str, settings: ZohoBooksSettings) -> str:
    """The custom field that holds our key in a module."""
    return {
        "contact": settings.account_field,
        "invoice": settings.invoice_field,
        "payment": settings.payment_field,
        "credit_note": settings.credit_note_field,
    }[entity]


def without_field(entity: str, settings: ZohoBooksSettings) -> Refuse:
    """For a module that the connection may run without, as long as nothing is to be written there."""
    return Refuse(
        f"Zoho Books has no unique custom field {field_of(entity, settings)}, so nothing there prevents a second "
        f"{entity.replace('_', ' ')}: add it (`pipeline connections test` says how), or set the connection's "
        "unique_field to preferred",
        cause="setup",
        code="field_missing",
    )


def mark(field: str, key: str) -> str:
    """A line of a customer's notes that tells whose it is, where there is no field to hold it."""
    return f"{field}: {key}"


def carries(record: Mapping[str, Any], field: str, key: str) -> bool:
    """Whether a customer, as ``GET /contacts/{id}`` gives it, has our key in the field, or our mark in its notes.

    Another key in the field decides against it, whatever the notes say.
    """
    fields = record.get("custom_fields")
    for item in fields if isinstance(fields, list) else ():
        if isinstance(item, dict) and text(item, "api_name") == field and text(item, "value"):
            return text(item, "value") == key
    return mark(field, key) in (line.strip() for line in text(record, "notes").splitlines())


def shrunk(value: str, length: int) -> str:
    """`value`, if it is longer than `length` its beginning and a hash of the whole: no two values become one."""
    if len(value) <= length:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    return f"{value[: length - len(digest) - 1]}~{digest}"
