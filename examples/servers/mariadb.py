"""A throw-away MariaDB of the distribution (10.11 on Debian 12): as ``mariadb-install-db`` makes it, root without a
password included, and with TLS when asked for. It listens on 127.0.0.1 and on a unix socket in its folder.
"""

import hashlib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

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
from watchword.processes import LOCALHOST, ServerPlan, ServerProcess

ADMINISTRATOR = "root"
# Small files: the template is copied at each start.
_SMALL = ("--innodb-log-file-size=4M", "--innodb-undo-tablespaces=0", "--innodb-autoextend-increment=1")


@contextmanager
def mariadb(*, settings: Mapping[str, str] | None = None, has_tls: bool = False) -> Iterator[DatabaseServer]:
    """Run a MariaDB. ``settings`` are options of mariadbd, without the dashes before them."""
    program = find_program("mariadb", "mariadbd")
    with server_folder("mariadb") as folder:
        root = reachable(program.root, ("usr",), folder)
        daemon = root / program.path.relative_to(program.root)
        environment = library_environment(root)
        data_folder = folder / "data"
        _initialise(root, daemon, environment, data_folder)

        options = {"bind-address": LOCALHOST, "innodb-flush-log-at-trx-commit": "0", "innodb-buffer-pool-size": "16M"}
        authority_path = None
        if has_tls:
            certificates = write_certificates(folder / "certificates")
            give_to_server(folder / "certificates")
            authority_path = certificates.authority_path
            options |= {
                "ssl-cert": str(certificates.certificate_path),
                "ssl-key": str(certificates.key_path),
                "ssl-ca": str(certificates.authority_path),
            }
        options |= settings or {}

        def command(port: int) -> list[str]:
            return [
                *(str(daemon), "--no-defaults", f"--basedir={root / 'usr'}", f"--datadir={data_folder}"),
                *(f"--plugin-dir={_plugin_folder(root)}", f"--lc-messages-dir={root / 'usr/share/mysql'}"),
                *(f"--port={port}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", *_SMALL),
                *(f"--{name}={value}" if value else f"--{name}" for name, value in options.items()),
            ]

        plan = ServerPlan(
            name="MariaDB",
            command=command,
            is_ready=_greets,
            log_path=folder / "mariadb.log",
            environment=environment,
            user=server_user(),
        )
        with ServerProcess(plan) as process:
            yield DatabaseServer("mysql", process, folder, ADMINISTRATOR, None, "mysql", authority_path)


def _initialise(root: Path, daemon: Path, environment: Mapping[str, str], data_folder: Path) -> None:
    greeting = run_as_server([daemon, "--no-defaults", "--version"], environment, data_folder.parent)
    version = greeting.partition("Ver ")[2]  # before it stands the program's path

    def install(target: Path) -> None:
        command: list[str | Path] = [
            *(root / "usr/bin/mariadb-install-db", "--no-defaults", f"--basedir={root / 'usr'}", f"--datadir={target}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", *_SMALL),
        ]
        run_as_server(command, environment, target.parent)

    key = hashlib.sha256(f"{version} {_SMALL}".encode()).hexdigest()[:12]
    from_template(f"mariadb-{key}", install, data_folder)


def _plugin_folder(root: Path) -> Path:
    candidates = [root / "usr/lib/mysql/plugin", root / "usr/lib64/mariadb/plugin", root / "usr/lib/mariadb/plugin"]
    return next((each for each in candidates if each.is_dir()), candidates[0])


def _greets(port: int) -> bool:
    # The server speaks first: a packet whose fifth byte is the protocol's version.
    with suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1) as connection:
        return connection.recv(5)[4:] == b"\x0a"
    return False
