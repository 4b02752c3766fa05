"""The proofs of the checks of MySQL and MariaDB, on MariaDB; where MySQL differs, on its documented replies."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace

import pymysql

from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import NEW_PASSWORD, Lab, Start, settings_in
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements


@contextmanager
def _with_password(settings: Mapping[str, str] | None = None, *, has_tls: bool = False) -> Iterator[DatabaseServer]:
    """Run a MariaDB whose administrator has a password, since the proofs are about other accounts."""
    with mariadb(settings=settings, has_tls=has_tls) as server:
        with closing(pymysql.connect(host=server.host, port=server.port, user=server.user)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT host FROM mysql.user WHERE user = 'root'")
            for (host,) in cursor.fetchall():
                cursor.execute(f"SET PASSWORD FOR root@'{host}' = PASSWORD('{NEW_PASSWORD}')")
        yield replace(server, password=NEW_PASSWORD)


def start_shared() -> Start:
    """A MariaDB without TLS."""
    return _with_password


def _everywhere(address: str) -> Start:
    return lambda: _with_password({"bind-address": address})


def _with_tls() -> Start:
    return lambda: _with_password(has_tls=True)


def _restart_with_settings(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Do what the remediation says: write its lines into the configuration, and restart."""
    assert "restart the server" in remediation
    written = settings_in(remediation)
    assert written
    lab.replace(lambda: _with_password({name.replace("_", "-"): value for name, value in written.items()}))


def _restart_with_certificate(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert set(settings_in(remediation)) == {"ssl_cert", "ssl_key", "ssl_ca"}
    lab.replace(_with_tls())


def _variables(**values: str) -> list[dict[str, str]]:
    return [{"Variable_name": name, "Value": value} for name, value in values.items()]


_MYSQL_84 = "https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html, defaults of MySQL 8.4"

PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mysql_anonymous_users",
        statements("CREATE OR REPLACE USER ''@'%.example.org'"),
        severity="error",
        labels={"host": "%.example.org"},
    ),
    Live(
        "mysql_root_remote_login",
        statements("CREATE OR REPLACE USER root@'%' IDENTIFIED BY 'a-password'"),
        severity="error",
        labels={"host": "%"},
    ),
    Live(
        "mysql_accounts_without_password",
        statements("CREATE OR REPLACE USER `o'dd \\name`@'10.0.0.%'", "CREATE OR REPLACE ROLE no_account"),
        severity="critical",
        labels={"user": "o'dd \\name", "host": "10.0.0.%"},
        accepted="o'dd \\name@10.0.0.%",
    ),
    Live(
        "mysql_administrators_from_anywhere",
        statements(
            "DROP USER IF EXISTS boss@'%', boss@localhost",
            "CREATE USER boss@'%' IDENTIFIED BY 'a-password'",
            "GRANT SUPER, CREATE USER ON *.* TO boss@'%'",
        ),
        severity="error",
        labels={"user": "boss", "host": "%"},
        accepted="boss",
    ),
    Live(
        "mysql_administrators_from_anywhere",
        statements(
            "DROP USER IF EXISTS granter@'%', granter@localhost",
            "CREATE USER granter@'%' IDENTIFIED BY 'a-password'",
            "GRANT SELECT ON *.* TO granter@'%' WITH GRANT OPTION",
        ),
        severity="error",
        labels={"user": "granter", "host": "%"},
        case="grant_option",
    ),
    Live("mysql_local_infile_enabled", statements("SET GLOBAL local_infile = ON"), severity="warning"),
    Live(
        "mysql_tls_disabled",
        as_started,
        severity="notice",
        summary="TLS is off",
        own_server=start_shared(),
        by_hand=_restart_with_certificate,
    ),
    Live(
        "mysql_tls_disabled",
        as_started,
        severity="error",
        summary="TLS is off",
        own_server=_everywhere("0.0.0.0"),
        by_hand=_restart_with_certificate,
        case="everywhere",
    ),
    Documented(
        "mysql_tls_disabled",
        source="https://dev.mysql.com/doc/refman/8.4/en/using-encrypted-connections.html, with --tls-version=''",
        weak=[_variables(bind_address="*", skip_networking="OFF"), _variables(Ssl_server_not_after="")],
        good=[
            _variables(bind_address="*", skip_networking="OFF"),
            _variables(Ssl_server_not_after="Nov 20 12:00:00 2036 GMT"),
        ],
        severity="error",
        case="mysql_84",
    ),
    Live(
        "mysql_plain_connections_accepted",
        statements("SET GLOBAL require_secure_transport = OFF"),
        severity="notice",
        own_server=_with_tls(),
    ),
    Live(
        "mysql_listen_all_addresses",
        as_started,
        severity="warning",
        labels={"variable": "bind_address"},
        own_server=_everywhere("0.0.0.0"),
        by_hand=_restart_with_settings,
    ),
    Live(
        "mysql_listen_all_addresses",
        as_started,
        severity="warning",
        labels={"variable": "bind_address"},
        own_server=_everywhere("*"),
        by_hand=_restart_with_settings,
        case="star",
    ),
    Documented(
        "mysql_listen_all_addresses",
        source=_MYSQL_84,
        weak=[_variables(bind_address="127.0.0.1", mysqlx_bind_address="*", skip_networking="OFF")],
        good=[_variables(bind_address="127.0.0.1", mysqlx_bind_address="127.0.0.1", skip_networking="OFF")],
        severity="warning",
        labels={"variable": "mysqlx_bind_address"},
        case="x_protocol",
    ),
    Live(
        "mysql_sample_databases",
        statements("CREATE DATABASE IF NOT EXISTS test"),
        severity="notice",
        labels={"database": "test"},
    ),
    Live("mysql_statements_logged", statements("SET GLOBAL general_log = ON"), severity="notice"),
    Documented(
        "mysql_end_of_life",
        source="https://dev.mysql.com/doc/relnotes/mysql/5.7/en/, release 5.7.44, as VERSION() says it",
        weak=[[{"version": "5.7.44-log", "today": 20780}]],
        good=[[{"version": "8.4.8", "today": 20780}]],
        severity="error",
        labels={"product": "MySQL", "version": "5.7"},
        case="mysql",
    ),
    Documented(
        "mysql_end_of_life",
        source="https://mariadb.org/about/#maintenance-policy, 10.6 until 2026-07-06, as VERSION() says it",
        weak=[[{"version": "10.6.24-MariaDB-ubu2204", "today": 20780}]],
        good=[[{"version": "10.11.19-MariaDB-0+deb12u1", "today": 20780}]],
        severity="error",
        labels={"product": "MariaDB", "version": "10.6"},
        case="mariadb",
    ),
    Documented(
        "mysql_end_of_life",
        source="https://docs.aws.amazon.com/AmazonRDS/latest/AuroraMySQLReleaseNotes/, VERSION() of Aurora MySQL 3",
        weak=[[{"version": "8.0.mysql_aurora.3.04.0", "today": 20780}]],
        good=[[{"version": "8.0.mysql_aurora.3.04.0", "today": 20000}]],
        severity="error",
        labels={"product": "MySQL", "version": "8.0"},
        case="aurora",
    ),
)
