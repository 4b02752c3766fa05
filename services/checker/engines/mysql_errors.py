"""What the refusals of MySQL and MariaDB mean for the person on call: which error a failed login or a failed statement
is, in words that say what to do, with the GRANT where a privilege is missing.
"""

import re
import ssl

import pymysql

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

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

REFUSED_LOGINS = {
    1045: "check its password, and whether the account may log in from here",
    1698: "the account logs in by the operating system's user, not by a password",
    1130: "no account may log in from this checker's address",
    1251: "the account's way to log in is too old or too new",
    1524: "the account's authentication plugin is not loaded",
    1820: "its password has expired; set a new one",
    1862: "its password has expired; set a new one",
    3118: "the account is locked",
    4151: "the account is locked",
    3159: "it takes no connections without TLS; set tls.mode to require or better",
    1129: "too many failed connections from here; FLUSH HOSTS lets this checker in again",
}
"""The server's codes for a login that it does not take, and what to do."""

NO_CONNECTION_FREE = frozenset({1040, 1203, 1226})
WRONG_DATABASE = frozenset({1044, 1049})
ENDED = frozenset({1053, 1927, 2006, 2013, 2055, 4031, 0})
TIMED_OUT = frozenset({3024, 1969, 1317, 1205})
NOT_PERMITTED = frozenset({1044, 1045, 1142, 1143, 1227, 1356, 1370, 1699})
READ_ONLY = frozenset({1792, 1290})


def code_of(error: BaseException) -> int:
    """Return the server's code of an error, 0 when it has none."""
    first = error.args[0] if isinstance(error, pymysql.err.Error) and error.args else 0
    return first if isinstance(first, int) else 0


def words_of(error: BaseException, login: Login) -> str:
    """Return what an error says, without its code."""
    if isinstance(error, pymysql.err.Error) and len(error.args) > 1:
        return said(error.args[1], login)
    return said(str(error) or type(error).__name__, login)


def is_tls_failure(error: BaseException) -> bool:
    """Return whether TLS could not be agreed on."""
    return isinstance(error, ssl.SSLError) or isinstance(getattr(error, "original_exception", None), ssl.SSLError)


def login_failure(error: BaseException, login: Login) -> TargetError:
    """Return the error for a connection that could not be made."""
    target = login.target
    code, words = code_of(error), words_of(error, login)
    original = getattr(error, "original_exception", error)
    who = f"user {target.user!r}" if target.user else "the anonymous user (the target has none)"
    if isinstance(error, TargetError):
        return error
    if is_tls_failure(error) or code == 2026:
        return Unreachable(f"TLS with {target.address} failed (tls.mode is {target.tls.mode}): {said(original, login)}")
    if code in REFUSED_LOGINS:
        return LoginRefused(f"{target.address} refuses {who}: {words}; {REFUSED_LOGINS[code]}")
    if code in NO_CONNECTION_FREE:
        return Unreachable(f"{target.address} has no free connection for {who}: {words}")
    if code in WRONG_DATABASE:
        return LoginRefused(f"{target.address} refuses {who} the target's database: {words}")
    if isinstance(original, TimeoutError) or "timed out" in words:
        return Unreachable(f"{target.address} did not answer in time; is it MySQL, and is a firewall between?")
    if isinstance(original, OSError):
        return Unreachable(f"{target.address} can't be reached: {said(original.strerror or original, login)}")
    if isinstance(error, RuntimeError) or "Authentication plugin" in words:
        return LoginRefused(f"{target.address} asks for a login that this checker can't do: {words}")
    if 1000 <= code < 2000 or code > 3000:
        return LoginRefused(f"{target.address} refuses the connection of {who}: {words} ({code})")
    return Unreachable(f"what answers at {target.address} is not MySQL or MariaDB, or broke the connection: {words}")


def query_failure(
    error: BaseException, statement: Statement, login: Login, account: str, timeout_seconds: float
) -> TargetError:
    """Return the error for a statement that failed."""
    if isinstance(error, TargetError):
        return error
    code, words = code_of(error), words_of(error, login)
    if code in TIMED_OUT:
        return QueryTimeout(f"cancelled after {round(timeout_seconds, 1):g} s: {words}")
    if code in NOT_PERMITTED:
        return PrivilegeMissing(f"{words}; {_remedy(code, words, statement, account)}")
    if code in READ_ONLY:
        return QueryRefused(f"the server refused it, since it does more than read: {words}")
    if not isinstance(error, pymysql.err.Error) or code in ENDED:
        return Unreachable(f"the connection to {login.target.address} broke: {words}")
    return QueryFailed(f"{words} ({code})")


def _remedy(code: int, words: str, statement: Statement, account: str) -> str:
    return f"an administrator can allow it: GRANT {_privilege(code, words, statement)} TO {grantee(account)}"


def _privilege(code: int, words: str, statement: Statement) -> str:
    """Return what to grant on what, from the server's words; where they are not English, from the query."""
    if code == 1227:
        found = re.search(r"the (.+) privilege\(s\)", words)
        wanted = [name.strip() for name in found[1].split(",")] if found else []
        modest = [name for name in wanted if name != "SUPER"]
        return f"{(modest or wanted or ['PROCESS'])[0]} ON *.*"
    if code == 1370 and (found := re.search(r"routine '([^']+)'", words)):
        return f"EXECUTE ON FUNCTION {_qualified(found[1])}"
    if code == 1044 and (found := re.search(r"to database '([^']+)'", words)):
        return f"SELECT ON {identifier(found[1])}.*"
    found = re.match(r"([A-Z ]+) command denied to user .* (?:for|in) table (.+)$", words)
    if found:
        return f"{found[1]} ON {_table(found[2].strip(), statement)}"
    return f"SELECT ON {_qualified(statement.tables[0]) if statement.tables else '*.*'}"


def _table(said_name: str, statement: Statement) -> str:
    """Return a table as the query qualifies it: MySQL's message leaves out the schema, MariaDB's has it."""
    name = said_name.replace("`", "").strip("'")
    same = [table for table in statement.tables if table.lower().endswith(f".{name.lower()}")]
    return _qualified(name if "." in name or not same else same[0])


def _qualified(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))


def identifier(name: str) -> str:
    """Return a name as SQL takes it, quoted where it has to be."""
    if PLAIN_NAME.fullmatch(name):
        return name
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def grantee(account: str) -> str:
    """Return ``user@host`` as GRANT takes it."""
    user, _, host = account.rpartition("@")
    return "@".join("'{}'".format(part.replace("'", "''")) for part in (user, host or "%"))
