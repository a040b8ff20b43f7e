"""Settings of a process, from the environment (`PIPELINE_*`; Kafka's and the registry's by their usual names)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Encoding(StrEnum):
    """How records that we emit are written. All of them are read."""

    JSON = "json"
    AVRO = "avro"


class Settings(BaseSettings):
    """Read once by a role's factory and passed on; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="PIPELINE_", extra="ignore", frozen=True)

    state_dir: Path = Path(".state")
    kafka_bootstrap_servers: str = Field("", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    schema_registry_url: str = Field("", validation_alias="SCHEMA_REGISTRY_URL")
    register_schemas: bool = Field(True, description="Whether ours are registered there, or have to be there already")
    topic_prefix: str = Field("", description="Put before every topic, group and transactional id")
    partitions: int = Field(6, ge=1, description="Of the events, steps, commands, ledger and state topics alike")
    replication_factor: int | None = Field(None, ge=1, description="1 on the embedded broker, else 3")
    encoding: Encoding = Encoding.JSON
    batch_size: int = Field(2000, ge=1, description="Events a batch, and so a transaction, of the agents")
    session_timeout_seconds: float = Field(
        6.0, ge=1.0, le=1800.0, description="How long a silent worker keeps its partitions"
    )
    parking_deadline_seconds: float = Field(
        7 * 24 * 3600.0, gt=0, description="How long a command waits for the object that it needs"
    )
    patience_seconds: float = Field(
        86_400.0, gt=0, description="How long a command waits for an object that may be under way, before it is skipped"
    )
    secrets_keys: SecretStr = Field(
        SecretStr(""), description="`id:base64 of 32 bytes`, comma separated; the first one encrypts"
    )
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(8080, ge=0, le=65535)
    api_token: SecretStr = Field(
        SecretStr(""), description="Opens the control API; a file in the state directory where there is none"
    )
    views_url: SecretStr = Field(
        SecretStr(""), description="Database of the activity log: `postgresql://...`; SQLite in the state directory"
    )
    views_retention_days: float = Field(30.0, gt=0, description="How long the activity log keeps runs that ended")
    catalogue: Path | None = Field(None, description="Folder of the flows that ship with it; where they were installed")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
