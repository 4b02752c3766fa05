"""A throw-away server that speaks MongoDB's wire protocol (SecantusDB, which answers as MongoDB 8): without logins as
it comes, with SCRAM-SHA-256 logins or TLS when asked for. It is a Python program of this environment, so it runs as
whoever starts it.
"""

import secrets
import shutil
import signal
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from examples.servers.place import server_folder
from watchword.processes import LOCALHOST, ServerPlan, ServerProcess, ServerProgramMissing, accepts_connections

ADMINISTRATOR = "admin"


@contextmanager
def mongodb(*, has_logins: bool = False, has_tls: bool = False) -> Iterator[DatabaseServer]:
    """Run a MongoDB-wire server. With logins, the administrator has the role ``root`` and a random password."""
    program = _program()
    with server_folder("mongodb") as folder:
        authority_path = None
        tls_options: tuple[str, ...] = ()
        if has_tls:
            certificates = write_certificates(folder / "certificates")
            authority_path = certificates.authority_path
            tls_options = (
                *("--tls-cert-file", str(certificates.certificate_path)),
                *("--tls-key-file", str(certificates.key_path)),
            )

        def plan(*more: str) -> ServerPlan:
            return ServerPlan(
                name="The MongoDB-wire server",
                command=lambda port: [
                    *(str(program), "--host", LOCALHOST, "--port", str(port), "--standalone"),
                    *("--storage-path", str(folder / "data"), "--cache-size", "64M", "--sync-on-commit", *more),
                ],
                is_ready=accepts_connections,
                log_path=folder / "mongodb.log",
                # A clean stop takes it 2 s, or hangs when it comes right after the start; what was committed is on
                # disk anyhow.
                stop_signal=signal.SIGKILL,
            )

        password = None
        if has_logins:
            password = secrets.token_urlsafe(12)
            with ServerProcess(plan()) as open_for_all:
                _create_administrator(open_for_all.port, password)
        user = ADMINISTRATOR if has_logins else ""
        with ServerProcess(plan(*(["--auth"] if has_logins else []), *tls_options)) as process:
            yield DatabaseServer("mongodb", process, folder, user, password, "", authority_path)


def _program() -> Path:
    program = shutil.which("secantusd-py", path=sysconfig.get_path("scripts"))
    if program is None:
        raise ServerProgramMissing("The package secantusdb is not installed in this environment; `make setup` does it.")
    return Path(program)


def _create_administrator(port: int, password: str) -> None:
    with MongoClient[dict[str, object]](LOCALHOST, port, directConnection=True) as client:
        client.admin.command("createUser", ADMINISTRATOR, pwd=password, roles=["root"])
