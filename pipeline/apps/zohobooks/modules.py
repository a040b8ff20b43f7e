"""Zoho's modules: where the objects of a noun live, and what answers call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.apps.base import Request
from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.apps.zohobooks.wire import request
from pipeline.schemas.records import ObjectRef

APP = "zohobooks"


@dataclass(frozen=True, slots=True)
class Module:
    """`noun` is ours and in mappings, `path` the module, `key` its object's name in an answer, `id` the id's field.

    `title` is what a person calls one.
    """

    noun: str
    path: str
    key: str
    id: str
    title: str

    def get(self, settings: ZohoBooksSettings, id_: str) -> Request:
        return request(settings, "GET", self.path, id_)

    def post(self, settings: ZohoBooksSettings, id_: str, *action: str, body: Any = None) -> Request:
        return request(settings, "POST", self.path, id_, *action, body=body)

    def ref(self, id_: str) -> ObjectRef:
        return ObjectRef(app=APP, type=self.noun, id=id_)


CONTACT = Module("contact", "contacts", "contact", "contact_id", "customer")
INVOICE = Module("invoice", "invoices", "invoice", "invoice_id", "invoice")
PAYMENT = Module("payment", "customerpayments", "payment", "payment_id", "payment")
CREDIT_NOTE = Module("credit_note", "creditnotes", "creditnote", "creditnote_id", "credit note")
ITEM = Module("item", "items", "item", "item_id", "item")
MODULES = {module.noun: module for module in (CONTACT, INVOICE, PAYMENT, CREDIT_NOTE, ITEM)}
