"""The events the CRM offers, and what can be read off their data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.apps.base import Trigger
from tinycrm import samples

COMPANY = "company"


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """A company. `stage`: ``lead`` or ``customer``; `revision` goes up by one with each change."""

    id: str
    name: str
    external_id: str = ""
    email: str = ""
    phone: str = ""
    currency: str = ""
    country: str = ""
    stage: str = ""
    revision: int = 0


TRIGGERS: Mapping[str, Trigger] = {
    "company.saved": Trigger(
        name="company.saved",
        title="A company was added or edited",
        object=COMPANY,
        schema=Company,
        sample=samples.COMPANY,
        fetch="get_company",
    )
}


def party_of(data: Any) -> str:
    """The company itself: its changes must stay in order."""
    found = data.get("id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else ""


def version_of(data: Any) -> str:
    """The revision."""
    found = data.get("revision") if isinstance(data, dict) else None
    return str(found) if isinstance(found, int) else ""
