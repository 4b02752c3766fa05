"""Which error a server's words become, for the words of servers that the integration tests don't have: MySQL 8, other
languages, other versions.
"""

import psycopg
import pymysql
import pytest

from services.checker.engines import mysql_errors, postgresql_errors
from services.checker.engines.mysql import bounded
from services.checker.engines.protocol import Login
from services.checker.errors import LoginRefused, PrivilegeMissing, QueryTimeout, TargetError, Unreachable
from services.checker.read_only import Statement, statement
from shared.checks import Engine, Query, QueryType
from shared.targets import Target


def login(engine: Engine) -> Login:
    return Login(Target(name="orders", engine=engine, host="db", user="watchword"), "secret-password")


@pytest.mark.parametrize(
    ("code", "words", "grant"),
    [
        (1142, "SELECT command denied to user 'w'@'h' for table 'user'", "SELECT ON mysql.user"),
        (1142, "SELECT command denied to user 'w'@'h' for table `mysql`.`user`", "SELECT ON mysql.user"),
        (1142, "SHOW VIEW command denied to user 'w'@'h' for table 'other'", "SHOW VIEW ON other"),
        (1142, "Das Kommando SELECT ist nicht erlaubt", "SELECT ON mysql.user"),
        (1143, "SELECT command denied to user 'w'@'h' for column 'a' in table 'user'", "SELECT ON mysql.user"),
        (1044, "Access denied for user 'w'@'h' to database 'odd-name'", "SELECT ON `odd-name`.*"),
        (
            1227,
            "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s) for this operation",
            "REPLICATION CLIENT ON *.*",
        ),
        (1227, "Access denied; you need (at least one of) the SUPER privilege(s) for this operation", "SUPER ON *.*"),
        (1227, "Kein Zugriff", "PROCESS ON *.*"),
        (
            1370,
            "execute command denied to user 'w'@'h' for routine 'sys.version_major'",
            "EXECUTE ON FUNCTION sys.version_major",
        ),
    ],
)
def test_privilege_that_mysql_misses_is_granted_by_name(code: int, words: str, grant: str) -> None:
    wanted = Statement("SELECT 1", tables=("mysql.user",))
    error = pymysql.err.OperationalError(code, words)
    failure = mysql_errors.query_failure(error, wanted, login("mysql"), "o'brien@%", 5)
    assert isinstance(failure, PrivilegeMissing)
    assert str(failure) == f"{words}; an administrator can allow it: GRANT {grant} TO 'o''brien'@'%'"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1045, LoginRefused),
        (1698, LoginRefused),
        (1130, LoginRefused),
        (1862, LoginRefused),
        (3118, LoginRefused),
        (3159, LoginRefused),
        (1040, Unreachable),
        (1203, Unreachable),
        (2013, Unreachable),
        (3955, LoginRefused),
    ],
)
def test_login_that_mysql_refuses_is_of_its_kind(code: int, kind: type[TargetError]) -> None:
    failure = mysql_errors.login_failure(pymysql.err.OperationalError(code, "no: secret-password"), login("mysql"))
    assert type(failure) is kind
    assert "secret-password" not in str(failure)


@pytest.mark.parametrize("code", [3024, 1969, 1317, 1205])
def test_statement_that_mysql_ends_for_its_time_timed_out(code: int) -> None:
    error = pymysql.err.OperationalError(code, "x")
    failure = mysql_errors.query_failure(error, Statement("SELECT 1"), login("mysql"), "w@%", 4.99)
    assert isinstance(failure, QueryTimeout)
    assert "cancelled after 5 s" in str(failure)


@pytest.mark.parametrize("flavour", ["mysql", "percona"])
def test_mysql_bounds_a_select_by_a_hint_that_no_check_can_see(flavour: str) -> None:
    select = statement(Query(type=QueryType.MYSQL_SELECT, text="@@max_execution_time"))
    assert bounded(select, flavour, 0.5) == "SELECT /*+ MAX_EXECUTION_TIME(500) */ @@max_execution_time"
    show = statement(Query(type=QueryType.MYSQL_SHOW, text="VARIABLES"))
    assert bounded(show, flavour, 0.5) == "SHOW VARIABLES"


@pytest.mark.parametrize(
    ("words", "kind", "part"),
    [
        ("FATAL:  Passwort-Authentifizierung für Benutzer »watchword« fehlgeschlagen", LoginRefused, "fehlgeschlagen"),
        ("ВАЖНО:  пользователь не прошёл проверку подлинности", LoginRefused, "refuses the connection"),
        ("FATAL:  sorry, too many clients already", Unreachable, "has no free connection"),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            Unreachable,
            "no free",
        ),
        ("FATAL:  the database system is starting up", Unreachable, "does not take connections now"),
        ("FATAL:  the database system is not yet accepting connections", Unreachable, "does not take connections now"),
        ('FATAL:  permission denied for database "orders"', LoginRefused, "permission denied for database"),
        ('FATAL:  role "watchword" is not permitted to log in', LoginRefused, "not permitted to log in"),
        ("received invalid response to SSL negotiation: J", Unreachable, "is not PostgreSQL"),
        ("server does not support SSL, but SSL was required", Unreachable, "TLS with db:5432 failed"),
        ("timeout expired", Unreachable, "can't be reached: timeout expired"),
    ],
)
def test_login_that_postgresql_refuses_is_of_its_kind(words: str, kind: type[TargetError], part: str) -> None:
    error = psycopg.OperationalError(f'connection failed: connection to server at "db", port 5432 failed: {words}')
    failure = postgresql_errors.login_failure(error, login("postgresql"))
    assert type(failure) is kind
    assert part in str(failure)


def test_first_refusal_of_the_server_says_more_than_the_last() -> None:
    error = psycopg.OperationalError(
        'connection failed: connection to server at "db", port 5432 failed: FATAL:  password authentication failed\n'
        'connection to server at "db", port 5432 failed: FATAL:  no pg_hba.conf entry for host "a", no encryption'
    )
    assert "password authentication failed" in str(postgresql_errors.login_failure(error, login("postgresql")))


@pytest.mark.parametrize(
    ("words", "tables", "grant"),
    [
        ("permission denied for table pg_authid", ("pg_authid",), "SELECT ON pg_catalog.pg_authid"),
        ("permission denied for table user", ("app.user", "other"), "SELECT ON app.user"),
        ("permission denied for view v", (), "SELECT ON v"),
        ("permission denied for schema Private", (), 'USAGE ON SCHEMA "Private"'),
        ("permission denied for function pg_ls_waldir", (), "pg_monitor"),
        ("permission denied for function own", (), "EXECUTE ON FUNCTION own"),
        ("must be superuser or have privileges of pg_read_all_settings to examine x", (), "pg_read_all_settings"),
        ("keine Berechtigung für Tabelle pg_authid", ("pg_authid",), "SELECT ON pg_catalog.pg_authid"),
        ("keine Berechtigung", ("a", "b"), "pg_monitor"),
    ],
)
def test_privilege_that_postgresql_misses_is_granted_by_name(words: str, tables: tuple[str, ...], grant: str) -> None:
    failure = postgresql_errors.query_failure(
        psycopg.errors.InsufficientPrivilege(words),
        Statement("SELECT 1", tables=tables),
        login("postgresql"),
        'Odd "role"',
        5,
        is_gone=False,
    )
    assert isinstance(failure, PrivilegeMissing)
    assert str(failure) == f'{words}; a superuser can allow it: GRANT {grant} TO "Odd ""role"""'
