"""What a sandbox holds at the start: organisations, clients, tokens, quotas. Read from YAML, checked as it is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml


class _Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class ZohoLimits(_Config, frozen=True, kw_only=True):
    """Quotas of an organisation; None switches one off. `block_seconds` is how long a code 44 block lasts.

    Zoho publishes 100 calls a minute, 10,000 a day (paid plans) and 10 at once; how long it blocks it does not say.
    """

    per_minute: int | None = 100
    per_day: int | None = 10_000
    in_flight: int | None = 10
    block_seconds: float = 120.0


class Currency(_Config, frozen=True, kw_only=True):
    """A currency that is enabled in an organisation; `exchange_rate` is in base currency."""

    code: str
    price_precision: int = 2
    exchange_rate: Decimal = Decimal(1)


class CustomField(_Config, frozen=True, kw_only=True):
    """A custom field. `entity` is Zoho's singular (``contact``, ``invoice``, ``customer_payment``, ``credit_note``).

    `unique` is the "Prevent Duplicate Values" switch; only such a field can be an upsert key.
    """

    entity: str
    api_name: str
    label: str = ""
    unique: bool = True
    data_type: str = "string"


class Tax(_Config, frozen=True, kw_only=True):
    """A tax of an organisation, in per cent."""

    id: str
    name: str
    percentage: Decimal


class ZohoHook(_Config, frozen=True, kw_only=True):
    """A workflow's webhook: tell `url` of `kind` (``invoice.paid``, …; ``*`` is all, and ``{kind}`` in `url` is it).

    `body`: Zoho's default payload as JSON, its fields as a form, or a form with one ``JSONString``. With a `secret` it
    is signed.
    """

    kind: str
    url: str
    body: Literal["default", "form", "jsonstring"] = "default"
    secret: str = ""


class Organization(_Config, frozen=True, kw_only=True):
    """A Zoho Books organisation and those of its habits that Zoho leaves open, at the harsher value each.

    `put_replaces_contact`: a PUT clears what it leaves out. `upsert_fills_key`: an upsert that creates also fills the
    key field from the header. `list_lag_seconds`: a list does not show what is younger. `loose_filters`: a filter on
    a text matches any part of it. `ignored_filters`: these are ignored without a word, as unknown ones are.
    """

    id: str
    name: str
    currency_code: str = "USD"
    time_zone: str = "UTC"
    currencies: tuple[Currency, ...] = (Currency(code="USD"),)
    custom_fields: list[CustomField] = []
    taxes: list[Tax] = []
    limits: ZohoLimits = ZohoLimits()
    auto_number_invoices: bool = True
    duplicate_contact_names: bool = False
    put_replaces_contact: bool = True
    upsert_fills_key: bool = False
    list_lag_seconds: float = 0.0
    loose_filters: bool = False
    ignored_filters: list[str] = []
    hooks: list[ZohoHook] = []

    def __post_init__(self) -> None:
        if self.currency_code not in {currency.code for currency in self.currencies}:
            raise ValueError(f"base currency {self.currency_code} is not among the currencies")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {self.time_zone}") from error


class OAuthClient(_Config, frozen=True, kw_only=True):
    """A self client of the API console."""

    id: str
    secret: str


class ZohoBooksConfig(_Config, frozen=True, kw_only=True):
    """The Zoho Books twin: one user with one or more organisations and self clients. `latency` in seconds a call."""

    organizations: list[Organization]
    clients: list[OAuthClient]
    port: int = 0
    latency: float = 0.0


class Hook(_Config, frozen=True, kw_only=True):
    """A webhook: deliver `kind` (``account.created``, ``invoice.generated``, …; ``*`` is all) to `url`.

    Togai publishes no body, so the shape is a choice: ``bare`` object, under ``payload``, under ``data`` beside an
    ``eventName``, or a ``list`` of one.
    """

    kind: str
    url: str
    shape: Literal["bare", "payload", "event", "list"] = "payload"


class TogaiConfig(_Config, frozen=True, kw_only=True):
    """The Togai twin: one tenant, at the harsher value of each habit that Togai leaves open.

    `per_second`: calls a token may make in any second (None: no limit). `trailing_token`: the last page still carries
    a nextToken. `empty_setting_answers`: POST and PATCH of settings answer 204 without a body.
    """

    tokens: list[str]
    tenant: str = "sandbox"
    currency: str = "USD"
    net_term_days: int = 30
    per_second: int | None = 10
    trailing_token: bool = True
    empty_setting_answers: bool = False
    hooks: list[Hook] = []
    seed: int = 1
    port: int = 0
    latency: float = 0.0


class SandboxConfig(_Config, frozen=True, kw_only=True):
    """Both twins."""

    zohobooks: ZohoBooksConfig
    togai: TogaiConfig


def load(path: str | Path) -> SandboxConfig:
    """Read a sandbox's YAML. Raises ValueError with the file and the field that is wrong."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return msgspec.convert(raw, SandboxConfig)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error
