"""``watchword up``: the whole life of an alert on one machine, and every way to begin and to end."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from examples.servers.database import DatabaseServer
from examples.servers.postgresql import postgresql as run_postgresql
from tests.conftest import StartAlertmanager
from tests.e2e.installation import Up, children_of, installation, is_alive, until
from watchword.check_files.library import built_in_checks

CHECK = "postgresql_superuser_roles"


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with installation(tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def guarded() -> Iterator[DatabaseServer]:
    """A PostgreSQL that asks for a password."""
    with run_postgresql(host_authentication="scram-sha-256") as server:
        yield server


def execute(server: DatabaseServer, statement: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def write_inventory(up: Up, *targets: str) -> Path:
    file = up.folder / "watchword.yaml"
    file.write_text("targets:\n" + "".join(f"  - {target}\n" for target in targets))
    return file


def test_a_weakness_becomes_an_alert_is_muted_unmuted_and_fixed(up: Up, guarded: DatabaseServer) -> None:
    file = write_inventory(up, f"{{name: orders-db, dsn: '{guarded.dsn}', labels: {{team: a}}}}")
    place = up.start("--config", str(file))
    assert place["targets"] == ["orders-db"]
    assert place["checks"] == len(built_in_checks())
    assert place["problems"] == []
    assert up.is_ready()
    watchword = up.watchword
    execute(guarded, "CREATE ROLE intern LOGIN SUPERUSER")
    try:
        found = watchword("run", "--target", "orders-db", "--check", CHECK, "--wait")
        assert found.code == 1
        assert f"{CHECK}: " in found.out
        assert "role=intern" in found.out

        def alert() -> dict[str, str] | None:
            shown = watchword("alerts", "--check", CHECK, "-o", "json").json
            return shown[0] if shown else None

        one = until(alert, "the alert")
        assert one["labels"]["team"] == "a"
        muted = watchword("mute", one["fingerprint"][:10], "--comment", "leaves on friday", "-o", "json")
        assert muted.code == 0
        (mute,) = muted.json
        assert mute["created_by"] == "ada"
        assert [silence["state"] for silence in mute["silences"]] == ["active"]
        until(lambda: alert() is None, "the mute")
        (hidden,) = watchword("alerts", "--all", "--check", CHECK, "-o", "json").json
        assert hidden["silences"][0]["comment"].startswith("leaves on friday")
        (listed,) = watchword("mutes", "-o", "json").json
        assert listed["request_id"] == mute["request_id"]
        assert watchword("unmute", mute["request_id"], "--reason", "stays").code == 0
        until(alert, "the alert, unmuted")
        assert watchword("mutes", "-o", "json").json == []
    finally:
        execute(guarded, "DROP ROLE intern")
    fixed = watchword("run", "--target", "orders-db", "--check", CHECK, "--wait")
    assert fixed.code == 0
    until(lambda: not watchword("alerts", "--all", "--check", CHECK, "-o", "json").json, "the end of the alert")
    assert watchword("doctor").code == 0


def test_a_password_in_clear_stays_in_the_process_that_read_it(up: Up, guarded: DatabaseServer) -> None:
    assert guarded.password
    file = write_inventory(up, f"{{name: trial, dsn: '{guarded.dsn}'}}")
    place = up.start("--config", str(file))
    assert place["private_pool"].startswith("private-")
    (target,) = up.watchword("targets", "-o", "json").json
    assert target["pool"] == place["private_pool"]
    assert "password" not in target
    assert up.watchword("run", "--check", CHECK, "--wait").code == 0  # it logs in with it
    refused = up.watchword("apply", str(file))
    assert refused.code == 2
    assert "never leaves the process" in refused.err
    up.stop()
    secret = guarded.password.encode()
    files = [path for path in up.data.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if secret in path.read_bytes()]
    assert guarded.password not in up.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_stops_cleanly_with_everything_that_it_started(up: Up, number: signal.Signals) -> None:
    up.start()
    assert up.process is not None
    children = children_of(up.process.pid)
    assert len(children) >= 3  # NATS, Alertmanager, workers for scripts
    assert up.stop(number) < 10
    assert not [child for child in children if is_alive(child)]
    assert "Traceback" not in up.said


def test_it_stops_in_time_with_a_run_that_hangs(up: Up) -> None:
    up.environment["WATCHWORD_CONNECT_SECONDS"] = "60"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        up.start("--config", str(write_inventory(up, f"{{name: silent, dsn: 'postgresql://u@127.0.0.1:{port}'}}")))
        silent.settimeout(30)
        connection, _ = silent.accept()  # the run has begun
        assert up.stop() < 10
        connection.close()
    assert "Traceback" not in up.said


def test_it_tells_people_where_everything_is_and_what_to_type(up: Up, guarded: DatabaseServer) -> None:
    file = write_inventory(up, f"{{name: orders-db, dsn: '{guarded.dsn}'}}")
    process = up.spawn("--config", str(file), "-o", "table")
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stdout.readline())
        assert lines[-1], up.said
    shown = "".join(lines)
    assert f"+ {len(built_in_checks())} built-in checks" in shown
    assert "+ target orders-db: postgresql at 127.0.0.1" in shown
    assert f"nats://127.0.0.1:{up.nats_port}" in shown
    assert f"http://127.0.0.1:{up.alertmanager_port} (embedded)" in shown
    assert "/readyz" in shown
    assert str(up.data) in shown
    assert f"export WATCHWORD_NATS_URL=nats://127.0.0.1:{up.nats_port}" in shown
    assert "watchword run --wait" in shown
    assert "a password in clear is for a trial" in up.said
    assert guarded.password is not None
    assert guarded.password not in shown + up.said
    up.stop()


def test_it_starts_again_on_its_data(up: Up, guarded: DatabaseServer) -> None:
    file = write_inventory(up, f"{{name: orders-db, dsn: '{guarded.dsn}'}}")
    first = up.start("--config", str(file))
    until(lambda: up.watchword("alerts", "-o", "json").json, "an alert")
    up.stop()
    second = up.start()  # without the file: what was applied stands
    assert second["targets"] == ["orders-db"]
    assert second["private_pool"] == first["private_pool"]
    alerts = until(lambda: up.watchword("alerts", "-o", "json").json, "the alerts, told again")
    assert {alert["target"] for alert in alerts} == {"orders-db"}
    up.process.kill()  # type: ignore[union-attr] # it was started
    up.process.wait()  # type: ignore[union-attr]
    third = up.start("--config", str(file))
    assert third["targets"] == ["orders-db"]
    up.stop()


def test_a_second_one_on_the_same_data_is_refused(up: Up, tmp_path: Path) -> None:
    up.start()
    second = Up(tmp_path)
    process = second.spawn()
    assert process.wait(60) == 3
    assert f"another `watchword up` (process {up.process.pid})" in up.said  # type: ignore[union-attr] # it was started
    assert "--data-dir" in up.said
    assert up.is_ready()
    if process.stdout is not None:
        process.stdout.close()


@pytest.mark.parametrize("option", ["--nats-port", "--alertmanager-port", "--http-port"])
def test_a_port_in_use_is_named_with_the_option_that_chooses_another(up: Up, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = up.spawn(option, str(taken.getsockname()[1]))
        assert process.wait(60) == 3
    assert option in up.said
    assert str(taken) not in up.said
    assert "Traceback" not in up.said
    assert len([line for line in up.said.splitlines() if line.startswith("error: ")]) == 1


def test_a_missing_server_is_named(up: Up) -> None:
    up.environment["WATCHWORD_NATS_SERVER_BINARY"] = "/nowhere/nats-server"
    assert up.spawn().wait(60) == 3
    assert "error: WATCHWORD_NATS_SERVER_BINARY names /nowhere/nats-server" in up.said


def test_everything_stops_when_a_server_dies_under_it(up: Up) -> None:
    up.start()
    assert up.process is not None
    (nats,) = [
        child for child in children_of(up.process.pid) if b"nats.conf" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    os.kill(nats, signal.SIGKILL)
    assert up.process.wait(30) == 3
    assert "The NATS server ended by itself with exit code -9" in up.said
    assert "Traceback" not in up.said


def test_mistakes_in_the_file_keep_everything_from_starting(up: Up) -> None:
    file = write_inventory(up, "{name: db, engine: oracle, host: x}")
    assert up.spawn("--config", str(file)).wait(60) == 2
    assert f"{file}:2:24: targets[0].engine: can't be 'oracle'" in up.said
    assert not up.data.exists()


def test_ctrl_c_while_it_starts_leaves_nothing_behind(up: Up) -> None:
    process = up.spawn()
    until((up.data / "nats" / "nats.log").exists, "the beginning of NATS", 60)
    children = until(lambda: children_of(process.pid), "a first server")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    until(lambda: not [child for child in children if is_alive(child)], "their end", 10)
    assert "Traceback" not in up.said


def test_an_alertmanager_that_is_there_is_used(
    up: Up, start_alertmanager: StartAlertmanager, guarded: DatabaseServer
) -> None:
    theirs = start_alertmanager(route_prefix="/alertmanager")
    file = write_inventory(up, f"{{name: orders-db, dsn: '{guarded.dsn}'}}")
    place = up.start("--config", str(file), "--alertmanager-url", theirs.url)
    assert place["alertmanager_urls"] == [theirs.url]
    assert place["is_alertmanager_embedded"] is False
    until(lambda: httpx.get(f"{theirs.url}/api/v2/alerts").json(), "alerts in it")
    assert not (up.data / "alertmanager").exists()
    up.stop()
    with file.open("a") as more:
        more.write(f"alertmanagers: ['{theirs.url}']\n")
    named = up.start("--config", str(file))
    assert named["alertmanager_urls"] == [theirs.url]
    up.stop()
    assert up.spawn("--config", str(file), "--alertmanager-url", theirs.url).wait(60) == 2
    assert "keep one of them" in up.said


def test_a_target_can_be_run_as_soon_as_it_is_applied(up: Up, guarded: DatabaseServer) -> None:
    up.environment["WATCHWORD_SECRET_DB"] = guarded.password or ""
    up.start()
    targets = []
    for number in range(5):
        address = f"engine: postgresql, host: 127.0.0.1, port: {guarded.port}, user: {guarded.user}, database: postgres"
        targets.append(f"{{name: db-{number}, {address}, password: {{env: WATCHWORD_SECRET_DB}}}}")
        file = write_inventory(up, *targets)
        assert up.watchword("apply", str(file)).code == 0
        began = time.monotonic()
        done = up.watchword("run", "--target", f"db-{number}", "--check", CHECK, "--wait")
        assert done.code == 0, done
        assert time.monotonic() - began < 40
