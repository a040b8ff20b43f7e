"""The CRM's webhooks: `{"type": "company.saved", "data": {…}}`. The gateway checks their signature before."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.apps.base import Hook
from pipeline.errors import Undecodable
from tinycrm.triggers import TRIGGERS, Company, version_of

ANY = "any"
"""The kind of an address that names none: the body does."""


def hooks(kind: str, body: bytes) -> Sequence[Hook]:
    """The event of a webhook body, or of a bare company. Raises `Undecodable`."""
    try:
        found = msgspec.json.decode(body)
        named = found.get("type", "") if kind == ANY else kind
        data = found.get("data", found)
        subject = msgspec.convert(data, Company).id
    except (ValueError, AttributeError, RecursionError) as error:
        raise Undecodable("not_json", f"the webhook's body is no company: {error}") from error
    if named not in TRIGGERS:
        raise Undecodable("unknown_trigger", f"no event {named!r} of the CRM: there are {', '.join(TRIGGERS)}")
    return (Hook(named, subject, data, version_of(data)),)
