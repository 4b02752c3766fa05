"""What a checker needs of a database, the same for every engine: connect once, execute one query at a time, get rows
of plain values, close. Each engine guarantees by itself that nothing is written, that a statement ends within its time
and that no result grows without bound; what goes wrong is raised as one of ``services/checker/errors.py``.

A query of the type CONNECTION is answered with one row: ``encrypted``, ``tls_version``, ``cipher``, ``authentication``
(the method as the server calls it, None where it can't be known), ``user``, ``server_version``, ``flavour`` and
``password_used``. PostgreSQL adds ``certificate_expires``: nanoseconds since 1970, None without TLS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from shared.checks import Engine, Query
from shared.targets import Target

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
"""What a script can see. Text may hold lone surrogates where a server sent bytes that are not UTF-8."""

Row: TypeAlias = Mapping[str, Value]
Rows: TypeAlias = Sequence[Row]
Document: TypeAlias = "Rows | Mapping[str, Rows]"
"""The answer to one query: rows, or with ``all_dbs`` the rows of each database by its name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one connection may take."""

    connect_seconds: float = 5.0
    statement_seconds: float = 15.0
    rows: int = 10_000
    bytes: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Login:
    """A target with its secrets resolved; lives as long as the connection. Its repr shows no secret."""

    target: Target
    password: str | None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __repr__(self) -> str:
        return f"Login(target={self.target.name!r}, password={'***' if self.password else None})"


@dataclass(frozen=True, slots=True)
class Server:
    """What answered: for ``requires`` and for texts."""

    engine: Engine
    flavour: str
    """``postgresql``, ``mysql``, ``mariadb``, ``percona``, ``mongodb``, …"""
    version: str
    """As the server writes it: ``18.6``, ``10.11.19-MariaDB-0+deb12u1``, ``8.2.11``."""
    is_encrypted: bool


class Connection(Protocol):
    """One open connection to one target. Not to be used by two tasks at the same time."""

    @property
    def server(self) -> Server:
        """Return what answered."""
        ...

    async def execute(self, query: Query, timeout_seconds: float) -> Document:
        """Execute one query within the time and return its rows.

        Raises one of ``QueryFailed`` when this query can't be answered: others may go on, and where the connection had
        to be cut (a timeout that the server did not keep, a result without end), the next query opens another.
        Raises ``Unreachable`` or ``LoginRefused`` when the connection is gone and no other can be had, ``NotHere`` when
        the query does not apply here. At most a second late, whatever the server does.
        """
        ...

    async def close(self) -> None:
        """Close the connection; never raises."""
        ...


class Connect(Protocol):
    """How a connection is opened; ``services/checker/engines/__init__.py`` has one for each engine."""

    async def __call__(self, login: Login, limits: Limits) -> Connection:
        """Connect and find out what answers. Raises ``Unreachable`` or ``LoginRefused``."""
        ...
