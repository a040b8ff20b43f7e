"""Both twins, served in this process, and what a test reads off them to judge by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from pipeline.sandbox import scenario
from pipeline.sandbox.config import CustomField, Hook, Organization, SandboxConfig, ZohoHook, ZohoLimits, load
from pipeline.sandbox.serve import Served, serve_in_thread
from pipeline.sandbox.togai.server import TogaiTwin
from pipeline.sandbox.wire import Json, encode
from pipeline.sandbox.zohobooks.hooks import HookFaults
from pipeline.sandbox.zohobooks.server import ZohoBooksTwin
from pipeline.sandbox.zohobooks.state import Books

ROOT = Path(__file__).parents[2]
ACCOUNT_FIELD, INVOICE_FIELD = "cf_togai_account_id", "cf_togai_invoice_id"
NO_LIMITS = ZohoLimits(per_minute=None, per_day=None, in_flight=None)


@dataclass(frozen=True, slots=True)
class Twins:
    """Togai and Zoho Books without quotas, so that the tests take seconds."""

    config: SandboxConfig
    books: Served[ZohoBooksTwin]
    togai: Served[TogaiTwin]
    api: httpx.Client

    @property
    def organization(self) -> str:
        return self.config.zohobooks.organizations[0].id

    # --- acting as a tenant ------------------------------------------------------------------------------------

    def code(self) -> str:
        """As "Generate Code" of the API console."""
        client = self.config.zohobooks.clients[0].id
        scopes = ("ZohoBooks.fullaccess.all",)
        return self.books.call(lambda: self.books.twin.state.oauth.grant(client, scopes))

    def revoke(self, refresh_token: str) -> None:
        """As when a person revokes the client's access to this one."""
        self.books.call(lambda: self.books.twin.state.oauth.revoke(refresh_token))

    def define(self, organization: str, field: CustomField) -> None:
        """Add a custom field."""
        self.books.call(lambda: self._books(organization).define(field))

    def remove_fields(self) -> None:
        """Our custom fields are gone from the settings of the organisation, as a person may have it."""
        books = self._books()
        for module, field in ((books.contacts, ACCOUNT_FIELD), (books.invoices, INVOICE_FIELD)):
            self.books.call(partial(module.fields.remove, field))

    def change(self, **habits: Any) -> None:
        """Habits of the organisation (`sandbox.config.Organization`)."""
        books = self._books()
        books.config = msgspec.structs.replace(books.config, **habits)

    def bulk(self, accounts: int, invoices: int, *, seed: int) -> scenario.Expected:
        """Accounts ``bulk-<seed>-<number>`` and generated invoices, spread evenly."""
        return self.togai.call(lambda: scenario.bulk(self.togai.twin.state, accounts, invoices, seed=seed))

    def rename(self, account: str, name: str) -> None:
        """By Togai's own API."""
        self.api.patch(f"/accounts/{account}", json={"name": name}).raise_for_status()

    def account(self, id_: str) -> Json:
        return self.togai.call(lambda: dict(self.togai.twin.state.account(id_)))

    def invoice(self, id_: str) -> Json:
        return self.togai.call(lambda: dict(self.togai.twin.state.invoice(id_)))

    def hook(self, hook: Hook) -> None:
        """Register a webhook."""
        self.togai.call(lambda: self.togai.twin.state.hooks.hooks.append(hook))

    def hook_books(self, hook: ZohoHook) -> None:
        """Register a webhook of Zoho Books."""
        self.books.call(lambda: self._books().hooks.hooks.append(hook))

    def fault_books_hooks(self, faults: HookFaults) -> None:
        """What befalls Zoho's webhooks from now on."""
        self.books.call(lambda: self._books().hooks.set_faults(faults))

    def by_hand(self, method: str, path: str, body: Json | None = None) -> Json:
        """What a person does in Zoho Books, as the call of that path; gives its answer."""
        query, sent = {"organization_id": self.organization}, b"" if body is None else encode(body)
        reply = self.books.call(lambda: self.books.twin.by_hand(method, path, query, sent))
        assert reply.status < 300, reply.body
        return dict(reply.body)

    def clear_hooks(self) -> None:
        self.togai.call(self.togai.twin.state.hooks.hooks.clear)

    # --- judging -----------------------------------------------------------------------------------------------

    def setting(self, entity_type: str, entity_id: str, id_: str) -> str:
        """The value in the Settings tab, by Togai's own API; "" where there is none."""
        query = {"entity_type": entity_type, "entity_id": entity_id, "setting_id": id_}
        answer = self.api.get("/settings", params=query)
        answer.raise_for_status()
        return next((str(setting["value"]) for setting in answer.json()["data"]), "")

    def togai_object(self, kind: str, id_: str) -> Any:
        answer = self.api.get(f"/{kind}/{quote(id_, safe='')}")
        answer.raise_for_status()
        return answer.json()

    def keyed(self, module: str, organization: str = "") -> dict[str, list[Json]]:
        """The records of a module of Zoho Books by our unique field, or by what stands for it where there is none."""
        field = {"contacts": ACCOUNT_FIELD, "invoices": INVOICE_FIELD}[module]
        found: dict[str, list[Json]] = defaultdict(list)
        for record in self.books.call(lambda: list(getattr(self._books(organization), module))):
            value = next((item["value"] for item in record["custom_fields"] if item["api_name"] == field), "")
            found[str(value) or _instead(module, record)].append(record)
        return dict(found)

    def name(self, account: str) -> str:
        """Of its contact; "" while there is none."""
        return next((str(contact["contact_name"]) for contact in self.keyed("contacts").get(account, ())), "")

    def one(self, module: str, key: str, organization: str = "") -> Json:
        """The one record under our key."""
        (record,) = self.keyed(module, organization).get(key, [])
        return record

    def writing_calls(self) -> int:
        return sum(entry.writing for served in (self.books, self.togai) for entry in served.ledger.entries)

    def togai_payments(self, account: str) -> Counter[str]:
        """How often a payment was recorded under each transaction number of an account."""
        payments = self.togai.call(lambda: list(self.togai.twin.state.payments.values()))
        return Counter(
            str(each["externalPaymentReferences"]["transactionNumber"])
            for each in payments
            if each["accountId"] == account
        )

    def hooks_refused(self) -> int:
        """Zoho's webhooks that were answered by no 2xx, or not at all."""
        hooks = self._books().hooks
        return hooks.refused + hooks.failed

    def hooks_delivered(self) -> int:
        return self.togai.twin.state.hooks.delivered

    def objects(self) -> tuple[Json, Json]:
        """Both twins' counts of what exists."""
        return self.books.twin.objects(), self.togai.twin.objects()

    def versions(self) -> dict[str, list[str]]:
        """The names that each contact was given, by our key, in the order in which Zoho applied them."""
        keys: dict[str, str] = {}
        names: dict[str, list[str]] = defaultdict(list)
        for _, applied in self._effects(self.books, "contacts"):
            if applied.action == "created":
                keys[applied.id] = _key("contacts", applied)
            if applied.action in ("created", "updated"):
                names[keys[applied.id]].append(applied.detail["contact_name"])
        return dict(names)

    def created(self, module: str) -> Counter[str]:
        """How often Zoho created a record of `module` under each of our keys."""
        effects = self._effects(self.books, module)
        return Counter(_key(module, each) for _, each in effects if each.action == "created")

    def booked(self) -> list[str]:
        """Our keys of the invoices, in the order in which Zoho created them."""
        effects = self._effects(self.books, "invoices")
        return [_key("invoices", each) for _, each in effects if each.action == "created"]

    def _effects(self, served: Served[Any], kind: str) -> list[tuple[Any, Any]]:
        found = served.ledger.effects(kind)
        return sorted(found, key=lambda each: each[1].at)

    def _books(self, organization: str = "") -> Books:
        return self.books.twin.state.organizations[organization or self.organization]


def _key(module: str, applied: Any) -> str:
    return str(applied.key or _instead(module, applied.detail))


def _instead(module: str, record: Mapping[str, Any]) -> str:
    """Our key in a record that has no field for it: a line of a contact's notes, the reference of an invoice."""
    if module == "invoices":
        return str(record["reference_number"])
    lines = (line.partition(": ") for line in str(record["notes"]).splitlines())
    return next((value for name, _, value in lines if name == ACCOUNT_FIELD), "")


def without_limits(config: SandboxConfig, organizations: Sequence[Organization] = ()) -> SandboxConfig:
    """The sandbox's own, with no quota and with `organizations` besides."""
    replace = msgspec.structs.replace
    first = replace(config.zohobooks.organizations[0], limits=NO_LIMITS)
    books = replace(config.zohobooks, organizations=[first, *organizations], port=0)
    return replace(config, zohobooks=books, togai=replace(config.togai, per_second=None, port=0))


@contextmanager
def twins(organizations: Sequence[Organization] = (), sandbox: SandboxConfig | None = None) -> Iterator[Twins]:
    """Serve both for the duration of the block, as in `sandbox` (the one of configs/, unless given)."""
    config = without_limits(sandbox or load(ROOT / "configs" / "sandbox.yaml"), organizations)
    with (
        serve_in_thread(ZohoBooksTwin(config.zohobooks)) as books,
        serve_in_thread(TogaiTwin(config.togai)) as togai,
        httpx.Client(base_url=togai.base_url, headers={"Authorization": f"Bearer {config.togai.tokens[0]}"}) as api,
    ):
        yield Twins(config, books, togai, api)
