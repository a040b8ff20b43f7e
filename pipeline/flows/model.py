"""A flow as a person writes it. Shape only: what the parts mean together is checked by `compile`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Clause = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
OptionValue = bool | int | Decimal | str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TriggerSpec(_Part):
    """What starts the flow: an event of an app. `every`, `cron` and `timezone` say when one is due that time gives."""

    app: str
    event: str
    every: Literal["", "hour", "day"] = ""
    cron: str = ""
    timezone: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """What the flow says about the trigger, beside its name."""
        return self.model_dump(exclude={"app", "event"}, exclude_defaults=True)


class OptionSpec(_Part):
    """A setting of a link. Without a `default` each link must give it; with the default null it may be absent."""

    type: Literal["string", "boolean", "decimal", "integer", "choice"]
    choices: list[str] = []
    default: OptionValue | None = None
    description: str = ""

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set

    @property
    def nullable(self) -> bool:
        return self.default is None and not self.required


class ActionSpec(_Part):
    """One step. `input` is a template: values may be ``${…}`` references."""

    id: Name
    app: str
    action: str
    when: list[Clause] = []
    input: dict[str, Any] = {}


class FlowSpec(_Part):
    """One flow: a trigger, what must hold, and ordered actions. Its `type` is the `direction` of the trigger's app."""

    id: Slug
    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    type: Literal["outbound", "inbound"]
    visibility: Literal["public", "private"] = "private"
    tags: list[str] = []
    trigger: TriggerSpec
    when: list[Clause] = []
    options: dict[Name, OptionSpec] = {}
    actions: list[ActionSpec] = Field(min_length=1)
