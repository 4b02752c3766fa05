"""From the addresses on a command line to databases that can be logged in to: the target, its TLS files, and a password
from wherever it was given. It guarantees that no error and no name shows a password. Files of TLS are the caller's own,
so they may lie anywhere, other than those of an inventory.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from services.checker.engines.protocol import Login
from shared.cloudevents import explain
from shared.subjects import LONGEST_NAME_BYTES
from shared.targets import DEFAULT_PORTS, Target, Tls
from watchword.cli.exits import WrongUsage
from watchword.inventory.dsn import Address, DsnRefused, parse_dsn

PASSWORD_VARIABLES = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD"}
"""Where the engines' own clients look; MongoDB's has none."""

_TLS_FILES = ("ca_file", "cert_file", "key_file")


@dataclass(frozen=True, slots=True)
class Place:
    """One database to look at."""

    login: Login
    has_visible_password: bool = False
    """Its password stood in the address."""

    @property
    def target(self) -> Target:
        """Return the target."""
        return self.login.target

    def with_password(self, password: str) -> "Place":
        """Return the place with a password that was asked for."""
        return replace(self, login=replace(self.login, password=password))


def places_of(dsns: Sequence[str], password: str | None, environment: Mapping[str, str]) -> list[Place]:
    """Return the databases that addresses speak of. ``password`` is the one that was given beside them.

    Raises ``WrongUsage``; the text names the address by its number, for it may hold a password.
    """
    found: list[Place] = []
    for number, dsn in enumerate(dsns, 1):
        try:
            address = parse_dsn(dsn)
            place = _place(address, password, environment)
        except DsnRefused as refused:
            which = "the address" if len(dsns) == 1 else f"address {number}"
            raise WrongUsage(f"{which}: {refused}" + (f"; {refused.hint}" if refused.hint else "")) from None
        if place.target.name in {known.target.name for known in found}:
            raise WrongUsage(f"address {number} is the same database as another one: {place.target.name}")
        found.append(place)
    return found


def _place(address: Address, password: str | None, environment: Mapping[str, str]) -> Place:
    files = {name: Path(address.tls[name]).expanduser() for name in _TLS_FILES if name in address.tls}
    for name, file in files.items():
        if not file.is_file():
            raise DsnRefused(f"{name} is {file}, and there is no such file")
    said = {
        "engine": address.engine,
        "host": address.host or None,
        "port": address.port,
        "user": address.user or None,
        "database": address.database or None,
        "tls": Tls.model_validate({"mode": address.tls["mode"]}) if "mode" in address.tls else None,
        "options": dict(address.options),
    }
    given = {name: value for name, value in said.items() if value is not None}
    try:
        target = Target.model_validate({"name": name_of(address), **given})
    except ValidationError as broken:
        raise DsnRefused(explain(broken)) from None
    variable = PASSWORD_VARIABLES.get(address.engine, "")
    chosen = password or address.password or environment.get(variable) or None
    return Place(Login(target, chosen, **files), has_visible_password=address.password is not None)


def name_of(address: Address) -> str:
    """Return what a database is called in the report: its address, the same each time it is scanned."""
    host = address.host or address.options.get("unix_socket") or "localhost"
    is_whole = host.startswith("/") or "," in host
    port = address.port or DEFAULT_PORTS[address.engine]
    name = host if is_whole and not address.port else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    name = f"{name}/{address.database}" if address.database else name
    raw = name.encode()
    if len(raw) <= LONGEST_NAME_BYTES:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return f"{raw[: LONGEST_NAME_BYTES - 13].decode(errors='ignore')}-{digest}"


def password_from(variable: str | None, file: Path | None, ask: Callable[[], str] | None) -> str | None:
    """Return the password that was given beside the addresses, None when none was. Raises ``WrongUsage``."""
    if sum(way is not None for way in (variable, file, ask)) > 1:
        raise WrongUsage("say one of --password-env, --password-file and --ask-password")
    if variable is not None:
        found = os.environ.get(variable, "")
        if not found:
            raise WrongUsage(f"--password-env: the variable {variable} is not set; export it, or name another")
        return found
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise WrongUsage(f"--password-file: {file} can't be read: {why}") from None
        found = text.removesuffix("\n").removesuffix("\r")
        if not found:
            raise WrongUsage(f"--password-file: {file} is empty")
        return found
    return ask() if ask is not None else None
