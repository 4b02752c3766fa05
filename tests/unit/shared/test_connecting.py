"""With which settings does a process connect, and does a password ever show?"""

from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client
from pydantic import SecretStr

from shared import connecting
from shared.settings import ProcessSettings


def settings(**given: Any) -> ProcessSettings:
    return ProcessSettings(**given)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("nats://db:4222", "nats://db:4222", id="nothing-to-hide"),
        pytest.param("nats://ann:secret@db:4222", "nats://***@db:4222", id="password"),
        pytest.param("nats://secret-token@db:4222", "nats://***@db:4222", id="token"),
        pytest.param("nats://ann:secret@db", "nats://***@db", id="without-port"),
        pytest.param("tls://ann:se%40cret@[::1]:4222/path", "tls://***@[::1]:4222/path", id="ipv6"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert connecting.without_password(url) == shown


def test_several_servers_are_separated_by_commas() -> None:
    given = settings(nats_url="nats://a:4222, nats://b:4222,,")
    assert connecting.servers(given) == ["nats://a:4222", "nats://b:4222"]


def test_reconnecting_never_ends() -> None:
    assert connecting.manners(settings(), "x")["max_reconnect_attempts"] == -1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param({}, {}, id="nobody"),
        pytest.param(
            {"nats_user": "ann", "nats_password": SecretStr("p")}, {"user": "ann", "password": "p"}, id="password"
        ),
        pytest.param({"nats_user": "ann"}, {"user": "ann", "password": ""}, id="user-without-password"),
        pytest.param({"nats_token": SecretStr("t")}, {"token": "t"}, id="token"),
        pytest.param(
            {"nats_credentials": Path("/x.creds"), "nats_user": "ann"},
            {"user_credentials": "/x.creds"},
            id="file-first",
        ),
    ],
)
def test_who_we_are(given: dict[str, Any], shown: dict[str, str]) -> None:
    chosen = connecting.options(settings(**given), "x")
    assert {name: chosen[name] for name in chosen.keys() - connecting.manners(settings(), "x").keys()} == shown


def test_secrets_show_in_no_repr() -> None:
    given = settings(nats_password=SecretStr("hunter2"), nats_token=SecretStr("hunter3"))
    assert "hunter" not in repr(given)
    assert "hunter" not in str(given)


async def test_a_complaint_is_logged_once_in_a_while_and_others_beside_it() -> None:
    complain = connecting.complaints()
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            await complain(ConnectionRefusedError("refused"))
            await complain(TimeoutError())
    assert [line["error"] for line in logged] == ["refused", "TimeoutError"]


async def test_what_is_complained_about_in_many_ways_takes_no_memory_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("shared.connecting.time.monotonic", lambda: now)
    complain = connecting.complaints()
    with structlog.testing.capture_logs() as logged:
        for number in range(5):
            now = number * connecting.REPEAT_SECONDS
            await complain(ConnectionRefusedError("refused"))
    assert len(logged) == 5


def test_settings_come_from_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_NATS_URL", "nats://elsewhere:4222")
    monkeypatch.setenv("WATCHWORD_HTTP_PORT", "8080")
    monkeypatch.setenv("NATS_URL", "nats://not-ours:4222")
    read = ProcessSettings()  # type: ignore[call-arg]
    assert (read.nats_url, read.http_port) == ("nats://elsewhere:4222", 8080)


LINES = st.lists(
    st.binary(max_size=12)
    | st.sampled_from(
        [b"ce-id: a/b", b"ce-id:\tc", b" x : y ", b"a b: c", b"\xc3\xbc: 1", b"u: \xff\xc3", b"\x1cn: 1", b":"]
    )
)


@given(LINES.map(b"\r\n".join))
@example(b"Nats-Stream: CHECK_RESULTS\r\nce-type: a: b\r\n\r\n")
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    assert connecting.SafeClient._parse_header_lines(raw) == Client._parse_header_lines(raw)
