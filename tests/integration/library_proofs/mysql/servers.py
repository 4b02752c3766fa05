"""How a MariaDB is started for the proofs, and what a person does to one by hand: a restart with other settings, a new
certificate, a file of keys. The administrator has a password, since the proofs are about other accounts.
"""

import datetime as dt
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pymysql

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb
from examples.servers.place import give_to_server
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import NEW_PASSWORD, ByHand, Lab, StartOf, settings_in

ROOTS = tuple(f"root@{host}" for host in ("localhost", "127.0.0.1", "::1", socket.gethostname()))
"""The administrator's accounts, as an installation makes them."""

MARIADB = "MariaDB 10.11"

MYSQL_84 = "https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html, defaults of MySQL 8.4"


@contextmanager
def with_password(settings: Mapping[str, str] | None = None, *, has_tls: bool = False) -> Iterator[DatabaseServer]:
    """Run a MariaDB whose administrator has a password."""
    with mariadb(settings=settings, has_tls=has_tls) as server:
        with closing(pymysql.connect(host=server.host, port=server.port, user=server.user)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT host FROM mysql.user WHERE user = 'root'")
            for (host,) in cursor.fetchall():
                cursor.execute(f"SET PASSWORD FOR root@'{host}' = PASSWORD('{NEW_PASSWORD}')")
        yield replace(server, password=NEW_PASSWORD)


def start_shared() -> StartOf:
    """A MariaDB with TLS and a binary log."""
    return started({"log-bin": "binlog"}, has_tls=True)


def started(settings: Mapping[str, str] | None = None, *, has_tls: bool = False) -> StartOf:
    """A MariaDB with settings."""
    return StartOf(MARIADB, lambda: with_password(settings, has_tls=has_tls))


def variables(**values: str) -> list[dict[str, str]]:
    """Return the answer to SHOW GLOBAL VARIABLES."""
    return [{"Variable_name": name, "Value": value} for name, value in values.items()]


def forget_other_accounts(lab: Lab) -> None:
    """Drop the accounts that other proofs left, where a check compares all accounts with each other."""
    server = lab.server
    with closing(
        pymysql.connect(
            host=server.host, port=server.port, user=server.user, password=server.password or "", autocommit=True
        )
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT user, host FROM mysql.user WHERE user NOT IN ('root', 'mariadb.sys') AND host <> ''")
        for user, host in cursor.fetchall():
            cursor.execute("DROP USER %s@%s", (user, host))


def restart(settings: Callable[[Path], Mapping[str, str]] = lambda folder: {}, *, has_tls: bool = False) -> ByHand:
    """Do what a remediation says: write its lines into the configuration, and restart the server. Where a line names a
    file or folder of the reader's machine, ``settings`` names the one that stands for it in the folder it is given.
    """

    def by_hand(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
        assert "restart the server" in " ".join(remediation.replace("\n--", " ").split())
        written = {name.replace("_", "-"): value for name, value in settings_in(remediation).items()}
        assert written

        @contextmanager
        def again() -> Iterator[DatabaseServer]:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                folder.chmod(0o755)  # the server may have a user of its own
                with with_password(written | settings(folder), has_tls=has_tls) as server:
                    yield server

        lab.replace(again)

    return by_hand


def restart_with_certificate(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Turn TLS on, as the remediation says, with the server's own files."""
    assert set(settings_in(remediation)) == {"ssl_cert", "ssl_key", "ssl_ca"}
    lab.replace(started(has_tls=True))


def file_of_keys(folder: Path) -> dict[str, str]:
    """Make a key for encryption at rest, and return the setting that names it."""
    path = folder / "keys"
    path.write_text(f"1;{'a1' * 32}\n")
    path.chmod(0o644)
    return {"file-key-management-filename": str(path), "log-bin": "binlog"}


def new_certificate(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Put a certificate for a year in place of the server's own."""
    long_lasting_certificate(lab.server)


def long_lasting_certificate(server: DatabaseServer) -> None:
    """Write a certificate for a year where the server's own is; it reads it by FLUSH SSL."""
    folder = server.folder / "certificates"
    write_certificates(folder, valid_for=dt.timedelta(days=365))
    give_to_server(folder)
