"""The normalised check: what every generation of check files becomes, and what the configuration bucket keeps, so that
all checkers run the same version. Checkers read nothing else; the YAML stays on the machine of whoever ran
``watchword apply``. A check is known by its digest: two checks with the same digest run the same queries and script.
"""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Engine = Literal["postgresql", "mysql", "mongodb"]
"""The engines that belong to the checkers. Other programs publish results under engine names of their own."""

ENGINES: tuple[Engine, ...] = ("postgresql", "mysql", "mongodb")

CheckName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=120)]
"""PMM's rule for the name of a check."""


class QueryType(StrEnum):
    """What a query asks of which server. The first twelve are PMM's; the others are our own, read-only and listed."""

    MYSQL_SHOW = "MYSQL_SHOW"
    MYSQL_SELECT = "MYSQL_SELECT"
    POSTGRESQL_SHOW = "POSTGRESQL_SHOW"
    POSTGRESQL_SELECT = "POSTGRESQL_SELECT"
    MONGODB_GETPARAMETER = "MONGODB_GETPARAMETER"
    MONGODB_BUILDINFO = "MONGODB_BUILDINFO"
    MONGODB_GETCMDLINEOPTS = "MONGODB_GETCMDLINEOPTS"
    MONGODB_REPLSETGETSTATUS = "MONGODB_REPLSETGETSTATUS"
    MONGODB_GETDIAGNOSTICDATA = "MONGODB_GETDIAGNOSTICDATA"
    METRICS_INSTANT = "METRICS_INSTANT"
    METRICS_RANGE = "METRICS_RANGE"
    CLICKHOUSE_SELECT = "CLICKHOUSE_SELECT"
    MONGODB_USERSINFO = "MONGODB_USERSINFO"
    MONGODB_ROLESINFO = "MONGODB_ROLESINFO"
    MONGODB_CONNECTIONSTATUS = "MONGODB_CONNECTIONSTATUS"
    MONGODB_SERVERSTATUS = "MONGODB_SERVERSTATUS"
    MONGODB_HOSTINFO = "MONGODB_HOSTINFO"
    MONGODB_LISTDATABASES = "MONGODB_LISTDATABASES"
    MONGODB_PROFILE = "MONGODB_PROFILE"
    MONGODB_GETLOG = "MONGODB_GETLOG"
    CONNECTION = "CONNECTION"


class Query(BaseModel):
    """One query of a check. Equal queries of several checks on one target are executed once for each run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: QueryType
    text: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    """PMM's ``parameters`` of a query, as pairs in the order of their names: ``all_dbs``, ``lookback``, …"""

    def parameter(self, name: str) -> str | None:
        """Return the value of one parameter, or None when the query does not set it."""
        return dict(self.parameters).get(name)


class Parameter(BaseModel):
    """A threshold that targets and labels can override, so that it need not be a fork of the check."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    default: bool | int | float | str | tuple[str, ...]
    description: str = ""


class Requirements(BaseModel):
    """Where a check applies. Elsewhere its result is ``skipped`` with the reason."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    privileges: tuple[str, ...] = ()
    """The statements or roles that give an account just enough to run the check, for people to read."""
    versions: str = ""
    """Bounds on the server's version, each ``>=X``, ``>X``, ``<X``, ``<=X``; all must hold: ``>=10.2, <12``."""
    flavours: tuple[str, ...] = ()
    """Of ``postgresql``, ``mysql``, ``mariadb``, ``percona``, ``mongodb``…; empty means every flavour of the engine."""


class Check(BaseModel):
    """One check, ready to run.

    ``format`` is the version of PMM's file format it was written in (1 or 2): it decides whether the script gets the
    rows of the single query (1) or a list with one item for each query (2).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: CheckName
    engine: Engine
    format: Literal[1, 2] = 2
    summary: str
    description: str
    category: str = ""
    subcategory: str = ""
    advisor: str = ""
    interval: Literal["standard", "frequent", "rare"] = "standard"
    queries: tuple[Query, ...] = Field(min_length=1)
    script: str
    source: str = "built-in"
    """Where it came from, for people: ``built-in`` or the path of the file as it was given to ``apply``."""
    remediation: str = ""
    references: tuple[str, ...] = ()
    since: str = ""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    requires: Requirements = Requirements()
    signed: str = ""
    """The bytes that were signed (base64), when the file had a ``.minisig`` beside it; the checker verifies them."""
    signature: str = ""
    """The text of the ``.minisig`` file that belongs to ``signed``."""

    @property
    def digest(self) -> str:
        """Return the content's identity: 16 hex digits over everything but the place the file was found in."""
        content = self.model_dump(mode="json", exclude={"source", "signed", "signature"})
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
