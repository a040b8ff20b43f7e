"""Clients for the twins, as a caller of the real apps would have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from pipeline.sandbox.config import SandboxConfig, load
from pipeline.sandbox.serve import Served
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin
from pipeline.sandbox.zohobooks.state import Books

ROOT = Path(__file__).parents[2]
ORGANIZATION = "10234695"
CLIENT = "1000.SANDBOXCLIENT"
SECRET = "sandbox-client-secret"
TOKEN = "sandbox-togai-token"

KEY = "X-Unique-Identifier-Key"
VALUE = "X-Unique-Identifier-Value"


def sandbox_config() -> SandboxConfig:
    return load(ROOT / "configs/sandbox.yaml")


class Zoho:
    """A caller of the Zoho Books twin with a live access token."""

    def __init__(self, served: Served[ZohoBooksTwin], scopes: tuple[str, ...] = ("ZohoBooks.fullaccess.all",)) -> None:
        self.served = served
        self.http = httpx.Client(base_url=served.base_url)
        self.tokens = self.exchange(self.code(scopes)).json()
        self.use(self.tokens["access_token"])

    @property
    def books(self) -> Books:
        return self.served.twin.state.organizations[ORGANIZATION]

    def code(self, scopes: tuple[str, ...] = ("ZohoBooks.fullaccess.all",), seconds: float = 180) -> str:
        return self.served.call(lambda: self.served.twin.state.oauth.grant(CLIENT, scopes, seconds))

    def exchange(self, code: str, changed: dict[str, str] | None = None) -> httpx.Response:
        form = {"grant_type": "authorization_code", "client_id": CLIENT, "client_secret": SECRET, "code": code}
        return self.http.post("/oauth/v2/token", data={**form, **(changed or {})})

    def refresh(self, token: str | None = None) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "client_secret": SECRET}
        return self.http.post("/oauth/v2/token", data={**form, "refresh_token": token or self.tokens["refresh_token"]})

    def use(self, access_token: str) -> None:
        self.http.headers["Authorization"] = f"Zoho-oauthtoken {access_token}"

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **query: str
    ) -> httpx.Response:
        params = {"organization_id": ORGANIZATION, **query}
        return self.http.request(method, f"/books/v3/{path}", params=params, json=body, headers=headers)

    def upsert(
        self, module: str, field: str, value: str, body: dict[str, Any], *, create: bool = True
    ) -> httpx.Response:
        """PUT by the unique field, its value in the body too, with our own number where the body has one."""
        headers = {KEY: field, VALUE: value} | ({"X-Upsert": "true"} if create else {})
        fields = {"custom_fields": [{"api_name": field, "value": value}]}
        query = {"ignore_auto_number_generation": "true"} if "invoice_number" in body else {}
        return self.call("PUT", module, {**fields, **body}, headers, **query)

    def contact(self, name: str = "Acme", currency: str = "USD", **body: Any) -> str:
        """Create a contact; gives its id."""
        currency_id = self.books.currencies[currency]["currency_id"]
        answer = self.call("POST", "contacts", {"contact_name": name, "currency_id": currency_id, **body})
        assert answer.status_code == 201, answer.text
        id_: str = answer.json()["contact"]["contact_id"]
        return id_

    def invoice(self, customer_id: str, *lines: tuple[str, str], **body: Any) -> httpx.Response:
        """Create an invoice with an automatic number, from (rate, quantity) pairs."""
        rows = [
            {"name": f"Line {order}", "rate": float(rate), "quantity": float(quantity)}
            for order, (rate, quantity) in enumerate(lines)
        ]
        return self.call("POST", "invoices", {"customer_id": customer_id, "line_items": rows, **body})


class Togai:
    """A caller of the Togai twin."""

    def __init__(self, served: Served[TogaiTwin]) -> None:
        self.served = served
        self.http = httpx.Client(base_url=served.base_url, headers={"Authorization": f"Bearer {TOKEN}"})

    def call(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        return self.http.request(method, path, json=body, params=query)

    def customer(self, id_: str = "acme", **body: Any) -> httpx.Response:
        given = {"id": id_, "name": id_.title() + " Inc", "primaryEmail": "a@example.com", "address": {"city": "X"}}
        return self.call("POST", "/customers", {**given, **body})

    def setting(self, entity_id: str, value: str, *, entity: str = "ACCOUNT", id_: str = "ZohoBooksCustomerId") -> Any:
        return self.call(
            "POST",
            "/settings",
            {
                "id": id_,
                "value": value,
                "entityType": entity,
                "entityId": entity_id,
                "namespace": "USER",
                "name": id_,
                "dataType": "STRING",
            },
        )


def code_of(answer: httpx.Response) -> tuple[int, int]:
    """(HTTP status, Zoho's code) of an answer."""
    return answer.status_code, answer.json()["code"]
