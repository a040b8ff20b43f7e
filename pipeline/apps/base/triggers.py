"""An event kind that an app offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event kind an app offers. `schema` types its data for CEL (a msgspec Struct), `sample` is a realistic object.

    `fetch` names the action that gets the object afresh when an event is a hint; `object` the app's noun for it, `id`
    the field of its data that holds the object's id. `returns`: an object may come to a version that it had before (a
    hash of its content), which is then another event. `scheduled`: flows say when it is due
    (`schedules`). `asked`: a person starts it, for one flow (``data.flow``) or for all.
    """

    name: str
    title: str
    object: str
    schema: type[msgspec.Struct]
    sample: Mapping[str, Any]
    fetch: str = ""
    id: str = "id"
    returns: bool = False
    scheduled: bool = False
    asked: bool = False

    def subject(self, data: Any) -> str:
        """The object's id; "" where the data has none."""
        found = data.get(self.id) if isinstance(data, Mapping) else None
        return found if isinstance(found, str) else ""
