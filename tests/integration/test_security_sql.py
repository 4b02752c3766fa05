"""What an administrator's account could do, and a check with it can't; and whose functions a check executes."""

import os

import psycopg
import pymysql
import pytest

from services.checker.errors import QueryFailed, QueryRefused
from shared.checks import QueryType
from tests.integration.engine_asking import asking, login_to

POSTGRESQL, MYSQL = QueryType.POSTGRESQL_SELECT, QueryType.MYSQL_SELECT

WRITES = {
    "insert": "* FROM (WITH w AS (INSERT INTO written VALUES (1) RETURNING a) SELECT * FROM w) x",
    "create": "1; CREATE TABLE more (a int)",
    "select into": "1 AS a INTO more",
    "copy to program": "1; COPY (SELECT 1) TO PROGRAM 'touch {folder}/touched'",
    "a large object": "lo_from_bytea(0, 'x')",
    "a file of the server": "pg_read_file('/etc/passwd')",
    "text as SQL": "query_to_xml('INSERT INTO written VALUES (1)', true, true, '')",
    "a function that writes": "writes()",
    "a function that leaves the transaction": "leaves()",
    "a function that runs a program": "runs()",
}


@pytest.fixture
def database(postgresql):
    """A database of the test's own, in which an administrator has left functions."""
    name = f"security_{os.urandom(4).hex()}"
    place = {"host": str(postgresql.folder), "port": postgresql.port, "user": postgresql.user, "autocommit": True}
    with psycopg.connect(dbname="postgres", **place) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            with psycopg.connect(dbname=name, **place) as inside:
                inside.execute("CREATE TABLE written (a int)")
                for function, body in (
                    ("writes", "BEGIN INSERT INTO written VALUES (1); RETURN 1; END"),
                    ("leaves", "BEGIN SET transaction_read_only = off; INSERT INTO written VALUES (1); RETURN 1; END"),
                    ("runs", "BEGIN INSERT INTO written VALUES (1); COPY written TO PROGRAM 'false'; RETURN 1; END"),
                ):
                    inside.execute(f"CREATE FUNCTION {function}() RETURNS int LANGUAGE plpgsql AS $$ {body} $$")
                yield name, inside
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("text", WRITES.values(), ids=WRITES)
async def test_an_administrators_account_writes_nothing_on_postgresql(postgresql, database, tmp_path, text):
    name, inside = database
    async with asking(login_to(postgresql, database=name)) as ask:
        with pytest.raises((QueryRefused, QueryFailed)):
            await ask(POSTGRESQL, text.format(folder=tmp_path))
    assert inside.execute("SELECT count(*) FROM written").fetchone() == (0,)
    assert inside.execute("SELECT to_regclass('more')").fetchone() == (None,)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("is_set", [False, True], ids=["as it is", "with a search_path for the role"])
async def test_a_function_in_the_place_of_a_known_one_is_kept_out_by_the_roles_search_path(
    postgresql, database, is_set
):
    """PostgreSQL's rules take the one that fits the type of the argument best, whoever made it."""
    name, inside = database
    role = f"watcher_{os.urandom(4).hex()}"
    inside.execute(f"CREATE ROLE {role} LOGIN")
    try:
        inside.execute("CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE sql AS $$ SELECT 'not yours' $$")
        if is_set:
            inside.execute(f"ALTER ROLE {role} SET search_path = pg_catalog")
            inside.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
        async with asking(login_to(postgresql, database=name, user=role)) as ask:
            row = await ask.row(POSTGRESQL, "lower('X'::name) AS lowered")
        # Without the role's path this is not protected; docs/security.md says so.
        assert row == {"lowered": "x" if is_set else "not yours"}
    finally:
        inside.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("text", "executed"),
    [
        ("{{#\n fn {function}}} , #}}\n 1", (7, 1)),
        ("1 --\u00a0a , {function} FROM (SELECT 1 AS `\u00a0a`) AS t", (2, 7)),
    ],
    ids=["the comment of a template engine", "minus minus before a space that is none"],
)
async def test_what_a_tokenizer_takes_for_a_comment_and_mariadb_executes_is_not_sent(mariadb, text, executed):
    with pymysql.connect(
        host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password or "", charset="utf8mb4"
    ) as admin:
        cursor = admin.cursor()
        cursor.execute("SELECT " + text.format(function="abs(-7)"))
        assert cursor.fetchone() == executed  # so it matters
    async with asking(login_to(mariadb)) as ask:
        with pytest.raises(QueryRefused, match="not sent"):
            await ask(MYSQL, text.format(function="abs(-7)"))
