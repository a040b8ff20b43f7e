"""The connection form: where the CRM is; and what is kept secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.apps.webhook_secrets import NAME, STANDARD

API_KEY = "api_key"
SECRETS = {API_KEY: "Settings > API > New key", NAME: f"Settings > Webhooks > Signing secret. {STANDARD}"}

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]


class TinyCrmSettings(BaseModel):
    """What is not secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    base_url: Url = Field(description="Address of your CRM", examples=["https://crm.example"])
    calls_per_second: int = Field(5, ge=1, description="The CRM allows 5")
    timeout_seconds: float = Field(30.0, gt=0, description="After which an answer counts as lost")
    quiet_seconds: float = Field(60.0, gt=0, description="After which a lost call can take no effect any more")
