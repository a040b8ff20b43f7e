"""The connection form of Zoho Books: which data centre, which organisation, which quota; and what is kept secret."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class DataCenter(NamedTuple):
    """Where a data centre signs in and where its API is: two hosts that cannot be derived from each other (Canada)."""

    accounts_url: str
    api_url: str


DATA_CENTERS = {
    "us": DataCenter("https://accounts.zoho.com", "https://www.zohoapis.com"),
    "eu": DataCenter("https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    "in": DataCenter("https://accounts.zoho.in", "https://www.zohoapis.in"),
    "au": DataCenter("https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    "jp": DataCenter("https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    "ca": DataCenter("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
    "cn": DataCenter("https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    "sa": DataCenter("https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    "uk": DataCenter("https://accounts.zoho.uk", "https://www.zohoapis.uk"),
}
"""https://www.zoho.com/books/api/v3/introduction/ and https://www.zoho.com/accounts/protocol/oauth/multi-dc.html.

Books' own list has no UK; its API host is assumed, and replaced by the `api_domain` that the accounts server names."""

CALLS_PER_DAY = {
    "free": 1_000,
    "standard": 2_000,
    "professional": 5_000,
    "premium": 10_000,
    "elite": 10_000,
    "ultimate": 10_000,
}
WINDOW_SECONDS = 61.0
"""Zoho counts calls as they arrive, in any 60 s; one more second absorbs how unevenly they travel (98.3 % is used)."""

SCOPES = (
    "ZohoBooks.contacts.ALL",
    "ZohoBooks.invoices.ALL",
    "ZohoBooks.customerpayments.ALL",
    "ZohoBooks.creditnotes.ALL",
    "ZohoBooks.settings.READ",
)

SECRETS = {
    "client_id": "Client ID of the Self Client (https://api-console.zoho.com, of your data centre)",
    "client_secret": "Client Secret of the Self Client",
    "self_client_code": "Code of the tab 'Generate Code', scopes " + ",".join(SCOPES) + "; works once, for minutes",
    "refresh_token": "Instead of a code: a refresh token that the Self Client already has",
    "webhook_secret": "Secret of the organization's webhooks ('I want to secure this webhook'), 12 to 50 letters and "
    "digits; while it is changed both, with a comma between",
}

Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
CustomFieldName = Annotated[str, StringConstraints(pattern=r"^cf_[A-Za-z0-9_]+$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class ZohoBooksSettings(BaseModel):
    """What is not secret. Money, names and limits that differ from Zoho's defaults are set here, not in flows."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    organization_id: Digits = Field(
        description="Settings > Organization Profile > Organization ID", examples=["10234695"]
    )
    data_center: Literal["us", "eu", "in", "au", "jp", "ca", "cn", "sa", "uk"] = Field(
        "us", description="The end of your Zoho address: books.zoho.com is us, books.zoho.eu is eu"
    )
    accounts_url: Url | None = Field(None, description="Another accounts server than the data centre's (a sandbox)")
    api_url: Url | None = Field(None, description="Another API server than the data centre's (a sandbox)")
    api_version: Annotated[str, StringConstraints(pattern=r"^v[0-9]+$")] = "v3"

    account_field: CustomFieldName = Field(
        "cf_togai_account_id", description="Unique custom field of customers that holds the Togai id"
    )
    invoice_field: CustomFieldName = Field(
        "cf_togai_invoice_id", description="Unique custom field of invoices that holds the Togai id"
    )
    payment_field: CustomFieldName = Field(
        "cf_togai_payment_id", description="Unique custom field of payments that holds the Togai id"
    )
    credit_note_field: CustomFieldName = Field(
        "cf_togai_credit_note_id", description="Unique custom field of credit notes that holds the Togai id"
    )
    unique_field: Literal["required", "preferred"] = Field(
        "required",
        description="Without a unique custom field: stop, or look each object up first (docs/guarantees.md)",
    )
    name_collision: Literal["refuse", "suffix"] = Field(
        "refuse", description="When another customer has the name: refuse, or append the Togai id to it"
    )
    decimals: dict[CurrencyCode, Annotated[int, Field(ge=0, le=6)]] = Field(
        default_factory=dict, description="Decimals of currencies, where they differ from what Zoho says of them"
    )

    poll_seconds: float = Field(
        300.0,
        ge=0,
        description="How often to look for changes that no webhook told of, where a flow wants them; 0: never",
    )
    poll_overlap_seconds: float = Field(
        600.0, ge=0, description="How far each look goes back behind the last change seen: lists lag behind writes"
    )
    recognize_sent: bool = Field(
        False,
        description="Read an invoice after marking it as sent, so that its webhook is known to be ours: one call more",
    )
    attachment_hosts: tuple[Host, ...] = Field(
        (), description="Hosts from which files may be downloaded and attached; a name stands for those below it too"
    )

    plan: Literal["free", "standard", "professional", "premium", "elite", "ultimate"] = Field(
        "standard", description="The organisation's plan; it sets the calls a day and at once"
    )
    calls_per_minute: int = Field(100, ge=1, description="Of the whole organisation; less if other apps share it")
    calls_per_day: int | None = Field(None, ge=1, description="If it is not the plan's")
    in_flight: int | None = Field(None, ge=1, le=10, description="Calls at once: 4 on the free plan, else 8")
    timeout_seconds: float = Field(30.0, gt=0, description="After which an answer counts as lost")
    quiet_seconds: float = Field(
        120.0, gt=0, description="After which a lost call can take no effect any more: longer than Zoho's own time-out"
    )
    lag_seconds: float = Field(
        60.0, ge=0, description="With unique_field preferred: how far Zoho's lists may lag, added to quiet_seconds"
    )
    block_seconds: float = Field(
        65.0, gt=0, description="The least to wait when Zoho blocks the organisation (44): it does not say how long"
    )
    throttle_seconds: float = Field(
        630.0, gt=0, description="The least to wait when the accounts server gives no more tokens (Access Denied)"
    )

    @property
    def accounts(self) -> str:
        """Base URL of the accounts server."""
        return (self.accounts_url or DATA_CENTERS[self.data_center].accounts_url).rstrip("/")

    def api(self, api_domain: str = "") -> str:
        """Base URL of the API: the one set by hand, else the one that the accounts server named, else the table's."""
        return (self.api_url or api_domain or DATA_CENTERS[self.data_center].api_url).rstrip("/")
