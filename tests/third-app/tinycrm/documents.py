"""Between the CRM's company and the neutral party, both ways. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.errors import Refused
from pipeline.schemas.documents import Address, Party
from tinycrm.triggers import COMPANY, Company

NAME_LENGTH = 120


def party_of_company(data: Any) -> Party:
    """Raises `Refused` for what is no company."""
    try:
        company = msgspec.convert(data, Company)
    except msgspec.ValidationError as error:
        raise Refused(f"this is no company of the CRM: {error}") from error
    return Party(
        type=COMPANY,
        id=company.id,
        name=company.name,
        company=company.name,
        email=company.email,
        phone=company.phone,
        currency=company.currency,
        address=Address(country=company.country) if company.country else None,
        version=str(company.revision),
    )


def company_body(party: Party) -> dict[str, str]:
    """What a PUT sends: it replaces the company. Raises `Refused` for what the CRM cannot hold."""
    name = party.company or party.name
    if not name or len(name) > NAME_LENGTH:
        raise Refused(f"a company's name has 1 to {NAME_LENGTH} characters, this one has {len(name)}")
    given = {
        "name": name,
        "email": party.email,
        "phone": party.phone,
        "currency": party.currency,
        "country": party.address.country if party.address else "",
    }
    return {field: value for field, value in given.items() if value}
