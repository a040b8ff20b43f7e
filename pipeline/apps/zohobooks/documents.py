"""From neutral documents to Zoho's request bodies. Pure: values in, values out.

Fields and their lengths: https://www.zoho.com/books/api/v3/contacts/ and https://www.zoho.com/books/api/v3/invoices/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.apps.zohobooks.amounts import plain
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.lines import Booking, shortened
from pipeline.apps.zohobooks.wire import LONGEST_KEY, sendable_key
from pipeline.errors import Refused
from pipeline.schemas.documents import Address, Invoice, Party
from pipeline.schemas.envelope import content_hash

NAME_LENGTH = 200
NUMBER_LENGTH = 100
REFERENCE_LENGTH = 50
"""Zoho's pages say 100; 50 is what it is reported to take everywhere."""
EMAIL_LENGTH = 100
PHONE_LENGTH = 50

ADDRESS_FIELDS = {
    "address": ("line1", 500),
    "street2": ("line2", 255),
    "city": ("city", 100),
    "state": ("state", 100),
    "zip": ("postal_code", 50),
    "country": ("country", 100),
}
LONGEST_TERM = 36_500
"""Days of a credit period: what is longer is a mistake, and may end beyond the calendar."""
TAX_FIELDS: Mapping[str, int | frozenset[str]] = {
    "gst_no": 15,
    "gst_treatment": frozenset(("business_gst", "business_none", "overseas", "consumer")),
    "place_of_contact": 100,
    "pan_no": 100,
    "vat_reg_no": 12,
    "vat_treatment": frozenset(("uk", "eu_vat_registered", "overseas")),
    "tax_reg_no": 100,
    "tax_treatment": 100,
    "country_code": 100,
}
"""Fields of an edition: the longest text, or the values that Zoho takes."""


def currency_fields(code: str, profile: Mapping[str, Any]) -> dict[str, str]:
    """The currency as a request names it. Raises `Refused` where the organisation does not have it.

    Without a profile (a preview before the connection was checked) the code stands for the id.
    """
    known = profile.get("currencies")
    if not code:
        return {}
    if known is None:
        return {"currency_code": code}
    if code not in known:
        raise Refused(
            f"the currency {code} is not enabled in Zoho Books: Settings > Currencies > New Currency",
            cause="currency",
        )
    return {"currency_id": known[code]["id"]}


def document_currency(code: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    """As `currency_fields`, with the rate that Zoho asks for where the currency is not the organisation's own.

    It is the one of Settings > Currencies, as the start-up checks of the day found it.
    """
    fields: dict[str, Any] = dict(currency_fields(code, profile))
    if not fields or code == profile.get("currency_code"):
        return fields
    rate = str(profile.get("currencies", {}).get(code, {}).get("rate") or "")
    try:
        found = Decimal(rate or 0)
    except InvalidOperation:
        found = Decimal(0)
    return fields | ({"exchange_rate": found} if found.is_finite() and found > 0 else {})


def contact_body(
    party: Party, *, key: str, settings: ZohoBooksSettings, tax_fields: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """A contact without its currency, whole (a PUT clears what it leaves out), and warnings for what was cut.

    Raises `Refused` for a name or id that Zoho cannot hold.
    """
    warnings: list[str] = []
    name = party.name.strip()
    if not name:
        raise Refused(f"{party.type} {party.id} has no name: Zoho Books needs one", cause="invalid")
    for what, value in (("name", name), ("company", party.company)):
        _check_length(what, value, NAME_LENGTH)
    body: dict[str, Any] = {"contact_name": name, "contact_type": "customer"}
    if party.company:
        body["company_name"] = party.company
    if party.net_term_days is not None:
        if not 0 <= party.net_term_days <= LONGEST_TERM:
            raise Refused(
                f"{party.type} {party.id} has a credit period of {party.net_term_days} days: Zoho Books takes 0 to "
                f"{LONGEST_TERM}",
                cause="invalid",
            )
        body |= {"payment_terms": party.net_term_days, "payment_terms_label": f"Net {party.net_term_days}"}
    if persons := _persons(party, warnings):
        body["contact_persons"] = persons
    if party.address:
        body["billing_address"] = _address(party.address, warnings)
    body |= _tax_ids(party, tax_fields, warnings)
    body["custom_fields"] = [{"api_name": settings.account_field, "value": checked_key(key)}]
    return body, warnings


def invoice_body(
    invoice: Invoice,
    booking: Booking,
    *,
    key: str,
    customer_id: str,
    number: str,
    reference: str,
    settings: ZohoBooksSettings,
    zone: ZoneInfo,
) -> tuple[dict[str, Any], list[str]]:
    """An invoice without its currency, and warnings. Raises `Refused` for a number or id that Zoho cannot hold."""
    warnings = list(booking.warnings)
    issued = day(invoice.issued, zone)
    body: dict[str, Any] = {"customer_id": customer_id, "date": issued.isoformat()}
    if due := _due(invoice, issued, zone, warnings):
        body["due_date"] = due.isoformat()
    if number:
        _check_length("invoice number", number, NUMBER_LENGTH)
        body["invoice_number"] = number
    if len(reference) <= REFERENCE_LENGTH:
        body["reference_number"] = reference
    else:
        warnings.append(f"reference {reference!r} left out: Zoho Books takes {REFERENCE_LENGTH} characters")
    body |= {"is_inclusive_tax": False, **booking.fields()}
    body["custom_fields"] = [{"api_name": settings.invoice_field, "value": checked_key(key)}]
    return body, warnings


def invoice_hash(invoice: Invoice) -> str:
    """Of what was invoiced: later changes of status or of the party do not make it another document."""
    return content_hash(
        [
            invoice.number,
            invoice.currency,
            plain(invoice.total),
            invoice.issued,
            invoice.due,
            [(line.source_type, line.description, plain(line.amount)) for line in invoice.lines],
        ]
    )


def checked_key(key: str) -> str:
    """A value of our unique field; it travels in a header. Raises `Refused` where a header cannot carry it."""
    if not sendable_key(key):
        raise Refused(
            f"the id {key[:100]!r} cannot be sent in a header (printable ASCII of at most {LONGEST_KEY} characters)",
            cause="invalid",
        )
    return key


def time_zone(profile: Mapping[str, Any]) -> ZoneInfo:
    """The organisation's; UTC before the connection was checked."""
    try:
        return ZoneInfo(str(profile.get("time_zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Refused(f"the organization's time zone is not known: {error}", cause="invalid") from None


def day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an instant in the organisation's time zone; an instant without zone is UTC.

    Raises `Refused` at the ends of the calendar, where another zone has no day.
    """
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(zone).date()
    except OverflowError:
        raise Refused(f"{instant.isoformat()} is no time that can be booked", cause="invalid") from None


def period_text(invoice: Invoice, zone: ZoneInfo) -> str:
    """First and last day of the period; its end is exclusive, and shown as the day before.

    A period between two midnights UTC was cut in UTC, and is shown as that: another zone would make it a day longer.
    """
    if invoice.period_start is None or invoice.period_end is None:
        return ""
    if _midnight(invoice.period_start) and _midnight(invoice.period_end):
        zone = ZoneInfo("UTC")
    first = day(invoice.period_start, zone)
    last = first
    if invoice.period_end > invoice.period_start:
        last = day(invoice.period_end - timedelta(microseconds=1), zone)
    return f"{first.isoformat()} to {max(first, last).isoformat()}"


def _midnight(instant: datetime) -> bool:
    """Whether a day begins in UTC."""
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC).time() == time.min


def _due(invoice: Invoice, issued: date, zone: ZoneInfo, warnings: list[str]) -> date | None:
    if invoice.due is not None:
        due = day(invoice.due, zone)
    elif invoice.net_term_days is not None:
        due = issued + timedelta(days=_clamped(invoice.net_term_days, date.max - issued))
    else:
        return None
    if due < issued:
        warnings.append(f"due {due.isoformat()} is before the invoice's date and was set to it")
        return issued
    return due


def _clamped(days: int, most: timedelta) -> int:
    """A credit period that ends within the calendar, and not before the invoice's day."""
    return max(0, min(days, LONGEST_TERM, most.days))


def _persons(party: Party, warnings: list[str]) -> list[dict[str, Any]]:
    """E-mail addresses live on contact persons; the first one is the primary."""
    phone = party.phone if len(party.phone) <= PHONE_LENGTH else ""
    if party.phone and not phone:
        warnings.append(f"phone left out: longer than {PHONE_LENGTH} characters")
    emails = list(dict.fromkeys(email for email in (party.email, *party.other_emails) if email))
    kept = [email for email in emails if len(email) <= EMAIL_LENGTH]
    warnings += [f"e-mail left out: longer than {EMAIL_LENGTH} characters"] * (len(emails) - len(kept))
    if not kept:
        return [{"phone": phone, "is_primary_contact": True}] if phone else []
    persons: list[dict[str, Any]] = [
        {"email": email, "is_primary_contact": index == 0} for index, email in enumerate(kept)
    ]
    if phone:
        persons[0]["phone"] = phone
    return persons


def _address(address: Address, warnings: list[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for field, (source, length) in ADDRESS_FIELDS.items():
        value: str = getattr(address, source)
        if len(value) > length:
            warnings.append(f"address, {source}: cut to {length} characters")
        if value:
            made[field] = shortened(value, length)
    if address.phone and len(address.phone) <= PHONE_LENGTH:
        made["phone"] = address.phone
    return made


def _tax_ids(party: Party, tax_fields: Mapping[str, str], warnings: list[str]) -> dict[str, str]:
    """Tax numbers under Zoho's names, as far as mapped: one field that the edition lacks fails the whole call."""
    for field in tax_fields.values():
        if field not in TAX_FIELDS:
            raise Refused(f"tax_fields: Zoho has no field {field!r}; it has {', '.join(sorted(TAX_FIELDS))}")
    left = sorted(party.tax_ids.keys() - tax_fields.keys())
    if left and tax_fields:
        warnings.append(f"tax numbers without a field: {', '.join(left)}")
    made = {tax_fields[name]: value for name, value in party.tax_ids.items() if name in tax_fields and value}
    for field, value in made.items():
        takes = TAX_FIELDS[field]
        if isinstance(takes, int):
            _check_length(field, value, takes)
        elif value not in takes:
            raise Refused(f"{field} is one of {', '.join(sorted(takes))}, not {value[:40]!r}", cause="invalid")
    return made


def _check_length(what: str, value: str, length: int) -> None:
    if len(value) > length:
        raise Refused(
            f"the {what} has {len(value)} characters, Zoho Books takes {length}: shorten it at its source",
            cause="invalid",
        )
