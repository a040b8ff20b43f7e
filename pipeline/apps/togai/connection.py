"""The connection form of Togai: which environment, which quota; and what is kept secret."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.apps import webhook_secrets

BASE_URLS = {"production": "https://api.togai.com", "sandbox": "https://sandbox-api.togai.com"}
"""https://docs.togai.com/api-reference/getting-started"""

CALLS_PER_SECOND = 10
"""Of any API but ingestion, by default. https://docs.togai.com/docs/quotas-and-limits"""

API_KEY = "api_token"
SECRETS = {
    API_KEY: "Secret key: Admin Center > API Tokens > Generate new token (it is shown once)",
    webhook_secrets.NAME: webhook_secrets.STANDARD,
}

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$")]


class TogaiSettings(BaseModel):
    """What is not secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    environment: Literal["production", "sandbox"] = "production"
    base_url: Url | None = Field(None, description="Another API server than the environment's")
    calls_per_second: int = Field(8, ge=1, description=f"Togai allows {CALLS_PER_SECOND}, more on request")
    in_flight: int = Field(8, ge=1, le=10, description="Calls at once")
    timeout_seconds: float = Field(30.0, gt=0, description="After which an answer counts as lost")
    quiet_seconds: float = Field(
        120.0, gt=0, description="After which a lost call can take no effect any more: longer than Togai's own time-out"
    )

    poll_seconds: float = Field(
        300.0,
        ge=0,
        description="How often to look for changes that no webhook told of, where a flow wants them; 0: never",
    )

    @property
    def api(self) -> str:
        """Base URL of the API."""
        return (self.base_url or BASE_URLS[self.environment]).rstrip("/")
