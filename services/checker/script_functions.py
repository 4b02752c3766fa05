"""What a check's script can call beside the language itself: PMM's three functions about versions and addresses.

They answer exactly as they do in PMM, also where that is surprising: a version of two parts is an error, and a text
that is no address is None. All are pure. A wrong argument raises ``ValueError``, which ends the script with that text.
"""

import ipaddress
import re
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_LARGEST_INT = 2**63 - 1
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(.*)\Z", re.ASCII)
_BUILD_NUMBER = re.compile(r"-(\d+)-?(.*)\Z", re.ASCII)

_PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "169.254.0.0/16",
        "224.0.0.0/24",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def parse_version(*arguments: object, **named: object) -> dict[str, object]:
    """Take a version such as ``8.0.36-28.1`` apart: major, minor, patch, the rest, and two numbers to compare by."""
    (text,) = _arguments("parse_version", (str,), arguments, named)
    match = _VERSION.match(str(text))
    if match is None:
        raise ValueError(f"parse_version: {text!r} is not a version of three parts such as 8.0.36")
    major, minor, patch = (_int("parse_version", part) for part in match.groups()[:3])
    rest = match.group(4)
    build = _BUILD_NUMBER.match(rest)
    return {
        "major": major,
        "minor": minor,
        "patch": patch,
        "rest": rest,
        "num": major * 10_000 + minor * 100 + patch,
        "numrest": _int("parse_version", build.group(1)) if build else 0,
    }


def format_version_num(*arguments: object, **named: object) -> str:
    """Write a version's number for people: ``80036`` is 8.0.36, the longer ``80036028`` of Percona is 8.0.36-28."""
    (value,) = _arguments("format_version_num", (int,), arguments, named)
    number = int(str(value))
    if abs(number) > _LARGEST_INT:
        raise ValueError(f"format_version_num: {number} is too large")
    if number > 10_000_000:
        return f"{number // 10_000_000}.{number // 100_000 % 100}.{number // 1000 % 100}-{number % 1000}"
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


def ip_is_private(*arguments: object, **named: object) -> bool | None:
    """Tell whether an address is private, or a network overlaps a private one; None when the text is neither."""
    (value,) = _arguments("ip_is_private", (str,), arguments, named)
    text = str(value)
    if "/" in text:
        network = _network(text)
        return None if network is None else any(network.overlaps(private) for private in _PRIVATE_NETWORKS)
    address = _address(text)
    return None if address is None else any(address in private for private in _PRIVATE_NETWORKS)


def _address(text: str) -> Address | None:
    """Read an address as Go does: no zone, and an IPv4 address inside IPv6 (``::ffff:10.0.0.1``) is that address."""
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _network(text: str) -> Network | None:
    """Read a network as Go does: a prefix in digits (no netmask), host bits allowed."""
    base, _, prefix = text.partition("/")
    address = _address(base)
    if address is None or not (prefix.isascii() and prefix.isdigit()):
        return None
    length = int(prefix)
    if ":" in base and isinstance(address, ipaddress.IPv4Address):
        # An IPv4 network in the notation of IPv6; with a shorter prefix it is more than that.
        if length < 96:
            address = ipaddress.IPv6Address(base)
        else:
            length -= 96
    if length > address.max_prefixlen:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return ipaddress.IPv4Network((int(address), length), strict=False)
    return ipaddress.IPv6Network((int(address), length), strict=False)


def _int(function: str, digits: str) -> int:
    if len(digits) > 30 or int(digits) > _LARGEST_INT:
        raise ValueError(f"{function}: {digits[:40]} is too large")
    return int(digits)


def _arguments(
    function: str, types: tuple[type, ...], arguments: tuple[object, ...], named: dict[str, object]
) -> tuple[object, ...]:
    """Check that a script passed what a function takes: by position, in number, each of exactly its type."""
    if named:
        raise ValueError(f"{function}: unexpected keyword arguments")
    if len(arguments) != len(types):
        raise ValueError(f"{function}: got {len(arguments)} arguments, want {len(types)}")
    for position, (argument, wanted) in enumerate(zip(arguments, types, strict=True), start=1):
        # bool is an int in Python, and is none in Starlark.
        if type(argument) is not wanted:
            raise ValueError(f"{function}: for parameter {position}: got {_type(argument)}, want {_NAMES[wanted]}")
    return arguments


_NAMES: dict[type, str] = {str: "string", int: "int", bool: "bool", float: "float", type(None): "NoneType"}


def _type(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)
