"""Custom fields of one module: who refers to them how, and which values are taken.

The API documentation shows references by `customfield_id`, `label`, `api_name` or `index`, differing by module; the
twin takes the first three everywhere. `is_unique` as the name of the "Prevent Duplicate Values" switch is read off a
client that creates fields, not from Zoho's page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.sandbox.config import CustomField
from pipeline.sandbox.wire import Json
from pipeline.sandbox.zohobooks.errors import (
    BAD_VALUE,
    DUPLICATE_FIELD,
    KEY_NOT_UNIQUE,
    UNKNOWN_FIELD,
    bad,
)


@dataclass(slots=True)
class Field:
    """One custom field, and which records hold which value."""

    id: str
    api_name: str
    label: str
    data_type: str
    entity: str
    unique: bool
    holders: dict[str, list[str]] = field(default_factory=dict)

    def public(self) -> Json:
        """As ``GET /settings/fields`` shows it."""
        return {
            "field_id": self.id,
            "customfield_id": self.id,
            "api_name": self.api_name,
            "label": self.label,
            "data_type": self.data_type,
            "entity": self.entity,
            "is_custom_field": True,
            "is_active": True,
            "is_mandatory": False,
            "is_unique": self.unique,
            "show_on_pdf": False,
        }


class Fields:
    """The custom fields of one module."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self._by_name: dict[str, Field] = {}
        self._by_reference: dict[str, Field] = {}

    def add(self, id_: str, config: CustomField) -> Field:
        """Define a field. Defining one that is there switches its uniqueness; its values stay."""
        if known := self._by_name.get(config.api_name):
            known.unique = config.unique
            return known
        label = config.label or config.api_name.removeprefix("cf_").replace("_", " ").title()
        made = Field(id_, config.api_name, label, config.data_type, config.entity, config.unique)
        self._by_name[made.api_name] = made
        self._by_reference |= {made.api_name: made, made.label: made, made.id: made}
        return made

    def remove(self, api_name: str) -> None:
        """Forget a field, as a person can in the settings."""
        gone = self._by_name.pop(api_name)
        self._by_reference = {key: known for key, known in self._by_reference.items() if known is not gone}

    def all(self) -> list[Field]:
        return list(self._by_name.values())

    def read(self, given: Any, record_id: str) -> list[Json]:
        """The `custom_fields` of a body as they are stored. Raises Refusal for unknown fields and taken values."""
        if not isinstance(given, list):
            raise bad(BAD_VALUE, "Invalid value passed for custom_fields")
        stored = []
        for item in given:
            reference = item.get("api_name") or item.get("customfield_id") or item.get("label")
            known = self._by_reference.get(str(reference))
            if known is None:
                raise bad(UNKNOWN_FIELD, f"Invalid custom field: {reference}")
            value = item.get("value")
            text = "" if value is None else str(value)
            holders = known.holders.get(text, [])
            if known.unique and text and any(holder != record_id for holder in holders):
                raise bad(DUPLICATE_FIELD, f'The value "{text}" already exists in the field {known.label}.')
            stored.append(
                {
                    "customfield_id": known.id,
                    "api_name": known.api_name,
                    "label": known.label,
                    "data_type": known.data_type,
                    "value": text,
                }
            )
        return stored

    def match(self, api_name: str, value: str) -> str | None:
        """The record that holds `value`, for an upsert. Raises Refusal where the field can't be a key."""
        known = self._by_name.get(api_name)
        if known is None:
            raise bad(UNKNOWN_FIELD, f"The custom field {api_name} does not exist.")
        if not known.unique:
            raise bad(KEY_NOT_UNIQUE, f"The custom field {api_name} is not configured to prevent duplicate values.")
        if not value:
            raise bad(BAD_VALUE, "X-Unique-Identifier-Value is empty")
        holders = known.holders.get(value)
        return holders[0] if holders else None

    def index(self, record_id: str, before: list[Json], after: list[Json]) -> None:
        """Keep the holders in step with a record's stored fields."""
        for item in before:
            holders = self._by_name[item["api_name"]].holders if item["api_name"] in self._by_name else {}
            if record_id in holders.get(item["value"], ()):
                holders[item["value"]].remove(record_id)
        for item in after:
            if item["value"]:
                self._by_name[item["api_name"]].holders.setdefault(item["value"], []).append(record_id)

    def duplicates(self) -> int:
        """Records beyond the first that hold the same value of a field whose name ends in ``_id``."""
        return sum(
            len(holders) - 1
            for known in self._by_name.values()
            if known.api_name.endswith("_id")
            for holders in known.holders.values()
            if len(holders) > 1
        )
