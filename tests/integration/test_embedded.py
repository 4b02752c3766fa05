"""The NATS server and the Alertmanager of ``watchword up`` go on where they ended, and say what is wrong with them."""

import datetime as dt
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import nats
import pytest

from watchword.embedded import (
    AlertmanagerSettings,
    EmbeddedServer,
    NatsSettings,
    embedded_alertmanager,
    embedded_nats,
)
from watchword.processes import LOCALHOST, PortInUse, ServerEnded, ServerProgramMissing, free_port

StartServer = Callable[..., EmbeddedServer]
# The bcrypt hash of "secret", as Alertmanager's web configuration wants it.
SECRET_HASH = "$2y$04$Tp0fn3TDHAwrWUJ9BjMBcuhpgBWQlF8jKqKWlkR6TmXsWsZJ3ls9G"


def silence(comment: str) -> dict[str, object]:
    now = dt.datetime.now(dt.UTC)
    return {
        "matchers": [{"name": "alertname", "value": "example", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + dt.timedelta(hours=1)).isoformat(),
        "createdBy": "tests",
        "comment": comment,
    }


async def test_nats_keeps_its_streams_over_a_restart_and_a_crash(start_nats: StartServer) -> None:
    server = start_nats()
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"1")
    await client.close()

    for end in (server.process.stop, server.process.kill):
        end()
        server.process.start()
        client = await nats.connect(server.url)
        assert (await client.jetstream().stream_info("KEPT")).state.messages == 1
        await client.close()


async def test_nats_takes_the_payload_asked_for(start_nats: StartServer) -> None:
    server = start_nats(max_payload_bytes=2048, server_name="small")
    client = await nats.connect(server.url)
    assert client.max_payload == 2048
    await client.close()


async def test_nats_takes_configuration_of_the_caller(start_nats: StartServer) -> None:
    users = 'authorization { users: [{user: "someone", password: "hidden"}] }'
    server = start_nats(extra_configuration=users)
    client = await nats.connect(server.url, user="someone", password="hidden")
    await client.close()


async def test_port_that_is_taken_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server((LOCALHOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"NATS server .*{port}.*--nats-port"):
            await embedded_nats(NatsSettings(tmp_path, port=port)).start()
        with pytest.raises(PortInUse, match=rf"Alertmanager .*{port}.*--alertmanager-port"):
            await embedded_alertmanager(AlertmanagerSettings(tmp_path, port=port)).start()


async def test_nats_that_refuses_its_configuration_says_why(tmp_path: Path) -> None:
    server = embedded_nats(NatsSettings(tmp_path, port=0, extra_configuration="no_such_setting: 1"))
    with pytest.raises(ServerEnded, match=r"(?s)NATS server ended.*no_such_setting"):
        await server.start()


def test_missing_nats_server_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(ServerProgramMissing, match=r"watchword\[embedded\].*WATCHWORD_NATS_SERVER_BINARY"):
        embedded_nats(NatsSettings(tmp_path))


def test_missing_alertmanager_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(
        ServerProgramMissing,
        match=r"watchword\.debian_packages alertmanager.*WATCHWORD_ALERTMANAGER_BINARY.*watchword\.yaml",
    ):
        embedded_alertmanager(AlertmanagerSettings(tmp_path))


def test_program_named_by_the_environment_must_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WATCHWORD_ALERTMANAGER_BINARY", str(tmp_path / "none"))
    with pytest.raises(ServerProgramMissing, match=r"WATCHWORD_ALERTMANAGER_BINARY names .*none"):
        embedded_alertmanager(AlertmanagerSettings(tmp_path))


def test_alertmanager_keeps_its_silences_over_a_restart(start_alertmanager: StartServer) -> None:
    server = start_alertmanager()
    httpx.post(f"{server.url}/api/v2/silences", json=silence("kept")).raise_for_status()
    server.process.restart()
    comments = [each["comment"] for each in httpx.get(f"{server.url}/api/v2/silences").json()]
    assert comments == ["kept"]


def test_alertmanager_below_a_path_is_found_there(start_alertmanager: StartServer) -> None:
    server = start_alertmanager(route_prefix="/alertmanager/")
    assert server.url == f"http://{LOCALHOST}:{server.port}/alertmanager"
    assert httpx.get(f"{server.url}/api/v2/alerts").json() == []


def test_alertmanager_that_asks_for_a_login_counts_as_started(start_alertmanager: StartServer, tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text(f"basic_auth_users:\n  someone: {SECRET_HASH}\n")
    server = start_alertmanager(web_configuration_file=web)
    assert httpx.get(f"{server.url}/api/v2/alerts").status_code == 401


def test_receivers_that_people_add_stay(start_alertmanager: StartServer) -> None:
    server = start_alertmanager()
    configuration_path = server.log_path.with_name("alertmanager.yml")
    configuration_path.write_text("route:\n  receiver: team\nreceivers:\n  - name: team\n")
    server.process.restart()
    assert [each["name"] for each in httpx.get(f"{server.url}/api/v2/receivers").json()] == ["team"]


def test_two_alertmanagers_become_a_cluster(start_alertmanager: StartServer) -> None:
    first_port = free_port()
    first = start_alertmanager(cluster_port=first_port)
    start_alertmanager(cluster_port=free_port(), cluster_peers=(f"{LOCALHOST}:{first_port}",))
    deadline = time.monotonic() + 20
    while len(httpx.get(f"{first.url}/api/v2/status").json()["cluster"]["peers"]) < 2:
        assert time.monotonic() < deadline, "the second Alertmanager did not join"
        time.sleep(0.05)
