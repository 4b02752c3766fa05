"""The servers of the tests are real, answer, keep their data over a restart, and never outlive their parent."""

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import nats
import psycopg
import pymysql
import pytest
from pymongo import MongoClient

from examples.servers import place
from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb as run_mariadb
from examples.servers.mongodb import mongodb as run_mongodb
from examples.servers.postgresql import postgresql as run_postgresql
from examples.servers.prometheus import PrometheusServer
from watchword.embedded import EmbeddedServer
from watchword.processes import ServerEnded, ServerError, ServerProcess


def connect_mariadb(server: DatabaseServer, **options: Any) -> "pymysql.Connection[Any]":
    return pymysql.connect(host=server.host, port=server.port, user=server.user, **options)


async def test_nats_server_has_jetstream_and_a_payload_of_one_mebibyte(nats_server: EmbeddedServer) -> None:
    client = await nats.connect(nats_server.url)
    try:
        account = await client.jetstream().account_info()
        assert account.limits.max_streams == -1
        assert client.max_payload == 1_048_576
    finally:
        await client.close()


def test_alertmanager_takes_an_alert_and_shows_it(alertmanager: EmbeddedServer) -> None:
    alert = {"labels": {"alertname": "taken and shown"}}
    httpx.post(f"{alertmanager.url}/api/v2/alerts", json=[alert]).raise_for_status()
    only_it = {"filter": 'alertname="taken and shown"'}
    shown = httpx.get(f"{alertmanager.url}/api/v2/alerts", params=only_it).json()
    assert [each["labels"] for each in shown] == [alert["labels"]]


def test_postgresql_is_version_18_without_tls(postgresql: DatabaseServer) -> None:
    with psycopg.connect(postgresql.dsn) as connection:
        assert connection.info.server_version // 10_000 == 18
        assert connection.execute("SELECT setting FROM pg_settings WHERE name = 'ssl'").fetchone() == ("off",)


def test_postgresql_with_tls_lets_nobody_in_without_it(postgresql_tls: DatabaseServer) -> None:
    verified = f"{postgresql_tls.dsn}?sslmode=verify-full&sslrootcert={postgresql_tls.authority_path}"
    with psycopg.connect(verified) as connection:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(query).fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(f"{postgresql_tls.dsn}?sslmode=disable")


def test_mariadb_answers(mariadb: DatabaseServer) -> None:
    with connect_mariadb(mariadb) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version()")
        assert "MariaDB" in str(cursor.fetchone())


def test_mariadb_with_tls_has_a_certificate_of_its_authority(mariadb_tls: DatabaseServer) -> None:
    ssl = {"ca": str(mariadb_tls.authority_path)}
    with connect_mariadb(mariadb_tls, ssl=ssl) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchone() == ("Ssl_version", "TLSv1.3")


def test_mongodb_answers_whoever_asks(mongodb: DatabaseServer) -> None:
    with MongoClient[dict[str, object]](mongodb.dsn) as client:
        assert client.admin.command("usersInfo")["users"] == []


def test_mongodb_with_logins_lets_only_its_administrator_in(mongodb_auth: DatabaseServer) -> None:
    with MongoClient[dict[str, object]](mongodb_auth.dsn) as client:
        status = client.admin.command("connectionStatus")
        assert status["authInfo"]["authenticatedUsers"] == [{"user": "admin", "db": "admin"}]


def test_prometheus_answers(prometheus: PrometheusServer) -> None:
    answer = httpx.get(f"{prometheus.url}/api/v1/query", params={"query": "vector(1)"})
    assert answer.json()["status"] == "success"


@pytest.mark.parametrize(
    "server", ["nats_server", "alertmanager", "postgresql", "postgresql_tls", "mariadb", "mongodb", "prometheus"]
)
def test_servers_listen_on_this_machine_alone(server: str, request: pytest.FixtureRequest) -> None:
    started = request.getfixturevalue(server)
    process: ServerProcess = started.process
    # Whatever listens on all addresses also answers here.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", process.port), timeout=1)


def test_postgresql_keeps_its_data_over_a_restart_and_a_crash() -> None:
    with run_postgresql() as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        for end in (server.process.stop, server.kill):
            end()
            server.restart()
            with psycopg.connect(server.dsn) as connection:
                assert connection.execute("SELECT number FROM kept").fetchone() == (1,)


def test_postgresql_takes_settings() -> None:
    settings = {"log_line_prefix": "it's ", "password_encryption": "md5"}
    with run_postgresql(settings=settings) as server, psycopg.connect(server.dsn) as connection:
        query = "SELECT setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name"
        assert connection.execute(query, [list(settings)]).fetchall() == [("it's ",), ("md5",)]


def test_postgresql_that_refuses_a_setting_says_why() -> None:
    with pytest.raises(ServerEnded, match="no_such_setting"), run_postgresql(settings={"no_such_setting": "1"}):
        pass


def test_mariadb_keeps_its_data_over_a_restart_and_takes_settings() -> None:
    with run_mariadb(settings={"local-infile": "0", "skip-name-resolve": ""}) as server:
        with connect_mariadb(server) as connection:
            connection.cursor().execute("CREATE DATABASE kept")
        server.restart()
        with connect_mariadb(server) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES LIKE 'kept'")
            assert cursor.fetchone() == ("kept",)
            cursor.execute("SELECT @@local_infile, @@skip_name_resolve")
            assert cursor.fetchone() == (0, 1)


def test_mongodb_keeps_its_data_over_a_restart() -> None:
    with run_mongodb() as server:
        with MongoClient[dict[str, object]](server.dsn) as client:
            client.test.kept.insert_one({"_id": 1})
        server.restart()
        with MongoClient[dict[str, object]](server.dsn) as client:
            assert client.test.kept.find_one() == {"_id": 1}


def test_mongodb_with_tls_shows_a_certificate_of_its_authority() -> None:
    with run_mongodb(has_tls=True) as server:
        verified = f"{server.dsn}?tls=true&tlsCAFile={server.authority_path}"
        with MongoClient[dict[str, object]](verified) as client:
            assert client.admin.command("ping")["ok"] == 1


@pytest.mark.parametrize("run", [run_postgresql, run_mariadb], ids=["postgresql", "mariadb"])
def test_weak_databases_never_run_as_root_and_leave_nothing(
    run: Callable[[], AbstractContextManager[DatabaseServer]],
) -> None:
    with run() as server:
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0
        assert server.folder.exists()
    assert not server.folder.exists()


@pytest.mark.parametrize("run", [run_postgresql, run_mariadb], ids=["postgresql", "mariadb"])
def test_programs_that_only_root_can_reach_are_seen_through_links(
    run: Callable[[], AbstractContextManager[DatabaseServer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # For an ordinary user there is nothing to work around; for root, closed folders are those that others can't enter.
    monkeypatch.setattr(place, "is_open_to_all", lambda path: False)
    with run() as server:
        assert (server.folder / "programs").exists() == (os.geteuid() == 0)


def test_data_folder_is_initialised_once_and_copied_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    initialised = []

    def initialise(target: Path) -> None:
        initialised.append(target)
        (target / "content").write_text("made")

    for name in ("first", "second"):
        place.from_template("some-server-1", initialise, tmp_path / name)
        assert (tmp_path / name / "content").read_text() == "made"
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700
    assert initialised == [tmp_path / "first"]


def test_failed_initialisation_is_no_template_and_says_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def fail(target: Path) -> None:
        place.run_as_server(["sh", "-c", "echo no space; exit 4"], {}, Path("/"))

    for name in ("first", "second"):
        with pytest.raises(ServerError, match=r"sh ended with exit code 4\. It said:\nno space"):
            place.from_template("some-server-2", fail, tmp_path / name)
