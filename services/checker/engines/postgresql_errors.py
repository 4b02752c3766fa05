"""What PostgreSQL's refusals mean for the person on call: which error a failed login or a failed statement is, in words
that say what to do, with the GRANT where a privilege is missing.
"""

import re

import psycopg

from services.checker.engines.protocol import Login
from services.checker.engines.texts import said
from services.checker.errors import (
    LoginRefused,
    PrivilegeMissing,
    QueryFailed,
    QueryRefused,
    QueryTimeout,
    TargetError,
    Unreachable,
)
from services.checker.read_only import Statement

PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")

LAST_ATTEMPT = re.compile(r".*(?:connection to server .*? failed: |connection (?:failed|is bad): )", re.DOTALL)
"""What psycopg and libpq put before the reason; the reason is the one of the last attempt."""

SERVER_SPOKE = re.compile(r"\S+:  ")
"""A server's message begins with its severity and two spaces, in whatever language it speaks."""

LOGIN_WORDS = re.compile(
    r"authentication|pg_hba\.conf|no password supplied|role .* does not exist|not permitted to log in"
    r"|permission denied for database|required authentication|account is locked"
)
FULL_WORDS = re.compile(r"too many clients|remaining connection slots|too many connections|connection limit")
STARTING_WORDS = re.compile(r"database system is|not yet accepting|cannot connect now|recovery")
TLS_WORDS = re.compile(r"\bSSL\b|certificate|\bTLS\b|sslrootcert")
STRANGER_WORDS = re.compile(
    r"invalid response|expected authentication request|server closed the connection unexpectedly|invalid message"
    r"|unexpected message|message contents do not agree|unsupported frontend protocol|lost synchronization"
)
ADDRESS_WORDS = re.compile(r"failed to resolve host|could not translate host name")


def login_failure(error: psycopg.Error | OSError | ValueError, login: Login) -> TargetError:
    """Return the error for a connection that could not be made."""
    if not isinstance(error, psycopg.Error):
        return Unreachable(f"{login.target.address} can't be reached: {said(error, login)}")
    words = LAST_ATTEMPT.sub("", str(error), count=1)
    reason = said(words, login)
    target = login.target
    who = f"user {target.user!r}" if target.user else "the checker's own user (the target has none)"
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return Unreachable(f"{target.address} did not answer in time; is it PostgreSQL, and is a firewall between?")
    if STRANGER_WORDS.search(words):
        return Unreachable(f"what answers at {target.address} is not PostgreSQL, or broke the connection: {reason}")
    # A refusal names "SSL encryption" too, so it is looked for before TLS is.
    if not SERVER_SPOKE.match(words) and TLS_WORDS.search(words) and "password" not in words:
        return Unreachable(f"TLS with {target.address} failed (tls.mode is {target.tls.mode}): {reason}")
    if FULL_WORDS.search(words):
        return Unreachable(f"{target.address} has no free connection for {who}: {reason}")
    if STARTING_WORDS.search(words):
        return Unreachable(f"{target.address} does not take connections now: {reason}")
    if "no password supplied" in words:
        return LoginRefused(f"{target.address} wants a password of {who}, and the target has none: set its password")
    if "pg_hba.conf" in words:
        return LoginRefused(f"{target.address} refuses {who}; its pg_hba.conf has to let this checker in: {reason}")
    if LOGIN_WORDS.search(words):
        return LoginRefused(f"{target.address} refuses {who}: {reason}")
    if "does not exist" in words and SERVER_SPOKE.match(words):
        return Unreachable(f"{target.address} answers, but: {reason}; set the target's database")
    if SERVER_SPOKE.match(words):
        return LoginRefused(f"{target.address} refuses the connection of {who}: {reason}")
    return Unreachable(f"{target.address} can't be reached: {reason}")


def query_failure(
    error: psycopg.Error, statement: Statement, login: Login, user: str, timeout_seconds: float, *, is_gone: bool
) -> TargetError:
    """Return the error for a statement that failed."""
    code = error.sqlstate or ""
    words = said(error.diag.message_primary or LAST_ATTEMPT.sub("", str(error), count=1), login)
    if code == "57014":
        return QueryTimeout(f"cancelled after {timeout_seconds:g} s: {words}")
    if is_gone or code.startswith(("08", "57P")):
        return Unreachable(f"the connection to {login.target.address} broke: {words}")
    if code == "42501":
        return PrivilegeMissing(f"{words}; {_remedy(words, statement, user)}")
    if code == "55P03":
        return QueryTimeout(f"another session holds a lock on what the query reads: {words}")
    if code == "25006":
        return QueryRefused(f"the server refused it, since it does more than read: {words}")
    return QueryFailed(f"{words} ({code})" if code else words)


def _remedy(words: str, statement: Statement, user: str) -> str:
    grantee = identifier(user)
    found = re.match(r"permission denied for (\w+(?: \w+)?) (\S+)$", words)
    kind, name = (found[1], found[2].strip('"')) if found else ("", "")
    if kind in {"table", "view", "materialized view", "foreign table", "relation", "sequence"}:
        return f"a superuser can allow it: GRANT SELECT ON {_table(name, statement)} TO {grantee}"
    if kind == "schema":
        return f"a superuser can allow it: GRANT USAGE ON SCHEMA {identifier(name)} TO {grantee}"
    if kind == "function" and not name.startswith(("pg_ls_", "pg_stat_", "pg_current_", "pg_get_")):
        return f"a superuser can allow it: GRANT EXECUTE ON FUNCTION {identifier(name)} TO {grantee}"
    if len(statement.tables) == 1 and not found and "pg_" not in words:
        return f"a superuser can allow it: GRANT SELECT ON {_table(statement.tables[0], statement)} TO {grantee}"
    return f"a superuser can allow it: GRANT pg_monitor TO {grantee}"


def _table(name: str, statement: Statement) -> str:
    """Return a table as the query qualifies it: the server's message leaves out the schema."""
    same = [table for table in statement.tables if table == name or table.endswith(f".{name}")]
    qualified = same[0] if same else name
    if "." not in qualified and qualified.startswith("pg_"):
        qualified = f"pg_catalog.{qualified}"
    return ".".join(identifier(part) for part in qualified.split("."))


def identifier(name: str) -> str:
    """Return a name as SQL takes it, quoted where it has to be."""
    if PLAIN_NAME.fullmatch(name):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
