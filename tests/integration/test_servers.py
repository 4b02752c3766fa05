"""The servers of the tests are real, answer, keep their data over a restart, and never outlive their parent."""

import httpx
import nats
import psycopg
import pymysql
import pytest
from pymongo import MongoClient

from examples.servers.database import DatabaseServer
from examples.servers.prometheus import PrometheusServer
from watchword.embedded import EmbeddedServer


async def test_nats_server_has_jetstream_and_a_payload_of_one_mebibyte(nats_server: EmbeddedServer) -> None:
    client = await nats.connect(nats_server.url)
    try:
        account = await client.jetstream().account_info()
        assert account.limits.max_streams == -1
        assert client.max_payload == 1_048_576
    finally:
        await client.close()


def test_alertmanager_shows_no_alert(alertmanager: EmbeddedServer) -> None:
    assert httpx.get(f"{alertmanager.url}/api/v2/alerts").json() == []


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
    with pymysql.connect(host=mariadb.host, port=mariadb.port, user=mariadb.user) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT version()")
        assert "MariaDB" in str(cursor.fetchone())


def test_mariadb_with_tls_has_a_certificate_of_its_authority(mariadb_tls: DatabaseServer) -> None:
    with pymysql.connect(
        host="localhost",
        port=mariadb_tls.port,
        user=mariadb_tls.user,
        ssl={"ca": str(mariadb_tls.authority_path), "check_hostname": False},
    ) as connection:
        cursor = connection.cursor()
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
