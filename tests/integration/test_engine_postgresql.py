"""PostgreSQL as a check sees it: values, bounds, refusals and their remedies, on real servers with and without TLS."""

import asyncio
import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from psycopg import sql

from examples.servers.certificates import write_certificates
from examples.servers.database import DatabaseServer
from services.checker.engines.postgresql_certificate import certificate_expires
from services.checker.errors import (
    LoginRefused,
    NotHere,
    PrivilegeMissing,
    QueryFailed,
    QueryRefused,
    QueryTimeout,
    ResultTooLarge,
    SecretUnavailable,
    SomeDatabasesFailed,
    Unreachable,
)
from services.checker.read_only_functions import POSTGRESQL, names
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

SELECT = QueryType.POSTGRESQL_SELECT

VALUES: dict[str, Any] = {
    "NULL": None,
    "true": True,
    "false": False,
    "1::int2": 1,
    "(-2147483648)::int4": -2147483648,
    "9223372036854775807::int8": 9223372036854775807,
    "1.5::float4": 1.5,
    "0.1::float8": 0.1,
    "'Infinity'::float8": math.inf,
    "round(97.4)": "97",
    "12.50::numeric": "12.50",
    "'NaN'::numeric": "NaN",
    "'text'::text": "text",
    "'x'::varchar": "x",
    "'x'::char(3)": "x  ",
    "'r'::\"char\"": "r",
    "'pg_class'::name": "pg_class",
    "'pg_class'::regclass": "pg_class",
    "4294967295::oid": "4294967295",
    "'7'::xid": "7",
    "'{\"a\": [1]}'::json": '{"a": [1]}',
    "'{\"a\":1}'::jsonb": '{"a": 1}',
    "ARRAY[1,2]": "{1,2}",
    "ARRAY['a b', NULL]": '{"a b",NULL}',
    "interval '1 day 2 hours'": "1 day 02:00:00",
    "'127.0.0.1'::inet": "127.0.0.1",
    "'00000000-0000-0000-0000-000000000001'::uuid": "00000000-0000-0000-0000-000000000001",
    "time '12:34:56'": "12:34:56",
    "row(1, 'a')": "(1,a)",
    "int4range(1, 3)": "[1,3)",
    "B'101'": "101",
    "1::money": "$1.00",
    "date '1970-01-02'": 86_400_000_000_000,
    "date '1969-12-31'": -86_400_000_000_000,
    "timestamp '2026-11-23 12:00:00.000001'": 1_795_435_200_000_001_000,
    "timestamptz '2026-11-23 12:00:00+02'": 1_795_428_000_000_000_000,
    "timestamptz '2026-11-23 12:00:00 America/St_Johns'": 1_795_447_800_000_000_000,
    "timestamptz '9999-12-31 23:59:59+00'": 253_402_300_799_000_000_000,
    "date '0044-03-15 BC'": -63_517_824_000_000_000_000,
    "timestamptz '1800-01-01 00:00:00+00'": -5_364_662_400_000_000_000,
    "timestamptz 'infinity'": "infinity",
    "date '-infinity'": "-infinity",
    "'abc'::bytea": "abc",
    "'\\xc3a9'::bytea": "é",
    "'\\xff00fe'::bytea": "\udcff\x00\udcfe",
    "''::bytea": "",
    "'é ☃ 𝄞'": "é ☃ 𝄞",
}

HARMLESS = names(
    """
    amvalidate array_sample array_shuffle bernoulli brinhandler bthandler clock_timestamp current_query currtid2 currval
    dsnowball_init dsnowball_lexize gen_random_uuid ginhandler gisthandler hashhandler heap_tableam_handler lastval
    pg_available_wal_summaries pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init
    pg_control_recovery pg_control_system pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn
    pg_current_wal_lsn pg_database_collation_actual_version pg_database_size pg_get_aios pg_get_backend_memory_contexts
    pg_get_loaded_modules pg_get_multixact_members pg_get_sequence_data pg_get_shmem_allocations
    pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers
    pg_get_wal_summarizer_state pg_hba_file_rules pg_ident_file_mappings pg_indexes_size pg_is_in_recovery
    pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_lock_status pg_ls_archive_statusdir pg_ls_logdir pg_ls_logicalmapdir
    pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir pg_notification_queue_usage
    pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size pg_replication_origin_progress
    pg_replication_origin_session_is_setup pg_replication_origin_session_progress pg_safe_snapshot_blocking_pids
    pg_sequence_last_value pg_show_all_file_settings pg_show_replication_origin_status pg_stat_get_backend_io
    pg_stat_get_backend_wal pg_stat_get_io pg_stat_get_recovery_prefetch pg_stat_get_xact_blocks_fetched
    pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time
    pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted
    pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted
    pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated
    pg_stat_have_stats pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_summary_contents
    pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random random_normal spghandler system
    timeofday txid_status uuidv4 uuidv7 plpgsql_call_handler plpgsql_inline_handler plpgsql_validator
    """
)
"""Volatile functions of the server that only read, looked at one by one. A later version's new ones are not here."""


@pytest.fixture
def role(postgresql: DatabaseServer) -> Iterator[str]:
    with made_role(postgresql) as name:
        yield name


@contextlib.contextmanager
def made_role(server: DatabaseServer, password: str = CANARY) -> Iterator[str]:
    """A role of the test's own, with the canary for a password."""
    name = f"watchword_{os.urandom(4).hex()}"
    with administrator(server) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))
        try:
            yield name
        finally:
            admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@contextlib.contextmanager
def administrator(server: DatabaseServer, database: str = "postgres") -> Iterator[psycopg.Connection]:
    # Through the socket in the server's folder, where every server of the tests trusts whoever can enter it.
    with psycopg.connect(
        host=str(server.folder), port=server.port, user=server.user, dbname=database, autocommit=True
    ) as connection:
        yield connection


@pytest.fixture
def databases(postgresql: DatabaseServer) -> Iterator[list[str]]:
    made = [f"w{number}_{os.urandom(4).hex()}" for number in range(3)]
    with administrator(postgresql) as admin:
        for name in made:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield made
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("server", ["postgresql", "postgresql_tls"])
async def test_values_are_those_that_scripts_for_pmm_know(server: str, request: pytest.FixtureRequest) -> None:
    async with asking(login_to(request.getfixturevalue(server))) as ask:
        for expression, expected in VALUES.items():
            value = (await ask.row(SELECT, f"{expression} AS value"))["value"]
            assert (value, type(value)) == (expected, type(expected)), expression


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu", "Africa/Monrovia"])
async def test_times_are_those_of_the_servers_own_arithmetic(postgresql: DatabaseServer, zone: str) -> None:
    text = (
        "d AS moment, d::date AS day, (extract(epoch FROM d) * 1000000000)::numeric(40) AS nanoseconds,"
        " extract(epoch FROM d::date)::numeric(40) AS seconds"
        " FROM generate_series(timestamptz '4713-01-01 BC', timestamptz '60000-01-01', '17 years 3 days 07:03:09.5') d"
    )
    async with asking(login_to(postgresql, options={"options": f"-c TimeZone={zone}"})) as ask:
        rows = await ask.rows(SELECT, text)
    assert len(rows) > 3000
    for row in rows:
        assert row["moment"] == int(str(row["nanoseconds"]))
        assert row["day"] == int(str(row["seconds"])) * 1_000_000_000


async def test_nan_is_a_float(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        assert math.isnan((await ask.row(SELECT, "'NaN'::float8 AS value"))["value"])


async def test_bytes_are_the_same_in_the_old_output_format(postgresql: DatabaseServer, databases: list[str]) -> None:
    with administrator(postgresql) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} SET bytea_output = escape").format(sql.Identifier(databases[0])))
    async with asking(login_to(postgresql, database=databases[0])) as ask:
        assert (await ask.row(SELECT, r"'\xff005cc3a9'::bytea AS value"))["value"] == "\udcff\x00\\é"


async def test_no_row_is_an_empty_list_and_of_two_names_the_last_wins(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        assert await ask.rows(SELECT, "1 AS a WHERE false") == []
        assert await ask.rows(SELECT, "1 AS a, 2 AS a") == [{"a": 2}]


async def test_text_and_names_that_are_not_utf_8_are_kept(postgresql: DatabaseServer) -> None:
    name = f"ascii_{os.urandom(4).hex()}"
    with administrator(postgresql) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        try:
            with psycopg.connect(
                host=str(postgresql.folder), port=postgresql.port, user="postgres", dbname=name, autocommit=True
            ) as raw:
                raw.execute(b"CREATE VIEW strange AS SELECT '\xff\xe9'::text AS \"\xe9\"")
            async with asking(login_to(postgresql, database=name)) as ask:
                assert await ask.rows(SELECT, "* FROM strange") == [{"\udce9": "\udcff\udce9"}]
                with pytest.raises(QueryFailed, match="does not exist"):
                    await ask(SELECT, "nothing FROM strange")
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_show_tells_every_setting_as_the_server_gives_it_to_everybody(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        shown = {row["name"]: row["setting"] for row in await ask.rows(QueryType.POSTGRESQL_SHOW)}
        rows = await ask.rows(QueryType.POSTGRESQL_SHOW)
        selected = await ask.rows(SELECT, "name, setting FROM pg_settings WHERE name LIKE '%\\_timeout'")
    assert set(rows[0]) == {"name", "setting", "description"}
    ours = {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "default_transaction_read_only": "off",
        "DateStyle": "ISO, MDY",
    }
    assert {name: shown[name] for name in ours} == ours
    assert {row["name"]: row["setting"] for row in selected}["statement_timeout"] == "0"


async def test_server_ends_a_statement_that_takes_too_long_and_the_next_one_works(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        pid = (await ask.row(SELECT, "pg_backend_pid() AS pid"))["pid"]
        with at_most(2.5), pytest.raises(QueryTimeout, match=r"cancelled after .* statement timeout"):
            await ask(SELECT, "count(*) FROM generate_series(1, 10000000000)", seconds=0.5)
        assert (await ask.row(SELECT, "pg_backend_pid() AS pid"))["pid"] == pid


async def test_client_ends_what_the_server_does_not_bound(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        with at_most(2.5), pytest.raises(QueryTimeout, match=r"no answer after 0\.\d+ s; the statement was cancelled"):
            await ask(SELECT, "count(*) FROM pg_settings, generate_series(1, 10000000000)", seconds=0.5)
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]
        running = "count(*) AS n FROM pg_stat_activity WHERE query LIKE '%10000000000%' AND pid <> pg_backend_pid()"
        assert await ask.rows(SELECT, f"{running} AND state = 'active'") == [{"n": 0}]


async def test_statement_does_not_wait_long_for_a_lock(postgresql: DatabaseServer, databases: list[str]) -> None:
    with administrator(postgresql, databases[0]) as admin:
        admin.execute("CREATE TABLE held (a int)")
        async with asking(login_to(postgresql, database=databases[0])) as ask:
            with admin.transaction():
                admin.execute("LOCK TABLE held")
                with at_most(4.5), pytest.raises(QueryTimeout, match="another session holds a lock"):
                    await ask(SELECT, "* FROM held", seconds=60)
            assert await ask.rows(SELECT, "* FROM held") == []


async def test_dead_network_ends_a_query_in_time_and_a_living_one_serves_the_next(postgresql: DatabaseServer) -> None:
    async with wire(postgresql) as proxy, asking(login_to(postgresql, port=proxy.port)) as ask:
        proxy.stall()
        with at_most(2.5), pytest.raises(QueryTimeout):
            await ask(SELECT, "1", seconds=0.5)
        with at_most(2.0), pytest.raises(Unreachable):
            await ask(SELECT, "1", seconds=0.5)
        proxy.go_on()
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_value_that_is_not_of_its_type_fails_its_query_alone(postgresql: DatabaseServer) -> None:
    async with wire(postgresql) as proxy, asking(login_to(postgresql, port=proxy.port)) as ask:
        proxy.garbled = (b"1234567", b"nothing")
        with pytest.raises(QueryFailed, match="not of its column's type"):
            await ask(SELECT, "1234560 + 7 AS number")
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_cancelled_task_leaves_a_connection_that_works(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        task = asyncio.create_task(ask(SELECT, "count(*) FROM generate_series(1, 10000000000)"))
        await asyncio.wait({task}, timeout=0.3)
        task.cancel()
        with at_most(2.0), pytest.raises(asyncio.CancelledError):
            await task
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_server_refuses_what_only_looks_like_reading(postgresql: DatabaseServer, databases: list[str]) -> None:
    with administrator(postgresql, databases[0]) as admin:
        admin.execute("CREATE TABLE written (a int)")
        admin.execute(
            "CREATE FUNCTION innocent() RETURNS int LANGUAGE sql AS 'INSERT INTO written VALUES (1) RETURNING a'"
        )
        async with asking(login_to(postgresql, database=databases[0])) as ask:
            with pytest.raises(QueryRefused, match=r"read-only transaction"):
                await ask(SELECT, "innocent()")
            assert await ask.rows(SELECT, "count(*) AS n FROM written") == [{"n": 0}]


async def test_what_a_read_only_transaction_does_not_stop_is_not_sent(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        with administrator(postgresql) as admin:
            victim = admin.info.backend_pid
            with pytest.raises(QueryRefused, match=r"pg_terminate_backend\(\)"):
                await ask(SELECT, f"pg_terminate_backend({victim})")
            admin.execute("SELECT 1")
        with pytest.raises(QueryRefused, match=r"lo_export\(\)"):
            await ask(SELECT, "lo_export(1, '/tmp/x')")
        with pytest.raises(QueryRefused, match=r"query contains ';'"):
            await ask(SELECT, "1; DROP TABLE x")


@pytest.mark.parametrize("server", ["postgresql", "postgresql_tls"])
def test_every_volatile_function_of_the_server_is_known_as_refused_or_harmless(
    server: str, request: pytest.FixtureRequest
) -> None:
    with administrator(request.getfixturevalue(server)) as admin:
        volatile = admin.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace"
            " AND prokind = 'f' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)"
        ).fetchall()
    found = {str(name) for (name,) in volatile}
    assert len(found) > 150
    assert {name for name in found if not POSTGRESQL.has("", name)} - HARMLESS == set()


def test_every_function_of_extensions_that_act_is_refused(postgresql: DatabaseServer, databases: list[str]) -> None:
    acting = names("dblink dblink_exec dblink_connect lo_manage pg_prewarm heap_force_kill crosstab connectby")
    with administrator(postgresql, databases[0]) as admin:
        for extension in ("dblink", "lo", "pg_prewarm", "pg_surgery", "tablefunc"):
            admin.execute(f"CREATE EXTENSION {extension}")
        present = {str(name) for (name,) in admin.execute("SELECT proname FROM pg_proc").fetchall()}
    assert acting <= present
    assert {name for name in acting if not POSTGRESQL.has("", name)} == set()


async def test_ten_million_rows_are_cut_at_the_limit_without_being_held(postgresql: DatabaseServer) -> None:
    async with wire(postgresql) as proxy, asking(login_to(postgresql, port=proxy.port), rows=1000) as ask:
        with pytest.raises(ResultTooLarge, match="more than 1000 rows"):
            await ask(SELECT, "generate_series(1, 10000000) AS n, repeat('x', 100) AS filler")
        assert proxy.passed_bytes < 40_000_000
        assert len(await ask.rows(SELECT, "g FROM generate_series(1, 1000) g")) == 1000


async def test_too_many_rows_are_cut_although_the_server_can_not_be_asked_to_cancel(postgresql: DatabaseServer) -> None:
    async with wire(postgresql) as proxy, asking(login_to(postgresql, port=proxy.port), rows=1000) as ask:
        proxy.lets_in = False  # which is how a cancellation comes: as another connection
        with pytest.raises(ResultTooLarge, match="more than 1000 rows"):
            await ask(SELECT, "generate_series(1, 10000000) AS n, repeat('x', 100) AS filler")
        assert proxy.passed_bytes < 40_000_000
        proxy.lets_in = True
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_rows_of_bytes_are_cut_at_the_limit(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql), bytes=1_000_000) as ask:
        with pytest.raises(ResultTooLarge, match="more than 1000000 bytes"):
            await ask(SELECT, "repeat('x', 100000) FROM generate_series(1, 1000)")
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_single_value_without_end_is_cut_while_it_comes_in(postgresql: DatabaseServer) -> None:
    async with wire(postgresql) as proxy, asking(login_to(postgresql, port=proxy.port), bytes=1_000_000) as ask:
        with at_most(10), pytest.raises(ResultTooLarge, match="more than 1000000 bytes"):
            await ask(SELECT, "repeat('x', 100000000) AS one_value")
        assert proxy.passed_bytes < 40_000_000
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


async def test_server_that_reads_backslashes_otherwise_gets_none(
    postgresql: DatabaseServer, databases: list[str]
) -> None:
    with administrator(postgresql) as admin:
        admin.execute(f"ALTER DATABASE {databases[0]} SET standard_conforming_strings = off")
    async with asking(login_to(postgresql, database=databases[0])) as ask:
        with pytest.raises(QueryRefused, match="with standard_conforming_strings off, as here"):
            await ask(SELECT, r"'\' AS x")
        assert await ask.rows(SELECT, "'x' AS x") == [{"x": "x"}]


@pytest.mark.parametrize("true", ["1", "t", "T", "TRUE", "true", "True"])
async def test_all_databases_are_asked(postgresql: DatabaseServer, databases: list[str], true: str) -> None:
    async with asking(login_to(postgresql)) as ask:
        document = await ask(SELECT, "current_database() AS name", all_dbs=true)
    assert isinstance(document, dict)
    assert {"postgres", *databases} <= set(document)
    assert "template1" not in document
    assert all(rows == [{"name": database}] for database, rows in document.items())


@pytest.mark.parametrize("false", ["0", "f", "F", "FALSE", "false", "False"])
async def test_one_database_is_asked_otherwise(postgresql: DatabaseServer, false: str) -> None:
    async with asking(login_to(postgresql)) as ask:
        assert await ask(SELECT, "1 AS one", all_dbs=false) == [{"one": 1}]


async def test_all_dbs_that_is_no_boolean_is_refused(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        with pytest.raises(QueryRefused, match="all_dbs is 'yes', neither true nor false"):
            await ask(SELECT, "1", all_dbs="yes")


async def test_database_that_fails_hides_no_other_and_is_named(
    postgresql: DatabaseServer, databases: list[str]
) -> None:
    for name in databases[:2]:
        with administrator(postgresql, name) as admin:
            admin.execute("CREATE TABLE only_here AS SELECT 1 AS n")
    async with asking(login_to(postgresql)) as ask:
        with pytest.raises(SomeDatabasesFailed) as failed:
            await ask(SELECT, "n FROM only_here", all_dbs="true")
    assert {name: failed.value.documents.get(name) for name in databases} == {
        databases[0]: [{"n": 1}],
        databases[1]: [{"n": 1}],
        databases[2]: None,
    }
    assert isinstance(failed.value.failures[databases[2]], QueryFailed)
    assert f'{databases[2]}: relation "only_here" does not exist (42P01)' in str(failed.value)


async def test_failure_in_every_database_is_that_failure(postgresql: DatabaseServer, role: str) -> None:
    async with asking(login_to(postgresql, user=role, password=CANARY)) as ask:
        with pytest.raises(PrivilegeMissing, match=r"in every one of \d+ databases; in \w+: permission denied"):
            await ask(SELECT, "* FROM pg_authid", all_dbs="true")


async def test_databases_are_asked_side_by_side_with_few_connections(
    postgresql: DatabaseServer, databases: list[str]
) -> None:
    for name in ["postgres", *databases]:
        with administrator(postgresql, name) as admin:
            admin.execute(
                "CREATE OR REPLACE FUNCTION watchword_nap() RETURNS bigint LANGUAGE sql AS $$ SELECT pg_sleep(0.6);"
                " SELECT count(*) FROM pg_stat_activity WHERE application_name = 'watchword' $$"
            )
    try:
        async with asking(login_to(postgresql)) as ask:
            answer = await ask(SELECT, "watchword_nap() AS connections", all_dbs="true")
    except SomeDatabasesFailed as others:
        answer = others.documents
    finally:
        with administrator(postgresql) as admin:
            admin.execute("DROP FUNCTION watchword_nap()")
    assert isinstance(answer, dict)
    assert 2 <= max(int(str(answer[name][0]["connections"])) for name in databases) <= 4


async def test_connection_tells_how_it_was_made(postgresql: DatabaseServer, role: str) -> None:
    async with asking(login_to(postgresql, user=role, password=CANARY)) as ask:
        assert await ask.row(QueryType.CONNECTION) == {
            "encrypted": False,
            "tls_version": None,
            "cipher": None,
            "certificate_expires": None,
            "authentication": "trust",
            "user": role,
            "server_version": ask.connection.server.version,
            "flavour": "postgresql",
            "password_used": False,
        }
        assert ask.connection.server.version.startswith("18.")
        assert not ask.connection.server.is_encrypted


async def test_connection_by_password_over_tls_tells_so(postgresql_tls: DatabaseServer) -> None:
    async with asking(login_to(postgresql_tls)) as ask:
        row = await ask.row(QueryType.CONNECTION)
        assert ask.connection.server.is_encrypted
    assert row["encrypted"] is True
    assert row["tls_version"].startswith("TLSv1.")
    assert row["cipher"]
    assert postgresql_tls.authority_path is not None
    file = (postgresql_tls.authority_path.parent / "server.pem").read_bytes()
    ends_at = x509.load_pem_x509_certificate(file).not_valid_after_utc
    assert row["certificate_expires"] == int(ends_at.timestamp()) * 1_000_000_000
    assert (row["authentication"], row["password_used"], row["user"]) == ("password", True, "postgres")


@pytest.mark.parametrize(
    "speaks",
    [
        lambda writer: None,
        lambda writer: writer.write(b"N"),
        lambda writer: writer.write(b"Snow"),
        lambda writer: writer.close(),
    ],
    ids=["nothing", "without_tls", "not_tls", "hangs_up"],
)
async def test_certificate_that_can_not_be_seen_is_said_so(speaks: Any) -> None:
    async with stranger(speaks) as port:
        with pytest.raises(Unreachable, match=f"the certificate of db.example:{port} can't be seen"):
            await certificate_expires(("127.0.0.1", port), "db.example", 0.3)


async def test_queries_for_others_are_not_for_here(postgresql: DatabaseServer) -> None:
    async with asking(login_to(postgresql)) as ask:
        for query_type in (QueryType.MYSQL_SHOW, QueryType.MONGODB_BUILDINFO, QueryType.METRICS_INSTANT):
            with pytest.raises(NotHere, match=f"^{query_type} can't be asked here"):
                await ask(query_type, "x")


# Logins


async def test_wrong_password_is_refused_without_showing_it(postgresql_tls: DatabaseServer) -> None:
    error = await refused(login_to(postgresql_tls, user="postgres", password=CANARY))
    assert isinstance(error, LoginRefused)
    assert (
        f"{postgresql_tls.host}:{postgresql_tls.port} refuses user 'postgres': FATAL: password authentication failed"
        in str(error)
    )


async def test_missing_password_is_asked_for(postgresql_tls: DatabaseServer) -> None:
    error = await refused(login_to(postgresql_tls, user="postgres", password=None))
    assert isinstance(error, LoginRefused)
    assert "wants a password of user 'postgres', and the target has none" in str(error)


async def test_unknown_role_is_refused(postgresql: DatabaseServer) -> None:
    error = await refused(login_to(postgresql, user="nobody_at_all", password=CANARY))
    assert isinstance(error, LoginRefused)
    assert 'role "nobody_at_all" does not exist' in str(error)


async def test_access_rules_that_keep_out_are_named(postgresql_tls: DatabaseServer) -> None:
    error = await refused(login_to(postgresql_tls, user="postgres", password=CANARY, tls="disable"))
    assert isinstance(error, LoginRefused)
    assert "its pg_hba.conf has to let this checker in" in str(error)


async def test_missing_database_is_named(postgresql: DatabaseServer) -> None:
    error = await refused(login_to(postgresql, database="nowhere"))
    assert isinstance(error, Unreachable)
    assert 'database "nowhere" does not exist; set the target\'s database' in str(error)


async def test_server_without_a_free_connection_is_named(postgresql: DatabaseServer, role: str) -> None:
    with administrator(postgresql) as admin:
        admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 0").format(sql.Identifier(role)))
    error = await refused(login_to(postgresql, user=role, password=CANARY))
    assert isinstance(error, Unreachable)
    assert f"has no free connection for user '{role}'" in str(error)


async def test_closed_port_and_unknown_host_are_named() -> None:
    closed = await refused(login("postgresql", host="127.0.0.1", port=1, password=CANARY))
    assert isinstance(closed, Unreachable)
    assert "127.0.0.1:1 can't be reached: Connection refused" in str(closed)
    unknown = await refused(login("postgresql", host="nowhere.invalid", password=CANARY))
    assert isinstance(unknown, Unreachable)
    assert "nowhere.invalid" in str(unknown)
    socket = await refused(login("postgresql", host="/nowhere", password=CANARY))
    assert isinstance(socket, Unreachable)
    assert "No such file or directory" in str(socket)


@pytest.mark.parametrize("speaks", STRANGERS.values(), ids=STRANGERS)
async def test_stranger_on_the_port_is_unreachable_in_time(speaks: Any) -> None:
    async with stranger(speaks) as port:
        with at_most(4):
            error = await refused(
                login("postgresql", host="127.0.0.1", port=port, user="a", password=CANARY), connect_seconds=1.5
            )
    assert isinstance(error, Unreachable)


async def test_nothing_of_the_checkers_surroundings_is_sent(
    postgresql_tls: DatabaseServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSWORD", str(postgresql_tls.password))
    error = await refused(login_to(postgresql_tls, user="postgres", password=None))
    assert isinstance(error, LoginRefused)
    monkeypatch.delenv("PGPASSWORD")
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"*:*:*:*:{postgresql_tls.password}\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert isinstance(await refused(login_to(postgresql_tls, user="postgres", password=None)), LoginRefused)


async def test_session_that_was_ended_is_unreachable_and_the_next_query_opens_another(
    postgresql: DatabaseServer,
) -> None:
    async with asking(login_to(postgresql)) as ask:
        pid = (await ask.row(SELECT, "pg_backend_pid() AS pid"))["pid"]
        running = asyncio.create_task(ask(SELECT, "count(*) FROM generate_series(1, 10000000000)"))
        with administrator(postgresql) as admin:
            while not running.done():
                admin.execute("SELECT pg_terminate_backend(%s)", [pid])
                await asyncio.wait({running}, timeout=0.05)
        with pytest.raises(Unreachable, match="broke: terminating connection due to administrator command"):
            await running
        assert await ask.rows(SELECT, "1 AS one") == [{"one": 1}]


# Privileges


@pytest.mark.parametrize(
    ("text", "grant"),
    [
        ("* FROM pg_authid", "GRANT SELECT ON pg_catalog.pg_authid TO {role}"),
        ("a.rolname FROM pg_catalog.pg_authid a", "GRANT SELECT ON pg_catalog.pg_authid TO {role}"),
        ('* FROM private."Odd name"', "GRANT USAGE ON SCHEMA private TO {role}"),
        ('* FROM open."Odd name"', 'GRANT SELECT ON open."Odd name" TO {role}'),
        ("* FROM pg_ls_waldir()", "GRANT pg_monitor TO {role}"),
        ("current_setting('data_directory')", "GRANT pg_read_all_settings TO {role}"),
        ("* FROM pg_hba_file_rules", "GRANT SELECT ON pg_catalog.pg_hba_file_rules TO {role}"),
        ("pg_hba_file_rules()", "GRANT EXECUTE ON FUNCTION pg_hba_file_rules TO {role}"),
    ],
)
async def test_missing_privilege_comes_with_the_grant_that_helps(
    postgresql: DatabaseServer, databases: list[str], role: str, text: str, grant: str
) -> None:
    statement = grant.format(role=role)
    with administrator(postgresql, databases[0]) as admin:
        admin.execute("CREATE SCHEMA private; CREATE SCHEMA open; GRANT USAGE ON SCHEMA open TO PUBLIC")
        admin.execute('CREATE TABLE private."Odd name" (a int); CREATE TABLE open."Odd name" (a int)')
        async with asking(login_to(postgresql, user=role, password=CANARY, database=databases[0])) as ask:
            with pytest.raises(PrivilegeMissing) as missing:
                await ask(SELECT, text)
            knows_nothing(missing.value, CANARY)
            assert str(missing.value).endswith(f"; a superuser can allow it: {statement}")
            admin.execute(statement)
            try:
                for _ in range(3):  # One grant may uncover the need for another, which is then named in its turn.
                    try:
                        await ask(SELECT, text)
                        break
                    except PrivilegeMissing as further:
                        admin.execute(str(further).rpartition("can allow it: ")[2])
                else:
                    pytest.fail("the grants did not help")
            finally:
                admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))


# TLS


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_tls_of_every_mode_is_really_encrypted(postgresql_tls: DatabaseServer, mode: str) -> None:
    assert postgresql_tls.authority_path is not None
    files = {"ca_file": postgresql_tls.authority_path}
    async with asking(login_to(postgresql_tls, tls=mode, files=files)) as ask:
        assert ask.connection.server.is_encrypted
        assert await ask.rows(SELECT, "ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [{"ssl": True}]


@pytest.mark.parametrize(
    ("mode", "host", "has_file", "works"),
    [
        ("require", "db.example", False, True),
        ("verify-ca", "127.0.0.1", False, False),
        ("verify-full", "127.0.0.1", False, False),
        ("verify-ca", "localhost", True, True),
        ("verify-full", "localhost", True, True),
        ("verify-ca", "db.example", True, True),
        ("verify-full", "db.example", True, False),
    ],
)
async def test_certificate_is_verified_when_asked_for(
    postgresql_tls: DatabaseServer, mode: str, host: str, *, works: bool, has_file: bool
) -> None:
    assert postgresql_tls.authority_path is not None
    files = {"ca_file": postgresql_tls.authority_path} if has_file else None
    wanted = login_to(postgresql_tls, tls=mode, host=host, files=files, options={"hostaddr": "127.0.0.1"})
    if works:
        async with asking(wanted) as ask:
            assert ask.connection.server.is_encrypted
    else:
        error = await refused(wanted)
        assert isinstance(error, Unreachable)
        assert f"(tls.mode is {mode})" in str(error)


async def test_require_with_an_authority_verifies_as_libpq_does(postgresql_tls: DatabaseServer, tmp_path: Path) -> None:
    other = write_certificates(tmp_path)
    error = await refused(login_to(postgresql_tls, tls="require", files={"ca_file": other.authority_path}))
    assert isinstance(error, Unreachable)
    assert "certificate verify failed" in str(error)


async def test_server_without_tls_is_told_when_tls_is_required(postgresql: DatabaseServer) -> None:
    error = await refused(login_to(postgresql, tls="require"))
    assert isinstance(error, Unreachable)
    assert "TLS with" in str(error)
    assert "server does not support SSL" in str(error)
    async with asking(login_to(postgresql, tls="prefer")) as ask:
        assert not ask.connection.server.is_encrypted


async def test_client_certificate_is_shown_to_the_server(postgresql_tls: DatabaseServer) -> None:
    folder = postgresql_tls.folder / "certificates"
    files = {
        "ca_file": folder / "authority.pem",
        "cert_file": folder / "client.pem",
        "key_file": own(folder / "client.key"),
    }
    async with asking(login_to(postgresql_tls, tls="verify-full", files=files)) as ask:
        shown = await ask.rows(SELECT, "client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert shown == [{"client_dn": "/CN=watchword"}]


def own(path: Path) -> Path:
    """Return a copy of a file that belongs to whoever runs the tests, as libpq wants of a key."""
    copy = path.with_name(f"own-{os.urandom(4).hex()}")
    copy.touch(mode=0o600)
    copy.write_bytes(path.read_bytes())
    return copy


async def test_files_that_are_no_certificates_are_named(postgresql_tls: DatabaseServer, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("no certificate")
    wanted = login_to(postgresql_tls, tls="verify-full", files={"ca_file": tmp_path / "x.pem"})
    error = await refused(wanted)
    assert isinstance(error, SecretUnavailable)
    assert "tls.ca_file" in str(error)
