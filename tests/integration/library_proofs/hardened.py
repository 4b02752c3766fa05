"""Servers as a good database administrator sets them up, with an application on them: what each setting is for stands
beside it. No built-in check may find anything here. What a check would find that somebody decided on (``parameters``),
and what a check can't look at on such a server (``skipped``), is listed with the reason, and reviewed when it changes.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pymysql

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb
from examples.servers.mongodb import mongodb
from examples.servers.place import give_to_server, server_folder
from examples.servers.postgresql import PostgresqlPrograms, postgresql, postgresql_18, postgresql_of_distribution
from shared.checks import Engine
from tests.integration.library_proofs.lab import NEW_PASSWORD, Lab, Start
from tests.integration.library_proofs.postgresql.servers import run_program

CHECKERS = "127.0.0.1"
"""From where the checkers connect."""

IN_A_YEAR = f"{dt.date.today() + dt.timedelta(days=365)}"  # noqa: DTZ011 (the server has the machine's zone, too)


@dataclass(frozen=True)
class Hardened:
    """One such server, and what was decided about it."""

    name: str
    engine: Engine
    flavour: str
    """What ``watchword account`` is asked for."""
    start: Start
    finish: Callable[[Lab], None]
    """What is done as its administrator once it runs."""
    set_password: str
    """The statement that gives the account its password, where ``watchword account`` leaves that to a shell."""
    beyond: tuple[str, ...] = ()
    """What only this imitation of a server asks for beside."""
    parameters: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Checks that can't look here, with a part of the reason that they have to give."""
    right: Mapping[str, str] = field(default_factory=dict)
    """Checks that find something which is true of the build at hand and which no setting can change."""


class OnSocket(DatabaseServer):
    """A PostgreSQL that listens on a unix socket alone."""

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self.folder)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------

POSTGRESQL_SETTINGS = {
    # The examples' servers give up durability for speed; these don't.
    "fsync": "on",
    # Whoever comes and goes, who they are, what they change, and what fails.
    "log_connections": "on",
    "log_disconnections": "on",
    "log_line_prefix": "%m [%p] %q%u@%d from %h ",
    "log_statement": "ddl",
    "log_replication_commands": "on",
    "log_min_messages": "warning",
    "log_min_error_statement": "error",
    "password_encryption": "scram-sha-256",
    # Changes since the last backup, where a backup tool finds them.
    "archive_mode": "on",
    "archive_command": "test ! -f ../archive/%f && cp %p ../archive/%f",
}

POSTGRESQL_TLS = {
    "ssl_min_protocol_version": "TLSv1.2",
    "ssl_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20",
}

POSTGRESQL_AUDIT = {"shared_preload_libraries": "pgaudit", "pgaudit.log": "ddl, role, write"}

POSTGRESQL_STATEMENTS = (
    f"ALTER ROLE postgres VALID UNTIL '{IN_A_YEAR}'",
    # An application: its owner can't log in, its login may read and write its tables and nothing else.
    "CREATE ROLE shop_owner",
    f"CREATE ROLE shop LOGIN PASSWORD '{NEW_PASSWORD}' VALID UNTIL '{IN_A_YEAR}' CONNECTION LIMIT 20",
    "CREATE DATABASE shop OWNER shop_owner",
    "REVOKE ALL ON DATABASE shop FROM PUBLIC",
    "GRANT CONNECT ON DATABASE shop TO shop",
    "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC",
)

POSTGRESQL_SHOP = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "SET ROLE shop_owner",
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text, paid boolean)",
    "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY",
    "CREATE POLICY own ON shop.orders USING (customer = current_user)",
    "GRANT USAGE ON SCHEMA shop TO shop",
    "GRANT SELECT, INSERT, UPDATE ON shop.orders TO shop",
    (
        "CREATE FUNCTION shop.paid(bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = shop, pg_temp"
        " AS 'UPDATE shop.orders SET paid = true WHERE id = $1'"
    ),
    "REVOKE ALL ON FUNCTION shop.paid(bigint) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION shop.paid(bigint) TO shop",
)

# Over the network with TLS alone, each to its own database; the superuser on the machine itself.
POSTGRESQL_ACCESS = """
local   all   postgres                  scram-sha-256
hostssl all   postgres   127.0.0.1/32   scram-sha-256
hostssl shop  shop       10.1.2.0/24    scram-sha-256
hostssl all   watchword,lesser  127.0.0.1/32  scram-sha-256
"""

POSTGRESQL_ACCESS_ON_SOCKET = """
local   all   postgres    scram-sha-256
local   shop  shop        scram-sha-256
local   all   watchword,lesser   scram-sha-256
"""


@contextmanager
def _postgresql(programs: PostgresqlPrograms, *, has_tls: bool) -> Iterator[DatabaseServer]:
    listening = POSTGRESQL_TLS | POSTGRESQL_AUDIT if has_tls else {"listen_addresses": ""}
    with postgresql(
        programs, settings=POSTGRESQL_SETTINGS | listening, has_tls=has_tls, host_authentication="scram-sha-256"
    ) as server:
        archive = server.folder / "archive"
        archive.mkdir()
        give_to_server(archive)
        access = POSTGRESQL_ACCESS if has_tls else POSTGRESQL_ACCESS_ON_SOCKET
        (server.folder / "data" / "pg_hba.conf").write_text(access)
        if has_tls:
            # Pages without checksums hide a dying disk. Version 18 makes them by itself.
            server.process.stop()
            run_program(Lab(server), "pg_checksums", "--enable", "-D", server.folder / "data")
            server.process.start()
            yield server
        else:
            server.restart()
            yield OnSocket(**vars(server))


def _checksums(server: DatabaseServer) -> None:
    lab = Lab(server)
    from tests.integration.library_proofs.postgresql.servers import run_program

    run_program(lab, "pg_checksums", "--enable", "-D", server.folder / "data")


def _with_shop(lab: Lab) -> None:
    lab.execute(*POSTGRESQL_STATEMENTS)
    lab.execute(*POSTGRESQL_SHOP, database="shop")


# --- MariaDB ---------------------------------------------------------------------------------------------------------

MARIADB_SETTINGS = {
    "require-secure-transport": "ON",
    "tls-version": "TLSv1.2,TLSv1.3",
    # Each commit is on disk before it is confirmed, and can be replayed after a backup; two weeks of it are kept.
    "innodb-flush-log-at-trx-commit": "1",
    "log-bin": "binlog",
    "sync-binlog": "1",
    "binlog-expire-logs-seconds": "1209600",
    # No files of the server for SQL, none of the client either, no tables elsewhere.
    "local-infile": "0",
    "skip-symbolic-links": "",
    # Passwords that are worth the name, changed once a year, and not guessed without end.
    "plugin-load-add": "auth_ed25519;simple_password_check;server_audit;file_key_management",
    "strict-password-validation": "ON",
    "default-password-lifetime": "365",
    "max-password-errors": "20",
    # Who logs in, and who may do what.
    "server-audit-logging": "ON",
    "server-audit-events": "CONNECT,QUERY_DCL,QUERY_DDL",
    "log-warnings": "2",
    # Files of tables and logs are worth nothing without the key.
    "innodb-encrypt-tables": "ON",
    "innodb-encrypt-log": "ON",
    "encrypt-binlog": "ON",
    "aria-encrypt-tables": "ON",
    "skip-name-resolve": "",
    "sql-mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
}

MARIADB_STATEMENTS = (
    "CREATE DATABASE shop",
    "CREATE TABLE shop.orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer varchar(64), paid boolean)",
    f"CREATE USER shop@'10.1.2.%' IDENTIFIED VIA ed25519 USING PASSWORD('{NEW_PASSWORD}-shop') REQUIRE SSL",
    "GRANT SELECT, INSERT, UPDATE ON shop.* TO shop@'10.1.2.%'",
    f"CREATE USER replica@'10.1.2.4' IDENTIFIED VIA ed25519 USING PASSWORD('{NEW_PASSWORD}-replica') REQUIRE SSL",
    "GRANT REPLICATION SLAVE ON *.* TO replica@'10.1.2.4'",
)


# What MySQL and Percona Server have; most of it MariaDB has under another name, with a check of its own.
OF_MYSQL_ALONE = (
    "mysql_data_not_encrypted",
    "mysql_internal_accounts_unlocked",
    "mysql_password_rules_missing",
    "mysql_passwords_logged",
    "mysql_replication_without_tls",
    "mysql_sha1_passwords",
    "mysql_unlimited_password_guesses",
)


@contextmanager
def _mariadb() -> Iterator[DatabaseServer]:
    keys = "1;" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0" * 2 + "\n"
    with _folder_with({"keys": keys, "files/": ""}) as folder:
        files = {
            "file-key-management-filename": str(folder / "keys"),
            "secure-file-priv": str(folder / "files"),
        }
        with mariadb(settings=MARIADB_SETTINGS | files, has_tls=True) as server:
            # A certificate that lasts, in place of the example's, which ends in a week.
            write_certificates(server.folder / "certificates", valid_for=dt.timedelta(days=365))
            give_to_server(server.folder / "certificates")
            server.restart()
            certificate = str(server.authority_path)
            with closing(
                pymysql.connect(host=server.host, port=server.port, user=server.user, ssl_ca=certificate)
            ) as connection:
                # One administrator, from the machine itself, with a password that is kept well.
                cursor = connection.cursor()
                cursor.execute(f"SET PASSWORD = PASSWORD('{NEW_PASSWORD}')")
                cursor.execute(f"ALTER USER root@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('{NEW_PASSWORD}')")
                cursor.execute("SELECT host FROM mysql.user WHERE user = 'root' AND host <> '127.0.0.1'")
                for (host,) in cursor.fetchall():
                    cursor.execute(f"DROP USER root@'{host}'")
            yield replace(server, password=NEW_PASSWORD)


@contextmanager
def _folder_with(files: Mapping[str, str]) -> Iterator[Path]:

    with server_folder("keys") as folder:
        for name, text in files.items():
            if name.endswith("/"):
                (folder / name).mkdir()
            else:
                (folder / name).write_text(text)
        give_to_server(folder)
        yield folder


# --- MongoDB ---------------------------------------------------------------------------------------------------------

MONGODB_STATEMENTS = (
    (
        'db.getSiblingDB("shop").runCommand({"createUser": "shop", "pwd": "Pfeil-7-shop", "roles": '
        '[{"role": "readWrite", "db": "shop"}], "mechanisms": ["SCRAM-SHA-256"]})'
    ),
    'db.getSiblingDB("shop").runCommand({"create": "orders"})',
)

# MongoDB tells the profiler's level to whoever may read system.profile, as clusterMonitor may. The server at hand
# imitates it and asks for the right to set the level.
MONGODB_BEYOND = (
    (
        'db.getSiblingDB("admin").runCommand({"createRole": "profiler", "roles": [], "privileges": '
        '[{"resource": {"db": "", "collection": ""}, "actions": ["enableProfiler"]}]})'
    ),
    'db.getSiblingDB("admin").runCommand({"grantRolesToUser": "watchword", "roles": ["profiler"]})',
)


HARDENED = (
    Hardened(
        "postgresql_18",
        "postgresql",
        "postgresql",
        start=lambda: _postgresql(postgresql_18(), has_tls=False),
        finish=_with_shop,
        set_password=f"ALTER ROLE {{user}} PASSWORD '{{password}}' VALID UNTIL '{IN_A_YEAR}'",
        right={"postgresql_audit_not_loaded": "the build comes without pgaudit"},
    ),
    Hardened(
        "postgresql_15",
        "postgresql",
        "postgresql",
        start=lambda: _postgresql(postgresql_of_distribution(), has_tls=True),
        finish=_with_shop,
        set_password=f"ALTER ROLE {{user}} PASSWORD '{{password}}' VALID UNTIL '{IN_A_YEAR}'",
        skipped={"postgresql_subscription_runs_as_owner": "versions >=16"},
    ),
    Hardened(
        "mariadb",
        "mysql",
        "mariadb",
        start=_mariadb,
        finish=lambda lab: lab.execute(*MARIADB_STATEMENTS),
        set_password="",
        skipped=dict.fromkeys(OF_MYSQL_ALONE, "this server is mariadb"),
    ),
    Hardened(
        "mongodb",
        "mongodb",
        "mongodb",
        start=lambda: mongodb(has_logins=True, has_tls=True),
        finish=lambda lab: lab.execute(*MONGODB_STATEMENTS),
        set_password="",
        beyond=MONGODB_BEYOND,
        # The one user for emergencies that every server needs.
        parameters={"mongodb_unlimited_users": {"accepted": ("admin@admin",)}},
    ),
)
