"""MySQL's protocol as a check sees it: values, bounds, refusals and their remedies, on real MariaDB servers with and
without TLS.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import Cursor

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from services.checker.engines.protocol import Login
from services.checker.errors import (
    LoginRefused,
    NotHere,
    PrivilegeMissing,
    QueryFailed,
    QueryRefused,
    QueryTimeout,
    ResultTooLarge,
    SecretUnavailable,
    Unreachable,
)
from shared.checks import QueryType
from tests.integration.engine_asking import (
    CANARY,
    STRANGERS,
    asking,
    at_most,
    knows_nothing,
    login,
    login_to,
    refused,
    stranger,
    wire,
)

SELECT, SHOW = QueryType.MYSQL_SELECT, QueryType.MYSQL_SHOW

COLUMNS: dict[str, tuple[str, Any]] = {
    "TINYINT": ("-1", -1),
    "BOOL": ("TRUE", 1),
    "SMALLINT UNSIGNED": ("65535", 65535),
    "MEDIUMINT": ("-8388608", -8388608),
    "INT ZEROFILL": ("5", 5),
    "BIGINT": ("-9223372036854775808", -9223372036854775808),
    "BIGINT UNSIGNED": ("18446744073709551615", 18446744073709551615),
    "FLOAT": ("1.5", 1.5),
    "DOUBLE": ("0.1", 0.1),
    "DECIMAL(20,3)": ("12.5", "12.500"),
    "DECIMAL(65,0)": ("1" + "0" * 64, "1" + "0" * 64),
    "CHAR(3)": ("'x'", "x"),
    "VARCHAR(9) CHARACTER SET latin1": ("'ü'", "ü"),
    "TEXT": ("'é ☃ 𝄞'", "é ☃ 𝄞"),
    "ENUM('x','y')": ("'y'", "y"),
    "SET('p','q')": ("'p,q'", "p,q"),
    "JSON": ("'{\"a\": [1]}'", '{"a": [1]}'),
    "YEAR": ("2024", 2024),
    "DATE": ("'2026-11-23'", "2026-11-23"),
    "TIME": ("'-12:00:01'", "-12:00:01"),
    "TIME(3)": ("'838:59:59.999'", "838:59:59.999"),
    "DATETIME": ("'2026-11-23 12:00:00'", "2026-11-23 12:00:00"),
    "DATETIME(6)": ("'2026-11-23 12:00:00.000001'", "2026-11-23 12:00:00.000001"),
    "TIMESTAMP NULL": ("'2026-11-23 12:00:00'", "2026-11-23 12:00:00"),
    "BIT(8)": ("b'11111111'", "\udcff"),
    "BLOB": ("x'ff00c3a9'", "\udcff\x00é"),
    "VARBINARY(4)": ("x'fe'", "\udcfe"),
    "BINARY(3)": ("'a'", "a\x00\x00"),
    "INT": ("NULL", None),
    "INET6": ("'::1'", "::1"),
    "UUID": ("'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
}

EXPRESSIONS: dict[str, Any] = {
    "NULL": None,
    "1": 1,
    "1 = 1": 1,
    "COUNT(*)": 1,
    "SUM(1)": "1",
    "ROUND(12.4)": "12",
    "AVG(2)": "2.0000",
    "1.50": "1.50",
    "1e0": 1.0,
    "'text'": "text",
    "CAST(18446744073709551615 AS UNSIGNED)": 18446744073709551615,
    "CONCAT('a', 1)": "a1",
    "x'ff'": "\udcff",
    "DATE '2026-11-23'": "2026-11-23",
    "@@version_comment IS NOT NULL": 1,
}


@contextlib.contextmanager
def administrator(server: DatabaseServer) -> Iterator[Cursor]:
    with (
        pymysql.connect(unix_socket=str(server.folder / "socket"), user="root", autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


@pytest.fixture
def schema(mariadb: DatabaseServer) -> Iterator[str]:
    name = f"watchword_{os.urandom(4).hex()}"
    with administrator(mariadb) as admin:
        admin.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        yield name
        admin.execute(f"DROP DATABASE {name}")


@contextlib.contextmanager
def made_account(server: DatabaseServer, how: str = "BY %s", password: str = CANARY) -> Iterator[str]:
    """An account of the test's own, with the canary for a password."""
    name = f"watchword_{os.urandom(4).hex()}"
    with administrator(server) as admin:
        admin.execute(f"CREATE USER {name}@'%%' IDENTIFIED {how}", (password,) if "%s" in how else ())
        try:
            yield name
        finally:
            admin.execute(f"DROP USER {name}@'%'")


def account_at(server: DatabaseServer, name: str, **more: Any) -> Login:
    """A login with an account of the test's own, which may use no database yet."""
    return login_to(server, user=name, password=CANARY, database="", **more)


@pytest.fixture
def account(mariadb: DatabaseServer) -> Iterator[str]:
    with made_account(mariadb) as name:
        yield name


async def test_columns_of_every_type_are_those_that_scripts_for_pmm_know(mariadb: DatabaseServer, schema: str) -> None:
    with administrator(mariadb) as admin:
        columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(COLUMNS))
        values = ", ".join(value for value, _ in COLUMNS.values())
        admin.execute("SET NAMES utf8mb4")
        admin.execute(f"CREATE TABLE {schema}.kinds ({columns})")
        admin.execute(f"INSERT INTO {schema}.kinds VALUES ({values})")
    async with asking(login_to(mariadb)) as ask:
        row = await ask.row(SELECT, f"* FROM {schema}.kinds")
    for number, (kind, (_, expected)) in enumerate(COLUMNS.items()):
        value = row[f"c{number}"]
        assert (value, type(value)) == (expected, type(expected)), kind


async def test_expressions_are_those_that_scripts_for_pmm_know(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        for expression, expected in EXPRESSIONS.items():
            value = (await ask.row(SELECT, f"{expression} AS value"))["value"]
            assert (value, type(value)) == (expected, type(expected)), expression


async def test_query_may_begin_with_spaces_and_end_with_a_semicolon(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        assert await ask.rows(SELECT, "  1 AS one ; ") == [{"one": 1}]
        (row,) = await ask.rows(SHOW, " GLOBAL VARIABLES LIKE 'local_infile' ;")
    assert row == {"Variable_name": "local_infile", "Value": row["Value"]}
    assert row["Value"] in {"ON", "OFF"}


async def test_no_row_is_an_empty_list_and_of_two_names_the_last_wins(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        assert await ask.rows(SELECT, "1 AS a FROM mysql.user WHERE FALSE") == []
        assert await ask.rows(SELECT, "1 AS a, 2 AS a") == [{"a": 2}]


async def test_variables_are_those_that_the_server_gives_to_everybody(mariadb: DatabaseServer) -> None:
    with administrator(mariadb) as admin:
        admin.execute("SHOW VARIABLES")
        plain = dict(admin.fetchall())
    async with asking(login_to(mariadb)) as ask:
        shown = {row["Variable_name"]: row["Value"] for row in await ask.rows(SHOW, "VARIABLES")}
        selected = await ask.row(SELECT, "@@max_statement_time AS bound, @@tx_read_only AS is_read_only")
    # What a session is and when it began differ for everybody; TIMESTAMP to the microsecond.
    own = {name for name in plain if shown.get(name) != plain[name]}
    assert own <= {
        "timestamp",
        "pseudo_thread_id",
        "in_transaction",
        "rand_seed1",
        "rand_seed2",
        "last_gtid",
        "pseudo_slave_mode",
        "error_count",
        "warning_count",
        "autocommit",
        "socket",
        "collation_connection",
        "proxy_protocol_networks",
    }
    assert selected == {"bound": 0.0, "is_read_only": 0}


async def test_server_ends_a_statement_that_takes_too_long_and_the_next_one_works(mariadb: DatabaseServer) -> None:
    slow = "COUNT(*) FROM mysql.help_topic a, mysql.help_topic b, mysql.help_topic c, mysql.help_topic d"
    async with asking(login_to(mariadb)) as ask:
        before = await ask.row(SELECT, "CONNECTION_ID() AS id")
        with at_most(2.5), pytest.raises(QueryTimeout, match=r"cancelled after 0\.5 s: .*max_statement_time exceeded"):
            await ask(SELECT, f"{slow} WHERE a.description < d.description", seconds=0.5)
        assert await ask.row(SELECT, "CONNECTION_ID() AS id") == before


async def test_client_cuts_what_the_server_does_not_bound(mariadb: DatabaseServer) -> None:
    slow = (
        "COUNT(*) FROM information_schema.global_variables a, mysql.help_topic b, mysql.help_topic c,"
        " mysql.help_topic d WHERE b.description < d.description"
    )
    async with asking(login_to(mariadb)) as ask:
        before = await ask.row(SELECT, "CONNECTION_ID() AS id")
        with at_most(2.5), pytest.raises(QueryTimeout, match=r"no answer after 0\.\d+ s; the connection was cut"):
            await ask(SELECT, slow, seconds=0.5)
        assert await ask.row(SELECT, "CONNECTION_ID() AS id") != before
    with administrator(mariadb) as admin:
        admin.execute(f"KILL QUERY {before['id']}")


async def test_dead_network_ends_a_query_in_time_and_a_living_one_serves_the_next(mariadb: DatabaseServer) -> None:
    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port)) as ask:
        proxy.stall()
        with at_most(2.5), pytest.raises(QueryTimeout):
            await ask(SELECT, "1", seconds=0.5)
        with at_most(2.0), pytest.raises(Unreachable):
            await ask(SELECT, "1", seconds=0.5)
        proxy.go_on()
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_no_thread_is_left_behind(mariadb: DatabaseServer) -> None:
    earlier = set(threading.enumerate())

    def own() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name.startswith("watchword-mysql") and one not in earlier]

    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port)) as ask:
        assert len(own()) == 1
        proxy.stall()
        with pytest.raises(QueryTimeout):
            await ask(SELECT, "1", seconds=0.3)
        error = await refused(login_to(mariadb, port=proxy.port), connect_seconds=0.3)
        assert isinstance(error, Unreachable)
        for thread in own():
            await asyncio.to_thread(thread.join, 5)
        assert own() == []


async def test_no_thread_is_left_behind_by_a_login_that_failed(mariadb: DatabaseServer) -> None:
    earlier = set(threading.enumerate())
    error = await refused(login_to(mariadb, user="nobody_at_all", password=CANARY))
    for thread in threading.enumerate():
        if thread.name.startswith("watchword-mysql") and thread not in earlier:
            await asyncio.to_thread(thread.join, 5)
            assert not thread.is_alive()
    # Kept until here, since it keeps what failed.
    assert isinstance(error, LoginRefused)


async def test_garbage_in_an_answer_costs_the_connection_and_the_next_query_opens_another(
    mariadb: DatabaseServer,
) -> None:
    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port)) as ask:
        proxy.garbled = (b"1234567", b"nothing")
        with pytest.raises(Unreachable, match="broke: "):
            await ask(SELECT, "1234560 + 7 AS number")
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_cancelled_task_leaves_a_connection_that_works(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        slow = "COUNT(*) FROM mysql.help_topic a, mysql.help_topic b, mysql.help_topic c, mysql.help_topic d"
        task = asyncio.create_task(ask(SELECT, f"{slow} WHERE a.description < d.description"))
        await asyncio.wait({task}, timeout=0.3)
        task.cancel()
        with at_most(2.0), pytest.raises(asyncio.CancelledError):
            await task
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_server_refuses_what_only_looks_like_reading(mariadb: DatabaseServer, schema: str) -> None:
    with administrator(mariadb) as admin:
        admin.execute(f"CREATE TABLE {schema}.written (a INT) ENGINE InnoDB")
        admin.execute(
            f"CREATE FUNCTION {schema}.innocent() RETURNS INT MODIFIES SQL DATA"
            f" BEGIN INSERT INTO {schema}.written VALUES (1); RETURN 1; END"
        )
    async with asking(login_to(mariadb)) as ask:
        with pytest.raises(QueryRefused, match="READ ONLY transaction"):
            await ask(SELECT, f"{schema}.innocent()")
        assert await ask.rows(SELECT, f"COUNT(*) AS n FROM {schema}.written") == [{"n": 0}]


@pytest.mark.parametrize(
    "text",
    [
        "1 INTO OUTFILE '{folder}/written'",
        "LOAD_FILE('/etc/passwd')",
        "SLEEP(5)",
        "BENCHMARK(1000000000, MD5('x'))",
        "1; DROP TABLE mysql.user",
        "1 /*! INTO OUTFILE '{folder}/written' */",
    ],
)
async def test_what_a_read_only_transaction_does_not_stop_is_not_sent(mariadb: DatabaseServer, text: str) -> None:
    async with asking(login_to(mariadb)) as ask:
        with at_most(1), pytest.raises(QueryRefused, match=r"^not sent: "):
            await ask(SELECT, text.format(folder=mariadb.folder))
    assert not (mariadb.folder / "written").exists()


@pytest.mark.parametrize(
    ("mode", "text"), [("ANSI_QUOTES", 'user FROM mysql.user WHERE user = "x"'), ("NO_BACKSLASH_ESCAPES", r"'\_'")]
)
async def test_server_that_reads_quotes_otherwise_gets_nothing_that_depends_on_it(
    mariadb: DatabaseServer, mode: str, text: str
) -> None:
    async with asking(login_to(mariadb)) as ask:
        await ask(SELECT, text)
    with administrator(mariadb) as admin:
        admin.execute("SELECT @@GLOBAL.sql_mode")
        (before,) = admin.fetchone() or ("",)
        admin.execute("SET GLOBAL sql_mode = %s", (f"{before},{mode}",))
        try:
            async with asking(login_to(mariadb)) as ask:
                with pytest.raises(QueryRefused, match=f"with {mode} in its sql_mode"):
                    await ask(SELECT, text)
                assert await ask.rows(SELECT, "'x' AS x") == [{"x": "x"}]
        finally:
            admin.execute("SET GLOBAL sql_mode = %s", (before,))


async def test_millions_of_rows_are_cut_at_the_limit_without_being_held(mariadb: DatabaseServer) -> None:
    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port), rows=1000) as ask:
        with pytest.raises(ResultTooLarge, match="more than 1000 rows"):
            await ask(SELECT, "a.name FROM mysql.help_topic a, mysql.help_topic b, mysql.help_topic c")
        assert proxy.passed_bytes < 40_000_000
        assert len(await ask.rows(SELECT, "a.name FROM mysql.help_topic a, mysql.help_topic b LIMIT 1000")) == 1000


async def test_rows_of_bytes_are_cut_at_the_limit(mariadb: DatabaseServer) -> None:
    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port), bytes=1_000_000) as ask:
        with pytest.raises(ResultTooLarge, match="more than 1000000 bytes"):
            await ask(SELECT, "REPEAT('x', 100000) FROM mysql.help_topic")
        assert proxy.passed_bytes < 20_000_000
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_single_value_that_is_too_large_is_not_read(mariadb: DatabaseServer) -> None:
    async with wire(mariadb) as proxy, asking(login_to(mariadb, port=proxy.port), bytes=1_000_000) as ask:
        with pytest.raises(ResultTooLarge, match="more than 1000000 bytes"):
            await ask(SELECT, "REPEAT('x', 16000000) AS one_value")
        assert proxy.passed_bytes < 5_000_000
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_query_that_the_server_does_not_understand_fails_alone(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        with pytest.raises(QueryFailed, match=r"Table 'mysql\.nothing' doesn't exist \(1146\)"):
            await ask(SELECT, "* FROM mysql.nothing")
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_queries_for_others_are_not_for_here(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        for query_type in (QueryType.POSTGRESQL_SHOW, QueryType.MONGODB_BUILDINFO, QueryType.CLICKHOUSE_SELECT):
            with pytest.raises(NotHere, match=f"^{query_type} can't be asked here"):
                await ask(query_type, "x")


async def test_connection_tells_how_it_was_made(mariadb: DatabaseServer, account: str) -> None:
    async with asking(account_at(mariadb, account)) as ask:
        assert ask.connection.server.flavour == "mariadb"
        assert "MariaDB" in ask.connection.server.version
        assert await ask.row(QueryType.CONNECTION) == {
            "encrypted": False,
            "tls_version": None,
            "cipher": None,
            "authentication": "mysql_native_password",
            "user": f"{account}@%",
            "server_version": ask.connection.server.version,
            "flavour": "mariadb",
            "password_used": True,
        }


async def test_connection_over_tls_tells_so(mariadb_tls: DatabaseServer) -> None:
    async with asking(login_to(mariadb_tls)) as ask:
        row = await ask.row(QueryType.CONNECTION)
    assert (row["encrypted"], row["password_used"]) == (True, False)
    assert row["tls_version"].startswith("TLSv1.")
    assert row["cipher"]


# Logins


async def test_wrong_password_is_refused_without_showing_it(mariadb: DatabaseServer, account: str) -> None:
    error = await refused(login_to(mariadb, user=account, password=f"{CANARY}x"))
    assert isinstance(error, LoginRefused)
    assert f"{mariadb.host}:{mariadb.port} refuses user '{account}': Access denied" in str(error)


async def test_account_that_logs_in_otherwise_is_explained(mariadb: DatabaseServer) -> None:
    with made_account(mariadb, "VIA unix_socket") as name:
        error = await refused(account_at(mariadb, name))
    assert isinstance(error, LoginRefused)
    assert "by the operating system's user, not by a password" in str(error)


async def test_locked_account_is_explained(mariadb: DatabaseServer, account: str) -> None:
    with administrator(mariadb) as admin:
        admin.execute(f"ALTER USER {account}@'%' ACCOUNT LOCK")
    error = await refused(account_at(mariadb, account))
    assert isinstance(error, LoginRefused)
    assert "the account is locked" in str(error)


async def test_expired_password_is_explained(mariadb: DatabaseServer, account: str) -> None:
    with administrator(mariadb) as admin:
        admin.execute(f"ALTER USER {account}@'%' PASSWORD EXPIRE")
    error = await refused(account_at(mariadb, account))
    assert isinstance(error, LoginRefused)
    assert "its password has expired" in str(error)


async def test_account_with_ed25519_logs_in(mariadb: DatabaseServer) -> None:
    with administrator(mariadb) as admin:
        admin.execute("INSTALL SONAME 'auth_ed25519'")
    try:
        with made_account(mariadb, "VIA ed25519 USING PASSWORD(%s)") as name:
            async with asking(account_at(mariadb, name)) as ask:
                assert (await ask.row(QueryType.CONNECTION))["authentication"] == "client_ed25519"
    finally:
        with administrator(mariadb) as admin:
            admin.execute("UNINSTALL SONAME 'auth_ed25519'")


async def test_password_is_not_sent_in_clear_to_whoever_asks_for_it() -> None:
    """Answers as a server would that wants the password in clear, over a connection without TLS."""
    seen = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = b"".join(
            [
                b"\x0a10.11.0-MariaDB\x00",
                b"\x01\x00\x00\x00",
                b"abcdefgh\x00",
                b"\xfe\xf7\x21\x02\x00\x0f\x80\x15",
                bytes(10),
                b"abcdefghijkl\x00",
                b"mysql_native_password\x00",
            ]
        )
        writer.write(len(greeting).to_bytes(3, "little") + b"\x00" + greeting)
        seen.extend(await reader.read(4096))
        switch = b"\xfemysql_clear_password\x00"
        writer.write(len(switch).to_bytes(3, "little") + b"\x02" + switch)
        with contextlib.suppress(OSError):
            while more := await reader.read(4096):
                seen.extend(more)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        error = await refused(login("mysql", host="127.0.0.1", port=port, user="a", password=CANARY), connect_seconds=2)
    assert isinstance(error, LoginRefused)
    assert "asks for the password in clear (mysql_clear_password)" in str(error)
    assert b"mysql_native_password" in seen
    assert CANARY.encode() not in seen


async def test_missing_database_is_named(mariadb: DatabaseServer) -> None:
    error = await refused(login_to(mariadb, database="nowhere"))
    assert isinstance(error, LoginRefused)
    assert "the target's database: Unknown database 'nowhere'" in str(error)


async def test_server_without_a_free_connection_is_named(mariadb: DatabaseServer, account: str) -> None:
    with administrator(mariadb) as admin:
        admin.execute(f"ALTER USER {account}@'%' WITH MAX_USER_CONNECTIONS 1")
    wanted = account_at(mariadb, account)
    async with asking(wanted):
        error = await refused(wanted)
    assert isinstance(error, Unreachable)
    assert f"has no free connection for user '{account}'" in str(error)


async def test_closed_port_and_unknown_host_are_named() -> None:
    closed = await refused(login("mysql", host="127.0.0.1", port=1, password=CANARY))
    assert isinstance(closed, Unreachable)
    assert str(closed) == "127.0.0.1:1 can't be reached: Connection refused"
    unknown = await refused(login("mysql", host="nowhere.invalid", password=CANARY))
    assert isinstance(unknown, Unreachable)
    assert "nowhere.invalid:3306 can't be reached" in str(unknown)


async def test_socket_of_the_server_serves_too(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb, options={"unix_socket": str(mariadb.folder / "socket")})) as ask:
        assert await ask.rows(SELECT, "CURRENT_USER() AS who") == [{"who": "root@localhost"}]


@pytest.mark.parametrize("speaks", STRANGERS.values(), ids=STRANGERS)
async def test_stranger_on_the_port_is_unreachable_in_time(speaks: Any) -> None:
    async with stranger(speaks) as port:
        with at_most(4):
            error = await refused(
                login("mysql", host="127.0.0.1", port=port, user="a", password=CANARY), connect_seconds=1.5
            )
    assert isinstance(error, Unreachable)


async def test_session_that_was_ended_is_unreachable_and_the_next_query_opens_another(mariadb: DatabaseServer) -> None:
    async with asking(login_to(mariadb)) as ask:
        session = (await ask.row(SELECT, "CONNECTION_ID() AS id"))["id"]
        with administrator(mariadb) as admin:
            admin.execute(f"KILL CONNECTION {session}")
            with pytest.raises(Unreachable, match="broke: "):
                await ask(SELECT, "1 AS one")
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


# Privileges


@pytest.mark.parametrize(
    ("query_type", "text", "grant"),
    [
        (SELECT, "* FROM mysql.user", "SELECT ON mysql.user"),
        (SELECT, "Host FROM mysql.`db`", "SELECT ON mysql.db"),
        (SELECT, "* FROM {schema}.`odd name`", "SELECT ON {schema}.`odd name`"),
        (SELECT, "* FROM information_schema.INNODB_METRICS", "PROCESS ON *.*"),
        (SHOW, "ENGINE INNODB STATUS", "PROCESS ON *.*"),
        (SHOW, "SLAVE STATUS", "SLAVE MONITOR ON *.*"),
        (SHOW, "BINARY LOGS", "BINLOG MONITOR ON *.*"),
        (SHOW, "GRANTS FOR root@localhost", "SELECT ON mysql.*"),
        (SELECT, "{schema}.one()", "EXECUTE ON FUNCTION {schema}.one"),
    ],
)
async def test_missing_privilege_comes_with_the_grant_that_helps(
    mariadb: DatabaseServer, schema: str, account: str, query_type: QueryType, text: str, grant: str
) -> None:
    with administrator(mariadb) as admin:
        admin.execute(f"CREATE TABLE {schema}.`odd name` (a INT)")
        admin.execute(f"CREATE FUNCTION {schema}.one() RETURNS INT DETERMINISTIC RETURN 1")
        wanted = account_at(mariadb, account)
        async with asking(wanted) as ask:
            with pytest.raises(PrivilegeMissing) as missing:
                await ask(query_type, text.format(schema=schema))
        knows_nothing(missing.value, CANARY)
        statement = f"GRANT {grant.format(schema=schema)} TO '{account}'@'%'"
        assert str(missing.value).endswith(f"; an administrator can allow it: {statement}")
        admin.execute(statement)
        async with asking(wanted) as ask:
            if text == "BINARY LOGS":
                with pytest.raises(QueryFailed, match="You are not using binary logging"):
                    await ask(query_type, text)
            else:
                await ask(query_type, text.format(schema=schema))


# TLS


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_tls_of_every_mode_is_really_encrypted(mariadb_tls: DatabaseServer, mode: str) -> None:
    assert mariadb_tls.authority_path is not None
    files = {"ca_file": mariadb_tls.authority_path}
    async with asking(login_to(mariadb_tls, tls=mode, files=files)) as ask:
        assert ask.connection.server.is_encrypted
        (row,) = await ask.rows(SHOW, "STATUS LIKE 'Ssl_version'")
        assert str(row["Value"]).startswith("TLSv1.")


async def test_no_tls_is_no_tls(mariadb_tls: DatabaseServer) -> None:
    async with asking(login_to(mariadb_tls, tls="disable")) as ask:
        assert not ask.connection.server.is_encrypted
        assert await ask.rows(SHOW, "STATUS LIKE 'Ssl_version'") == [{"Variable_name": "Ssl_version", "Value": ""}]


@pytest.mark.parametrize(
    ("mode", "host", "has_file", "works"),
    [
        ("require", "127.0.0.2", False, True),
        ("verify-ca", "127.0.0.1", False, False),
        ("verify-full", "127.0.0.1", False, False),
        ("verify-ca", "127.0.0.2", True, True),
        ("verify-full", "127.0.0.2", True, False),
    ],
)
async def test_certificate_is_verified_when_asked_for(
    mariadb_tls: DatabaseServer, mode: str, host: str, *, works: bool, has_file: bool
) -> None:
    assert mariadb_tls.authority_path is not None
    files = {"ca_file": mariadb_tls.authority_path} if has_file else None
    async with wire(mariadb_tls, host) as proxy:
        wanted = login_to(mariadb_tls, tls=mode, host=host, port=proxy.port, files=files)
        if works:
            async with asking(wanted) as ask:
                assert ask.connection.server.is_encrypted
        else:
            error = await refused(wanted)
            assert isinstance(error, Unreachable)
            assert f"(tls.mode is {mode})" in str(error)


async def test_require_with_an_authority_verifies_as_libpq_does(mariadb_tls: DatabaseServer, tmp_path: Path) -> None:
    other = write_certificates(tmp_path)
    error = await refused(login_to(mariadb_tls, tls="require", files={"ca_file": other.authority_path}))
    assert isinstance(error, Unreachable)
    assert "certificate verify failed" in str(error)


async def test_nothing_secret_is_sent_to_a_server_without_the_tls_that_is_required(
    mariadb: DatabaseServer, account: str
) -> None:
    error = await refused(account_at(mariadb, account, tls="require"))
    assert isinstance(error, Unreachable)
    assert "SSL is required but the server doesn't support it" in str(error)
    async with asking(account_at(mariadb, account, tls="prefer")) as ask:
        assert not ask.connection.server.is_encrypted


async def test_client_certificate_is_shown_to_the_server(mariadb_tls: DatabaseServer) -> None:
    folder = mariadb_tls.folder / "certificates"
    files = {"ca_file": folder / "authority.pem"}
    shown = {**files, "cert_file": folder / "client.pem", "key_file": folder / "client.key"}
    with made_account(mariadb_tls) as name:
        with administrator(mariadb_tls) as admin:
            admin.execute(f"ALTER USER {name}@'%' REQUIRE SUBJECT '/CN=watchword'")
            assert isinstance(
                await refused(account_at(mariadb_tls, name, tls="verify-full", files=files)), LoginRefused
            )
        async with asking(account_at(mariadb_tls, name, tls="verify-full", files=shown)) as ask:
            assert ask.connection.server.is_encrypted


async def test_files_that_do_not_belong_together_are_named(mariadb_tls: DatabaseServer, tmp_path: Path) -> None:
    other = write_certificates(tmp_path)
    folder = mariadb_tls.folder / "certificates"
    files = {"cert_file": folder / "client.pem", "key_file": other.client_key_path}
    error = await refused(login_to(mariadb_tls, tls="require", files=files))
    assert isinstance(error, SecretUnavailable)
    assert "tls.cert_file and tls.key_file" in str(error)
