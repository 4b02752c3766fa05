"""What every process reads from its environment: where NATS is, how to log, where to answer about its health. All
variables begin with ``WATCHWORD_``. Everything else that people configure travels in the configuration bucket.
"""

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """The environment of one process; each stage adds its own on top."""

    model_config = SettingsConfigDict(env_prefix="WATCHWORD_", extra="ignore", frozen=True)

    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers, separated by commas")
    nats_user: str | None = Field(None, description="NATS user")
    nats_password: SecretStr | None = Field(None, description="NATS password")
    nats_token: SecretStr | None = Field(None, description="NATS token")
    nats_credentials: Path | None = Field(None, description="NATS credentials file (JWT and seed)")
    nats_ca_file: Path | None = Field(None, description="certificate authority of the NATS servers")
    nats_cert_file: Path | None = Field(None, description="our certificate for NATS")
    nats_key_file: Path | None = Field(None, description="our key for NATS")
    nats_inbox_prefix: str = Field("_INBOX", description="prefix of reply subjects, when permissions bind it")
    nats_addressed_only: bool = Field(
        False, description="act only on messages that name their stream in the header Nats-Expected-Stream"
    )
    http_host: str = Field("127.0.0.1", description="address for /healthz, /readyz and /metrics")
    http_port: int | None = Field(None, ge=0, le=65535, description="port for them; none when silent, 0 picks one")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    secrets_folder: Path | None = Field(None, description="the only folder that secret files may be in")
    instance: str = Field(default_factory=lambda: socket.gethostname()[:100] or "localhost")
    """Who we are in events: the host's name when silent."""
