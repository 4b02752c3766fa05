"""A target: one database server that checks run on, as the inventory describes it. Here a password is only ever a
reference; the checker beside the database resolves it. What a reference may name is limited, so that whoever can
write an inventory can't make a checker send its other secrets or files to a host of their choosing.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.checks import Engine
from shared.subjects import LONGEST_NAME_BYTES

SECRET_VARIABLE_PREFIX = "WATCHWORD_SECRET_"  # noqa: S105 (a prefix of variables' names)

LABEL_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*\Z")
"""The label names that every Alertmanager accepts; later ones accept more, 0.25 does not."""

RESERVED_LABELS = frozenset({"alertname", "check", "service_name", "service_type", "severity"})
"""Labels that an alert always has, so a target can't set them."""

DEFAULT_PORTS: dict[Engine, int] = {"postgresql": 5432, "mysql": 3306, "mongodb": 27017}

ALLOWED_OPTIONS: dict[Engine, frozenset[str]] = {
    "postgresql": frozenset({"target_session_attrs", "hostaddr", "options", "gssencmode", "channel_binding"}),
    "mysql": frozenset({"unix_socket"}),
    "mongodb": frozenset(
        {"authSource", "authMechanism", "replicaSet", "directConnection", "readPreference", "srv", "loadBalanced"}
    ),
}
"""Connection options that can't make a client read a file or talk to another host than the target's."""


def _one_secret_variable(name: str) -> str:
    if not re.fullmatch(SECRET_VARIABLE_PREFIX + r"[A-Za-z0-9_]+", name):
        message = f"a secret's variable must be named {SECRET_VARIABLE_PREFIX}…, not {name!r}"
        raise ValueError(message)
    return name


def _below_the_folder(path: str) -> str:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or "\x00" in path:
        message = f"a secret's file is a path below the checkers' secrets folder, without '..': not {path!r}"
        raise ValueError(message)
    return path


def _not_too_long(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME_BYTES:
        message = f"is longer than {LONGEST_NAME_BYTES} bytes"
        raise ValueError(message)
    return name


Name = Annotated[str, StringConstraints(min_length=1), AfterValidator(_not_too_long)]
"""What can stand in a subject. One that can't would spoil every request that comes to it, for all others, too."""


class SecretReference(BaseModel):
    """Where a checker finds a secret: an environment variable or a file below its secrets folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: Annotated[str, AfterValidator(_one_secret_variable)] | None = None
    file: Annotated[str, AfterValidator(_below_the_folder)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            message = "give either env or file"
            raise ValueError(message)
        return self


class Tls(BaseModel):
    """How the connection to a target is protected. Asked for, it is verified unless the mode says otherwise.

    The modes are libpq's. ``prefer`` (when nothing is asked) takes what the server offers, so that a server without
    TLS can be told about it; MongoDB's wire has no such negotiation, there ``prefer`` means none. Files are paths below
    the checkers' secrets folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "verify-full"
    ca_file: Annotated[str, AfterValidator(_below_the_folder)] | None = None
    cert_file: Annotated[str, AfterValidator(_below_the_folder)] | None = None
    key_file: Annotated[str, AfterValidator(_below_the_folder)] | None = None


def _target_labels(labels: dict[str, str]) -> dict[str, str]:
    for name in labels:
        if not LABEL_NAME.match(name):
            message = f"label name {name!r} is not [a-zA-Z_][a-zA-Z0-9_]*"
            raise ValueError(message)
        if name in RESERVED_LABELS:
            message = f"label {name!r} is set by Watchword itself; choose another name"
            raise ValueError(message)
    return labels


class Target(BaseModel):
    """One database server of the inventory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    engine: Engine
    host: str = "localhost"
    """A host name, an address, or for PostgreSQL the folder of a socket; for MongoDB also ``a:27017,b:27017``."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    user: str = ""
    database: str = ""
    password: SecretReference | None = None
    tls: Tls = Tls(mode="prefer")
    options: dict[str, str] = Field(default_factory=dict)
    labels: Annotated[dict[str, str], AfterValidator(_target_labels)] = Field(default_factory=dict)
    pool: Name = "default"
    parameters: dict[str, dict[str, bool | int | float | str | tuple[str, ...]]] = Field(default_factory=dict)
    """Overrides of check parameters on this target: ``{check: {parameter: value}}``."""

    @model_validator(mode="after")
    def _options_that_stay_here(self) -> Self:
        unknown = sorted(set(self.options) - ALLOWED_OPTIONS[self.engine])
        if unknown:
            allowed = ", ".join(sorted(ALLOWED_OPTIONS[self.engine]))
            message = f"option {unknown[0]!r} is not allowed for {self.engine}; allowed: {allowed}"
            raise ValueError(message)
        return self

    @property
    def address(self) -> str:
        """Return ``host:port`` for people; never a user name or a password."""
        if self.host.startswith("/") or ":" in self.host:
            return self.host
        return f"{self.host}:{self.port or DEFAULT_PORTS[self.engine]}"
