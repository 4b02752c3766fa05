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

ATTEMPT = re.compile(r"connection to server .*? failed: |connection (?:failed|is bad): ")
"""What psycopg and libpq put before the reason of each attempt: with TLS, without, at each address."""

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


DENIED = re.compile(
    r"permission denied for (table|view|materialized view|foreign table|relation|sequence|schema|function) (.+)$"
)

MONITORING = ("pg_ls_", "pg_stat_", "pg_current_", "pg_get_")
"""Functions that pg_monitor is for."""

ROLE_OF_THE_SERVER = re.compile(r"\bpg_(?:monitor|read_all_settings|read_all_stats|stat_scan_tables|read_all_data)\b")


def login_failure(error: psycopg.Error | OSError | ValueError, login: Login) -> TargetError:
    """Return the error for a connection that could not be made."""
    if not isinstance(error, psycopg.Error):
        return Unreachable(f"{login.target.address} can't be reached: {said(error, login)}")
    words = _reason(str(error))
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
    return Unreachable(f"{target.address} can't be reached: {said(words.splitlines()[0], login)}")


def _reason(words: str) -> str:
    """Return why the connection failed: what the server said first, or what happened last.

    With ``prefer``, a refused password over TLS is followed by an attempt without TLS, whose refusal says less.
    """
    attempts = [attempt.strip() for attempt in ATTEMPT.split(words) if attempt.strip()]
    spoken = [attempt for attempt in attempts if SERVER_SPOKE.match(attempt)]
    return (spoken or attempts[-1:] or [words])[0]


def query_failure(
    error: psycopg.Error, statement: Statement, login: Login, user: str, timeout_seconds: float, *, is_gone: bool
) -> TargetError:
    """Return the error for a statement that failed."""
    code = error.sqlstate or ""
    words = said(error.diag.message_primary or str(error), login)
    if code == "57014":
        return QueryTimeout(f"cancelled after {round(timeout_seconds, 1):g} s: {words}")
    if is_gone or code.startswith(("08", "57P")):
        return Unreachable(f"the connection to {login.target.address} broke: {words}")
    if code == "42501":
        detail = said(error.diag.message_detail or "", login)
        return PrivilegeMissing(f"{words}; {_remedy(words, detail, statement, user)}")
    if code == "55P03":
        return QueryTimeout(f"another session holds a lock on what the query reads: {words}")
    if code == "25006":
        return QueryRefused(f"the server refused it, since it does more than read: {words}")
    return QueryFailed(f"{words} ({code})" if code else words)


def _remedy(words: str, detail: str, statement: Statement, user: str) -> str:
    return f"a superuser can allow it: GRANT {_privilege(words, detail, statement)} TO {identifier(user)}"


def _privilege(words: str, detail: str, statement: Statement) -> str:
    """Return what to grant, from the server's words; where they are not English, from the query."""
    found = DENIED.match(words)
    kind, name = (found[1], found[2]) if found else ("", "")
    if kind == "schema":
        return f"USAGE ON SCHEMA {identifier(name)}"
    if kind == "function" and not name.startswith(MONITORING):
        return f"EXECUTE ON FUNCTION {identifier(name)}"
    if kind and kind != "function":
        return f"SELECT ON {_table(name, statement)}"
    if role := ROLE_OF_THE_SERVER.search(f"{words} {detail}"):
        return role[0]
    if not found and len(statement.tables) == 1:
        return f"SELECT ON {_table(statement.tables[0], statement)}"
    return "pg_monitor"


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
