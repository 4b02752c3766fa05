"""The section ``targets`` of the inventory file: each entry becomes a target as the configuration bucket keeps it. A
password in clear is set aside, so that nothing that is written anywhere holds it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared.checks import ENGINES, Check
from shared.subjects import LONGEST_NAME_BYTES
from shared.targets import Target
from watchword.inventory.dsn import FORMS, Address, DsnRefused, parse_dsn
from watchword.inventory.secrets import HOW_TO_REFER, secret, tls
from watchword.inventory.spots import Plain, Spot, nearest_name

FIELDS = (
    "name",
    "engine",
    "dsn",
    "host",
    "port",
    "user",
    "database",
    "password",
    "tls",
    "options",
    "labels",
    "pool",
    "parameters",
)
SEE_CHECKS = "see: watchword checks list"
_SAID_BY_DSN = ("host", "port", "user", "database", "options")


@dataclass(frozen=True, slots=True)
class WrittenTarget:
    """A target of the file, and its password when the file has it in clear."""

    target: Target
    spot: Spot
    password: str | None = field(default=None, repr=False)


def read_targets(section: Spot | None) -> list[WrittenTarget]:
    """Read the section. What is broken is left out, after a complaint."""
    if section is None:
        return []
    found: dict[str, WrittenTarget] = {}
    for spot in section.items():
        written = _target(spot)
        if written is None:
            continue
        name = written.target.name
        if name in found:
            line = found[name].spot.place.line
            spot.complain(f"two targets are named {name!r}; the first one is on line {line}", "rename one of them")
        else:
            found[name] = written
    return list(found.values())


def _target(spot: Spot) -> WrittenTarget | None:
    if not spot.is_map:
        spot.complain(f"must be fields (name: value), not {spot.shape}", "begin a target with '- name: …'")
        return None
    fields = spot.fields(FIELDS)
    spots = dict(fields)
    values: dict[str, object] = {}
    password: str | None = None
    if "dsn" in fields:
        address = _address(fields)
        if address is not None:
            password = address.password
            values.update(_said(address))
            spots |= {name: fields["dsn"] for name in (*values, "host", "port") if name not in fields}
    values |= dict(_texts(fields))
    if "engine" in fields and (engine := fields["engine"].choice(ENGINES)) is not None:
        if values.get("engine", engine) != engine:
            fields["engine"].complain(f"is {engine}, but the dsn is the URL of a {values['engine']} server")
        values["engine"] = engine
    if "password" in fields:
        password = _password(fields, values, password)
    if "tls" in fields:
        if "tls" in values:
            fields["tls"].complain("the dsn speaks of TLS, too", "keep one of them")
        values["tls"] = tls(fields["tls"]) or {}
    values |= _maps(fields)
    _complain_about_what_is_missing(spot, fields)
    target = spot.model(Target, values, spots)
    if target is None or not _has_short_names(target, spot, spots):
        return None
    if password is not None:
        place = fields.get("password") or fields["dsn"]
        place.complain(
            "a password in clear is for a trial with `watchword up --config` only; it stays in that process",
            HOW_TO_REFER,
            severity="warning",
        )
    return WrittenTarget(target, spot, password)


def _texts(fields: Mapping[str, Spot]) -> Iterator[tuple[str, str]]:
    for name in ("name", "host", "port", "user", "database", "pool"):
        if name in fields and (text := fields[name].text()) is not None:
            yield name, text


def _address(fields: Mapping[str, Spot]) -> Address | None:
    for name in _SAID_BY_DSN:
        if name in fields:
            fields[name].complain("the dsn says this already", f"give either dsn or {', '.join(_SAID_BY_DSN)}")
    text = fields["dsn"].text()
    if text is None:
        return None
    try:
        return parse_dsn(text)
    except DsnRefused as refused:
        fields["dsn"].complain(str(refused), refused.hint)
        return None


def _said(address: Address) -> dict[str, object]:
    said: dict[str, object] = {"engine": address.engine, "user": address.user, "database": address.database}
    if address.host:
        said["host"] = address.host
    if address.port is not None:
        said["port"] = address.port
    if address.tls:
        said["tls"] = dict(address.tls)
    if address.options:
        said["options"] = dict(address.options)
    return said


def _password(fields: Mapping[str, Spot], values: dict[str, object], of_dsn: str | None) -> str | None:
    if of_dsn is not None:
        fields["password"].complain("the dsn has a password, too", "keep one of them")
    found = secret(fields["password"])
    if found is None:
        return None
    if found.reference is not None:
        values["password"] = found.reference
    return found.in_clear


def _maps(fields: Mapping[str, Spot]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in ("labels", "options"):
        if name in fields:
            inner = fields[name].entries()
            values[name] = {key: text for key, spot in inner.items() if (text := spot.text()) is not None}
    if "parameters" in fields:
        values["parameters"] = {
            check: {name: value for name, inner in spot.entries().items() if (value := inner.plain()) is not None}
            for check, spot in fields["parameters"].entries().items()
        }
    return values


def _complain_about_what_is_missing(spot: Spot, fields: Mapping[str, Spot]) -> None:
    if "name" not in fields:
        spot.complain("'name' is missing", "name it as it should appear in alerts")
    if "dsn" not in fields and "engine" not in fields:
        spot.complain(
            "'engine' is missing", "allowed: " + ", ".join(ENGINES) + "; or give a dsn such as " + FORMS["postgresql"]
        )
    if "dsn" not in fields and "host" not in fields and "unix_socket" not in _names(fields.get("options")):
        spot.complain("it has no address", "give a dsn, or a host")


def _names(spot: Spot | None) -> list[str]:
    return list(spot.entries()) if spot is not None and spot.is_map else []


def _has_short_names(target: Target, spot: Spot, spots: Mapping[str, Spot]) -> bool:
    """Complain about names that the model takes but no subject can carry: it counts characters, subjects bytes."""
    is_good = True
    for name, text in (("name", target.name), ("pool", target.pool)):
        if len(text.encode("utf-8", "surrogatepass")) > LONGEST_NAME_BYTES:
            spots.get(name, spot).complain(f"is longer than {LONGEST_NAME_BYTES} bytes")
            is_good = False
    return is_good


def check_parameters(written: WrittenTarget, checks: Mapping[str, Check], known: set[str]) -> None:
    """Complain about overrides of parameters that no check has, or of another type than its default."""
    section = written.spot.inside("parameters")
    if section is None or section.is_null:
        return
    for name, spot in section.entries().items():
        check = checks.get(name)
        if check is None:
            if name not in known:
                spot.complain(f"there is no check {name!r}", nearest_name(name, checks, SEE_CHECKS), at=spot.key)
            continue
        check_values(spot.entries(), check)


def check_values(values: Mapping[str, Spot], check: Check) -> None:
    """Complain about values for parameters that a check does not have, or of another type than its default."""
    for parameter, value in values.items():
        default = check.parameters.get(parameter)
        if default is None:
            hint = nearest_name(parameter, check.parameters, "it has none")
            value.complain(f"check {check.name} has no parameter {parameter!r}", hint, at=value.key)
        elif not _is_alike(value.plain(), default.default):
            value.complain(f"must be like its default, {default.default!r}")


def _is_alike(value: Plain | None, default: Plain) -> bool:
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
