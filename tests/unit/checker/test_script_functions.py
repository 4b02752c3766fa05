"""PMM's functions about versions and addresses."""

from typing import Any

import pytest

from services.checker.script_functions import format_version_num, ip_is_private, parse_version


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("8.0.36", (8, 0, 36, "", 80036, 0), id="three parts"),
        pytest.param("8.0.36-28", (8, 0, 36, "-28", 80036, 28), id="a build number"),
        pytest.param("8.0.36-28.1", (8, 0, 36, "-28.1", 80036, 28), id="a build number and more"),
        pytest.param("8.0.36-28-log", (8, 0, 36, "-28-log", 80036, 28), id="a build number and a word"),
        pytest.param("5.7.44-log", (5, 7, 44, "-log", 50744, 0), id="a rest without a number"),
        pytest.param(
            "10.11.19-MariaDB-0+deb12u1",
            (10, 11, 19, "-MariaDB-0+deb12u1", 101119, 0),
            id="MariaDB of a distribution",
        ),
        pytest.param("7.0.0.1", (7, 0, 0, ".1", 70000, 0), id="a fourth part is rest"),
        pytest.param("1.2.345", (1, 2, 345, "", 10545, 0), id="a large third part runs into the second"),
        pytest.param("08.00.01", (8, 0, 1, "", 80001, 0), id="leading zeros"),
    ],
)
def test_parse_version_takes_a_version_apart(text: str, parts: tuple[Any, ...]) -> None:
    assert parse_version(text) == dict(zip(("major", "minor", "patch", "rest", "num", "numrest"), parts, strict=True))


@pytest.mark.parametrize(
    "text",
    ["14.5", "14", "", "v8.0.36", " 8.0.36", "8.0.", "a.b.c", "8.0.36\n", "8.0.٣", "99999999999999999999.0.0"],
)
def test_parse_version_refuses_what_has_not_three_parts(text: str) -> None:
    with pytest.raises(ValueError, match=r"^parse_version: "):
        parse_version(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        pytest.param(80036, "8.0.36", id="MySQL"),
        pytest.param(101119, "10.11.19", id="MariaDB"),
        pytest.param(0, "0.0.0", id="nothing"),
        pytest.param(10_000_000, "1000.0.0", id="the last short one"),
        pytest.param(10_000_001, "1.0.0-1", id="the first long one"),
        pytest.param(80036028, "8.0.36-28", id="Percona Server"),
    ],
)
def test_format_version_num_writes_a_number_as_a_version(number: int, text: str) -> None:
    assert format_version_num(number) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *[
            pytest.param(text, True, id=text)
            for text in (
                "10.0.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "100.64.0.1",
                "192.0.0.1",
                "198.18.0.1",
                "198.19.255.255",
                "169.254.1.1",
                "224.0.0.1",
                "127.0.0.1",
                "127.255.255.254",
                "fc00::1",
                "fdff::1",
                "fe80::1",
                "::1",
                "::ffff:10.0.0.1",
                "10.0.0.0/8",
                "10.1.2.3/32",
                "10.1.2.3/8",
                "0.0.0.0/0",
                "8.0.0.0/6",
                "::/0",
                "fc00::/8",
                "::ffff:10.0.0.0/104",
            )
        ],
        *[
            pytest.param(text, False, id=text)
            for text in (
                "8.8.8.8",
                "172.32.0.1",
                "172.15.255.255",
                "100.128.0.1",
                "192.0.1.1",
                "198.20.0.1",
                "224.0.1.1",
                "128.0.0.1",
                "0.0.0.0",
                "::",
                "::2",
                "2001:db8::1",
                "fec0::1",
                "::ffff:8.8.8.8",
                "8.8.8.0/24",
                "11.0.0.0/8",
                "2001:db8::/32",
                "::ffff:8.0.0.0/104",
            )
        ],
        *[
            pytest.param(text, None, id=text or "empty")
            for text in (
                "",
                "%",
                "localhost",
                "10.%",
                "192.168.%",
                "db1.example.com",
                "10.0.0.0/255.0.0.0",
                "10.0.0.0/33",
                "10.0.0.0/",
                "10.0.0.0/-1",
                "10.0.0.0/8/8",
                "10.0.0.256",
                "010.0.0.1",
                "10.0.0",
                "10.0.0.1 ",
                "fe80::1%eth0",
                "fe80::1/129",
                "::ffff:10.0.0.0/129",
                "10.0.0.0/٣",
            )
        ],
    ],
)
def test_ip_is_private_knows_addresses_and_networks_and_nothing_else(text: str, answer: bool | None) -> None:
    assert ip_is_private(text) is answer


@pytest.mark.parametrize("function", [parse_version, ip_is_private, format_version_num])
@pytest.mark.parametrize(
    ("arguments", "named", "reason"),
    [
        pytest.param((), {}, "got 0 arguments, want 1", id="none"),
        pytest.param(("8.0.36", "8.0.36"), {}, "got 2 arguments, want 1", id="two"),
        pytest.param((), {"version": "8.0.36"}, "unexpected keyword arguments", id="by name"),
        pytest.param((None,), {}, "got NoneType", id="None"),
        pytest.param((1.5,), {}, "got float", id="a float"),
        pytest.param((True,), {}, "got bool", id="a bool"),
        pytest.param(([],), {}, "got list", id="a list"),
    ],
)
def test_a_function_refuses_other_arguments_than_its_own(
    function: Any, arguments: tuple[object, ...], named: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        function(*arguments, **named)


def test_each_function_wants_its_own_type() -> None:
    with pytest.raises(ValueError, match="got int, want string"):
        parse_version(80036)
    with pytest.raises(ValueError, match="got int, want string"):
        ip_is_private(10)
    with pytest.raises(ValueError, match="got string, want int"):
        format_version_num("8.0.36")
    with pytest.raises(ValueError, match="too large"):
        format_version_num(2**63)
