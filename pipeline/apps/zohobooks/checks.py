"""Start-up checks of a connection, and the profile they give: what planning must know of the organisation.

The profile: ``organization_id``, ``name``, ``currency_code`` (base), ``time_zone`` (IANA), ``price_precision``,
``currencies`` {code: {``id``, ``decimals``, ``rate`` of the day in base currency}}, ``unique`` {entity: whether our
field is seen to prevent duplicates}, ``fields`` {entity: whether it is there}, ``ways`` {entity: what prevents a second
object, see `ways`}, ``warnings``.
Eight calls, reads only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.apps.base import Request, StartupCheck
from pipeline.apps.survey import Step, survey
from pipeline.apps.zohobooks import faults
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.ways import BY_FIELD, WEAKER, field_of
from pipeline.apps.zohobooks.wire import request, text
from pipeline.errors import EffectError, Refused, Stopped

Send = Callable[[Request], Awaitable[Any]]

MODULES = ("contacts", "invoices")
PAGES = 50
UNIQUE_NAMES = ("is_unique", "unique", "prevent_duplicates", "is_prevent_duplicate")
"""Names under which "Prevent Duplicate Values" may come; Zoho's pages do not show it."""
PLACES = {
    "contact": "Customers and Vendors",
    "invoice": "Invoices",
    "payment": "Payments Received",
    "credit_note": "Credit Notes",
}
ENTITIES = {"payment": "customer_payment"}
"""What Zoho's list of fields calls a module, where it is another word."""
OPTIONAL = ("payment", "credit_note")
"""Modules that not every connection writes to: without their field only what would write there is refused."""
INSTEAD = {
    "contact": "a customer is looked up by its name before it is created, and known by its notes or the field",
    "invoice": "an invoice is looked up by its number before it is created, and always has a number of ours",
    "payment": "a payment is looked up by its reference before it is recorded, and always has a reference of ours",
    "credit_note": "a credit note is looked up by its reference before it is created, which is always one of ours",
}


@dataclass(frozen=True, slots=True)
class _Key:
    """What holds our key in a module."""

    way: str
    there: bool = True
    unique: bool = True
    warning: str = ""


async def check(send: Send, settings: ZohoBooksSettings) -> Mapping[str, Any]:
    """Read what the profile needs and prove the scopes that reading needs. Raises `Stopped` with what to mend."""
    organization = await _organization(send, settings)
    currencies = await _currencies(send, settings)
    keys: dict[str, _Key] = {}
    for entity, name in (("contact", settings.account_field), ("invoice", settings.invoice_field)):
        keys[entity] = await _key(send, settings, entity, name)
    for entity in OPTIONAL:
        keys[entity] = await _optional_key(send, settings, entity, field_of(entity, settings))
    for module in MODULES:
        await send(request(settings, "GET", module, query={"page": "1", "per_page": "1"}))
    return {
        "organization_id": settings.organization_id,
        "name": text(organization, "name"),
        "currency_code": text(organization, "currency_code"),
        "time_zone": _time_zone(organization),
        "price_precision": int(organization.get("price_precision") or 0),
        "currencies": currencies,
        "unique": {entity: key.unique for entity, key in keys.items()},
        "fields": {entity: key.there for entity, key in keys.items()},
        "ways": {entity: key.way for entity, key in keys.items()},
        "warnings": [key.warning for key in keys.values() if key.warning],
    }


async def surveyed(send: Send, settings: ZohoBooksSettings) -> list[StartupCheck]:
    """The same checks, one by one, as a person would mend them."""
    fields = (
        ("contact", settings.account_field, _key),
        ("invoice", settings.invoice_field, _key),
        *((entity, field_of(entity, settings), _optional_key) for entity in OPTIONAL),
    )

    async def organization() -> str:
        _time_zone(await _organization(send, settings))
        return ""

    async def currencies() -> str:
        await _currencies(send, settings)
        return ""

    async def field(of: Callable[..., Awaitable[_Key]], entity: str, name: str) -> str:
        return (await of(send, settings, entity, name)).warning

    async def readable(module: str) -> str:
        await send(request(settings, "GET", module, query={"page": "1", "per_page": "1"}))
        return ""

    return await survey(
        [
            Step("organization", f"the Zoho user sees organization {settings.organization_id}", organization),
            Step("currencies", "the organization's currencies can be read", currencies),
            *(
                Step(
                    f"{entity}_field",
                    f"{name} prevents duplicates ({PLACES[entity]})",
                    partial(field, of, entity, name),
                )
                for entity, name, of in fields
            ),
            *(Step(module, f"{module} can be read", partial(readable, module)) for module in MODULES),
        ],
        _goes_on,
    )


def _goes_on(step: str, error: EffectError) -> bool:
    """What is wrong with one part says nothing about the others; a dead token or a wrong organisation does."""
    if step == "organization":
        return error.code == "zone"
    return isinstance(error, Refused) or error.code in ("field_missing", "field_not_unique", faults.UNAUTHORIZED)


async def _organization(send: Send, settings: ZohoBooksSettings) -> Mapping[str, Any]:
    """Our row of the organisations that the Zoho user sees; the one call without an organisation id."""
    call = request(settings, "GET", "organizations")
    rows = _rows(await send(Request(call.method, call.path)), "organizations")
    for row in rows:
        if text(row, "organization_id") == settings.organization_id:
            return row
    seen = ", ".join(f"{text(row, 'organization_id')} ({text(row, 'name')})" for row in rows) or "none"
    raise Stopped(
        f"organization {settings.organization_id} is not among those that this Zoho user sees in data center "
        f"{settings.data_center}: {seen}. Copy the Organization ID from Settings > Organization Profile, or set the "
        "right data_center",
        code="organization",
    )


async def _currencies(send: Send, settings: ZohoBooksSettings) -> dict[str, dict[str, Any]]:
    rows = await _pages(send, settings, ("settings", "currencies"), "currencies")
    return {
        text(row, "currency_code"): {
            "id": text(row, "currency_id"),
            "decimals": int(row.get("price_precision") or 0),
            "rate": text(row, "exchange_rate"),
        }
        for row in rows
        if row.get("currency_code") and row.get("currency_id")
    }


async def _optional_key(send: Send, settings: ZohoBooksSettings, entity: str, name: str) -> _Key:
    """As `_key`; what would stop a connection is a warning, and until it is mended nothing is written there."""
    try:
        return await _key(send, settings, entity, name)
    except Stopped as error:
        if error.code == faults.UNAUTHORIZED:
            raise
        there = error.code == "field_not_unique"
        title = entity.replace("_", " ")
        return _Key(WEAKER[entity], there=there, unique=False, warning=f"no {title} is written to Zoho Books: {error}")


async def _key(send: Send, settings: ZohoBooksSettings, entity: str, name: str) -> _Key:
    """Raises `Stopped` where the field is missing or allows duplicates, unless the connection takes the weaker way."""
    module = ENTITIES.get(entity, entity)
    rows = await _pages(send, settings, ("settings", "fields"), "fields", entity=module)
    found = next((row for row in rows if text(row, "api_name") == name and row.get("entity", module) == module), None)
    where = f"Settings > Preferences > {PLACES[entity]} > Field Customization"
    if found is None:
        wrong, code = f"the custom field {name} does not exist", "field_missing"
        remedy = (
            f"in Zoho Books open {where} > New Custom Field, data type Text Box (Single Line), name it so that its API "
            'name is that, and switch "Prevent Duplicate Values" on'
        )
    else:
        said = [found[name] for name in UNIQUE_NAMES if name in found]
        if not said:
            warning = f"Zoho does not say whether {name} prevents duplicates: see {where}"
            return _Key(BY_FIELD, unique=False, warning=warning)
        if any(value is True or str(value).lower() == "true" for value in said):
            return _Key(BY_FIELD)
        wrong, code = f"the custom field {name} allows duplicates", "field_not_unique"
        remedy = f'in Zoho Books open {where}, edit it and switch "Prevent Duplicate Values" on'
    if settings.unique_field == "required":
        raise Stopped(
            f"{wrong}: {remedy}; without it Zoho guards against no second object. To run without it, in the weaker way "
            "that docs/guarantees.md describes, set the connection's unique_field to preferred",
            code=code,
        )
    warning = f"{wrong}, so {INSTEAD[entity]}. This promises less than the field: {remedy}"
    return _Key(WEAKER[entity], there=found is not None, unique=False, warning=warning)


async def _pages(
    send: Send, settings: ZohoBooksSettings, path: tuple[str, ...], key: str, **query: str
) -> list[Mapping[str, Any]]:
    """All rows of a list. Raises `Stopped` where the list is not there at all."""
    rows: list[Mapping[str, Any]] = []
    for page in range(1, PAGES + 1):
        try:
            answer = await send(request(settings, "GET", *path, query={**query, "page": str(page), "per_page": "200"}))
        except Refused as error:
            raise Stopped(f"{'/'.join(path)} cannot be read: {error}", code=error.code) from None
        rows += _rows(answer, key)
        context = answer.get("page_context")
        if not (isinstance(context, dict) and context.get("has_more_page")):
            break
    return rows


def _rows(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The list of an answer: under `key`, or the only list there is."""
    found = answer.get(key)
    if not isinstance(found, list):
        found = next((value for value in answer.values() if isinstance(value, list)), [])
    return [row for row in found if isinstance(row, dict)]


def _time_zone(organization: Mapping[str, Any]) -> str:
    name = text(organization, "time_zone")
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Stopped(
            f"the organization's time zone {name!r} is not known here: see Settings > Organization Profile", code="zone"
        ) from None
