"""From a neutral party to the fields of Togai's customers and accounts. Pure.

Only what the party says is written: what it leaves out is left as it is in Togai.
https://docs.togai.com/api-reference/customers https://docs.togai.com/api-reference/accounts
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.apps.togai.receipts import shortened
from pipeline.errors import Refused
from pipeline.schemas.documents import Address, Party
from pipeline.schemas.records import ObjectRef

ID_LENGTH = 50
NAME_LENGTH = 3, 255
EMAIL_LENGTH = 320
ADDRESS = {
    "line1": "line1",
    "line2": "line2",
    "city": "city",
    "state": "state",
    "postalCode": "postal_code",
    "country": "country",
}
"""Togai's name of a part of an address, and ours."""


def checked_id(id_: str, what: str) -> str:
    """An id that the tenant chooses. Raises `Refused` for one that Togai does not take."""
    if not id_ or len(id_) > ID_LENGTH:
        raise Refused(f"the {what} needs an id of 1 to {ID_LENGTH} characters, not {id_[:80]!r}", code="id")
    return id_


def customer_fields(party: Party) -> tuple[dict[str, Any], list[str]]:
    """Name, e-mail and address of a customer, and warnings. Raises `Refused`."""
    warnings: list[str] = []
    fields: dict[str, Any] = {"name": _name(party, warnings)}
    if party.email:
        fields["primaryEmail"] = _email(party.email)
    if address := _address(party, warnings):
        fields["address"] = address
    return fields, warnings


def account_fields(party: Party) -> tuple[dict[str, Any], list[str]]:
    """As `customer_fields`, with what only an account has; without its currency, which never changes."""
    fields, warnings = customer_fields(party)
    if party.net_term_days is not None and party.net_term_days >= 0:
        fields["netTermDays"] = party.net_term_days
    if party.other_emails:
        fields["billingInformation"] = {"additionalEmailRecipients": [_email(each) for each in party.other_emails]}
    if party.tax_ids:
        fields["metadata"] = dict(party.tax_ids)
    return fields, warnings


def mark(source: ObjectRef) -> dict[str, str]:
    """The entry of an account's metadata that tells whose counterpart it is."""
    return {f"{source.app}_{source.type}_id": source.id}


def carries(account: Mapping[str, Any], source: ObjectRef) -> bool:
    """Whether an account was made as the counterpart of `source`."""
    metadata = account.get("metadata")
    return isinstance(metadata, Mapping) and mark(source).items() <= metadata.items()


def changes(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be written so that `found` holds all that is wanted. Maps are merged: Togai replaces them whole."""
    merged = {
        name: {**(found.get(name) or {}), **value} if isinstance(value, Mapping) else value
        for name, value in wanted.items()
    }
    return {name: value for name, value in merged.items() if found.get(name) != value}


def _name(party: Party, warnings: list[str]) -> str:
    name = " ".join(party.name.split())
    least, most = NAME_LENGTH
    if len(name) < least:
        raise Refused(f"Togai takes names of {least} to {most} characters, not {name!r}", code="name")
    if len(name) > most:
        warnings.append(f"name cut to {most} characters")
    return shortened(name, most)


def _email(address: str) -> str:
    if len(address) > EMAIL_LENGTH or "@" not in address:
        raise Refused(f"no e-mail address: {address[:80]!r}", code="email")
    return address


def _address(party: Party, warnings: list[str]) -> dict[str, str]:
    given = party.address or Address()
    found = {name: value for name, ours in ADDRESS.items() if (value := getattr(given, ours))}
    country = found.get("country", "")
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        warnings.append(f"country {country[:60]!r} is no ISO 3166-1 code of two letters, and was left out")
        del found["country"]
    elif country:
        found["country"] = country.upper()
    if phone := given.phone or party.phone:
        found["phoneNumber"] = phone
    return found
