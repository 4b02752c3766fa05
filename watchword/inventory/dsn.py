"""From the address of a database as people write it (a URL with a user, perhaps a password, and options) to what a
target says one by one. It guarantees that no error repeats any part of an address that could be a password, and that
only options come through which can't make a checker read a file or talk to another host. URLs alone are understood:
libpq's ``host=… user=…`` and Go's ``user@tcp(host)`` are other languages.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from shared.check_files.problems import nearest_or_allowed
from shared.checks import Engine
from shared.errors import WatchwordError
from shared.targets import ALLOWED_OPTIONS

ENGINE_OF_SCHEME: Mapping[str, Engine] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
}

FORMS: Mapping[Engine, str] = {
    "postgresql": "postgresql://user@host:5432/database?sslmode=verify-full",
    "mysql": "mysql://user@host:3306/database?tls=true",
    "mongodb": "mongodb://user@host:27017,other:27017/database?replicaSet=rs0&tls=true",
}

MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")

_SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<account>[^/?#]*)@)?(?P<hosts>[^/?#@]*)"
    r"(?:/(?P<path>[^?#@]*))?(?:\?(?P<query>[^#@]*))?"
)
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]*))?")
_OPTION_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{1,40}")


class DsnRefused(WatchwordError):
    """The address of a database can't be understood, or asks for what an inventory may not ask for."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL said. ``tls`` has the fields of ``shared.targets.Tls`` that it set."""

    engine: Engine
    host: str = ""
    port: int | None = None
    user: str = ""
    database: str = ""
    password: str | None = field(default=None, repr=False)
    tls: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Parts:
    """The pieces of a URL, decoded; reading an option takes it out of ``query``."""

    scheme: str
    user: str
    password: str | None
    hosts: list[tuple[str, int | None]]
    database: str
    query: dict[str, str]

    def take(self, *names: str) -> str | None:
        """Take out an option under whichever of its spellings it was written."""
        found = [name for name in self.query if name.lower() in names]
        if len(found) > 1:
            message = f"option {found[1]!r} says again what {found[0]!r} says"
            raise DsnRefused(message, "keep one of them")
        return self.query.pop(found[0]) if found else None


def parse_dsn(text: str) -> Address:
    """Read the URL of a database. Raises ``DsnRefused``."""
    parts = _split(text.strip())
    engine = ENGINE_OF_SCHEME[parts.scheme]
    address = _READERS[engine](parts)
    unknown = sorted(set(address.options) - ALLOWED_OPTIONS[engine])
    if unknown:
        message = f"option {_shown(unknown[0])} is not allowed for {engine}"
        raise DsnRefused(message, nearest_or_allowed(unknown[0], [*sorted(ALLOWED_OPTIONS[engine]), *_TLS[engine]]))
    return address


def _split(text: str) -> _Parts:
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise DsnRefused("not the URL of a database", "write it like " + " or ".join(FORMS.values()))
    if scheme.lower() not in ENGINE_OF_SCHEME:
        message = f"scheme {_shown(scheme)} is none of a database"
        raise DsnRefused(message, nearest_or_allowed(scheme, [f"{name}://" for name in ENGINE_OF_SCHEME]))
    form = FORMS[ENGINE_OF_SCHEME[scheme.lower()]]
    found = _SHAPE.fullmatch(text)
    if found is None or any(character.isspace() for character in text):
        message = "not the URL of a database"
        raise DsnRefused(message, f"write it like {form}; in a user or password / is %2F, ? is %3F, # is %23, @ is %40")
    if _BROKEN_PERCENT.search(text):
        raise DsnRefused("a percent sign in a URL is written %25")
    account = found["account"] or ""
    user, has_password, password = account.partition(":")
    return _Parts(
        scheme=scheme.lower(),
        user=_decoded(user),
        password=(_decoded(password) or None) if has_password else None,
        hosts=[_host(written) for written in found["hosts"].split(",") if written],
        database=_decoded(found["path"] or ""),
        query=_query(found["query"] or ""),
    )


def _decoded(text: str) -> str:
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise DsnRefused("what is written with percent signs is not UTF-8 text") from None
    if "\x00" in decoded:
        raise DsnRefused("%00 can't stand in a URL")
    return decoded


def _host(written: str) -> tuple[str, int | None]:
    found = _HOST.fullmatch(written)
    if found is None:
        raise DsnRefused("a host can't be understood", "write host, host:port or [IPv6 address]:port")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise DsnRefused(f"{port} is not a port", "allowed: 1 to 65535")
    return _decoded(found["six"] or found["name"] or ""), port


def _query(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for pair in text.split("&") if text else []:
        name, separator, value = pair.partition("=")
        if not separator or not _OPTION_NAME.fullmatch(name):
            raise DsnRefused("what stands after ? must be options, each name=value, with & between them")
        if name in options:
            raise DsnRefused(f"option {name!r} is given twice", "keep one of them")
        options[name] = _decoded(value)
    return options


def _shown(word: str) -> str:
    """Return a word for an error when it is surely no secret: it looks like a name and not like chance."""
    return repr(word) if _OPTION_NAME.fullmatch(word) else "(not shown)"


def _one_host(parts: _Parts) -> tuple[str, int | None]:
    if len(parts.hosts) > 1:
        raise DsnRefused("a target is one server", "name one host, and add a target for each of the others")
    return parts.hosts[0] if parts.hosts else ("", None)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise DsnRefused("the option 'port' is not a port", "allowed: 1 to 65535")
    return int(text)


def _choice(name: str, value: str, meanings: Mapping[str, str]) -> str:
    if value.lower() not in meanings:
        raise DsnRefused(f"option {name!r} can't be {_shown(value)}", nearest_or_allowed(value, meanings))
    return meanings[value.lower()]


def _tls(mode: str | None, **files: str | None) -> dict[str, str]:
    """Return what was said of TLS. Whoever names a file wants it used: without a mode it is verified."""
    said = {name: path for name, path in files.items() if path is not None}
    if mode is not None:
        said["mode"] = mode
    elif said:
        said["mode"] = "verify-full"
    return said


def _postgresql(parts: _Parts) -> Address:
    host, port = _one_host(parts)
    # libpq's way to name the folder of a socket, which can't stand where the host stands.
    host = parts.take("host") or host
    if "," in host:
        raise DsnRefused("a target is one server", "name one host, and add a target for each of the others")
    written_port = parts.take("port")
    mode = parts.take("sslmode")
    root = parts.take("sslrootcert")
    return Address(
        engine="postgresql",
        host=host,
        port=_port(written_port) if written_port else port,
        user=parts.take("user") or parts.user,
        password=parts.take("password") or parts.password,
        database=parts.take("dbname") or parts.database,
        tls=_tls(
            _choice("sslmode", mode, {name: name for name in MODES}) if mode else ("verify-full" if root else None),
            ca_file=None if root == "system" else root,
            cert_file=parts.take("sslcert"),
            key_file=parts.take("sslkey"),
        ),
        options=parts.query,
    )


_MYSQL_MODES = {
    "disabled": "disable",
    "preferred": "prefer",
    "required": "require",
    "verify_ca": "verify-ca",
    "verify_identity": "verify-full",
    **{mode: mode for mode in MODES},
}
_MYSQL_TLS = {"true": "verify-full", "false": "disable", "skip-verify": "require", "preferred": "prefer"}


def _mysql(parts: _Parts) -> Address:
    host, port = _one_host(parts)
    mode, is_asked = parts.take("ssl-mode", "ssl_mode", "sslmode"), parts.take("tls")
    if mode and is_asked:
        raise DsnRefused("option 'tls' says again what the mode of TLS says", "keep one of them")
    if mode:
        mode = _choice("ssl-mode", mode, _MYSQL_MODES)
    elif is_asked:
        mode = _choice("tls", is_asked, _MYSQL_TLS)
    tls = _tls(
        mode,
        ca_file=parts.take("ssl-ca", "ssl_ca"),
        cert_file=parts.take("ssl-cert", "ssl_cert"),
        key_file=parts.take("ssl-key", "ssl_key"),
    )
    socket = parts.take("unix_socket", "socket") or (host if host.startswith("/") else None)
    options = {**parts.query, **({"unix_socket": socket} if socket else {})}
    host = "" if host.startswith("/") else host
    return Address("mysql", host, port, parts.user, parts.database, parts.password, tls, options)


_TRUTH = {"true": "true", "false": "false"}


def _mongodb(parts: _Parts) -> Address:
    is_service = parts.scheme == "mongodb+srv"
    if is_service and (len(parts.hosts) != 1 or parts.hosts[0][1] is not None):
        raise DsnRefused("mongodb+srv:// takes one host without a port", "its DNS records name the servers")
    spelled = {name.lower(): name for name in ALLOWED_OPTIONS["mongodb"]}
    tls = _mongodb_tls(parts, is_service=is_service)
    options = {spelled.get(name.lower(), name): value for name, value in parts.query.items()}
    if is_service:
        options["srv"] = "true"
    if parts.user and parts.database and "authSource" not in options:
        # Where an account is looked for when a database is named and nothing else said.
        options["authSource"] = parts.database
    host, port = parts.hosts[0] if len(parts.hosts) == 1 else (_joined(parts.hosts), None)
    return Address("mongodb", host, port, parts.user, parts.database, parts.password, tls, options)


def _joined(hosts: list[tuple[str, int | None]]) -> str:
    shown = ((f"[{host}]" if ":" in host else host, port) for host, port in hosts)
    return ",".join(f"{host}:{port}" if port else host for host, port in shown)


def _mongodb_tls(parts: _Parts, *, is_service: bool) -> dict[str, str]:
    asked = parts.take("tls", "ssl")
    is_unverified = [
        _choice(name, value, _TRUTH) == "true"
        for name in ("tlsInsecure", "tlsAllowInvalidCertificates")
        if (value := parts.take(name.lower())) is not None
    ]
    names = parts.take("tlsallowinvalidhostnames")
    files = {"ca_file": parts.take("tlscafile"), "cert_file": parts.take("tlscertificatekeyfile")}
    is_on = _choice("tls", asked, _TRUTH) == "true" if asked else is_service
    if asked and not is_on:
        return {"mode": "disable"}
    mode = "verify-full"
    if names is not None and _choice("tlsAllowInvalidHostnames", names, _TRUTH) == "true":
        mode = "verify-ca"
    if any(is_unverified):
        mode = "require"
    has_more = any(is_unverified) or names is not None
    return _tls(mode if is_on or has_more else None, **files)


_READERS: Mapping[Engine, Callable[[_Parts], Address]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mongodb": _mongodb,
}
_TLS: Mapping[Engine, tuple[str, ...]] = {
    "postgresql": ("sslmode", "sslrootcert", "sslcert", "sslkey"),
    "mysql": ("ssl-mode", "tls", "ssl-ca", "ssl-cert", "ssl-key"),
    "mongodb": ("tls", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsCAFile", "tlsCertificateKeyFile"),
}
