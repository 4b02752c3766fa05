"""How a MongoDB client is made for a target: with what the inventory says and nothing else, so that neither a host name
nor an option can make it read a file, ask a cloud for credentials or send a password in clear.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from services.checker.engines import tls
from services.checker.engines.mongodb_errors import login_failure, source_of
from services.checker.engines.protocol import Limits, Login
from services.checker.errors import LoginRefused, Unreachable
from shared.targets import DEFAULT_PORTS

HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d+)?|\[[0-9A-Fa-f:.%]+\](?::\d+)?")
"""A name or an address, with a port or not: pymongo takes anything with a slash for a URI with options of its own."""

MECHANISMS = frozenset({"DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509", "PLAIN"})
"""Those that use the target's own login. Others send what the checker's machine has: a cloud's token, a ticket."""

BACKSTOP_SECONDS = 5
"""A socket waits this much longer than a command may take."""


def make_client(login: Login, limits: Limits) -> AsyncMongoClient[dict[str, Any]]:
    """Return a client that has not connected yet. Raises ``Unreachable``, ``LoginRefused`` or ``SecretUnavailable``."""
    connect_milliseconds = int(limits.connect_seconds * 1000)
    try:
        with _tls_options(login) as tls_options:
            return AsyncMongoClient(
                **_address(login),
                **_credentials(login),
                **tls_options,
                appname="watchword",
                serverSelectionTimeoutMS=connect_milliseconds,
                connectTimeoutMS=connect_milliseconds,
                socketTimeoutMS=int((limits.statement_seconds + BACKSTOP_SECONDS) * 1000),
                serverMonitoringMode="poll",
                maxPoolSize=1,
                retryReads=False,
                retryWrites=False,
            )
    except (PyMongoError, ValueError, TypeError) as error:
        failure = login_failure(error, (), login, limits.connect_seconds)
    raise failure


def _address(login: Login) -> dict[str, Any]:
    target, options = login.target, login.target.options
    hosts = [_bracketed(host.strip()) for host in target.host.split(",")]
    if not all(HOST.fullmatch(host) for host in hosts):
        message = f"{target.host!r} is not a host name or address (several are separated by commas)"
        raise Unreachable(message)
    passed: dict[str, Any] = {name: options[name] for name in ("replicaSet", "readPreference") if name in options}
    if _is_true(login, "srv"):
        return {"host": f"mongodb+srv://{hosts[0]}/", **passed}
    is_alone = len(hosts) == 1 and "replicaSet" not in options and not _is_true(login, "loadBalanced")
    return {
        "host": hosts,
        "port": target.port or DEFAULT_PORTS["mongodb"],
        "directConnection": _is_true(login, "directConnection") if "directConnection" in options else is_alone,
        **({"loadBalanced": True} if _is_true(login, "loadBalanced") else {}),
        **passed,
    }


def _bracketed(host: str) -> str:
    is_bare_ipv6 = host.count(":") > 1 and not host.startswith("[")
    return f"[{host}]" if is_bare_ipv6 else host


def _is_true(login: Login, option: str) -> bool:
    return login.target.options.get(option, "").lower() in {"true", "1", "yes"}


def _credentials(login: Login) -> dict[str, Any]:
    target = login.target
    mechanism = target.options.get("authMechanism", "DEFAULT").upper()
    if mechanism not in MECHANISMS:
        message = f"authMechanism {mechanism!r} of {target.name} is not taken; use {', '.join(sorted(MECHANISMS))}"
        raise LoginRefused(message)
    if mechanism == "PLAIN" and not tls.is_required(login):
        message = f"authMechanism PLAIN of {target.name} sends the password as it is; set tls.mode to require or better"
        raise LoginRefused(message)
    if mechanism == "MONGODB-X509":
        return {"authMechanism": mechanism, **({"username": target.user} if target.user else {})}
    if not target.user:
        return {}
    if login.password is None:
        message = f"target {target.name} has a user and no password; MongoDB has no logins without one"
        raise LoginRefused(message)
    credentials = {"username": target.user, "password": login.password, "authSource": source_of(login)}
    return credentials if mechanism == "DEFAULT" else {**credentials, "authMechanism": mechanism}


@contextmanager
def _tls_options(login: Login) -> Iterator[dict[str, Any]]:
    """Give the options for TLS; MongoDB's wire has no negotiation, so ``prefer`` means none."""
    if not tls.is_required(login):
        yield {"tls": False}
        return
    tls.client_context(login)  # For its errors: pymongo's do not say which file is meant.
    options: dict[str, Any] = {"tls": True}
    if not tls.verifies_certificate(login):
        options["tlsAllowInvalidCertificates"] = True
    else:
        options["tlsAllowInvalidHostnames"] = not tls.verifies_name(login)
        if (authorities := tls.trusted_file(login)) is not None:
            options["tlsCAFile"] = str(authorities)
    if login.cert_file is None:
        yield options
        return
    if login.key_file is None:
        yield {**options, "tlsCertificateKeyFile": str(login.cert_file)}
        return
    with _in_one_file(login.cert_file.read_bytes(), login.key_file.read_bytes()) as path:
        yield {**options, "tlsCertificateKeyFile": path}


@contextmanager
def _in_one_file(certificate: bytes, key: bytes) -> Iterator[str]:
    """Give the path of a file with both, as pymongo wants it, for as long as it takes to make a client.

    In memory where the system can, so that the key is never on a disk.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("watchword-tls"), "wb") as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile(prefix="watchword-tls-") as stored:
        stored.write(certificate + b"\n" + key)
        stored.flush()
        yield stored.name
