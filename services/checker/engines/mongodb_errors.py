"""What MongoDB's refusals mean for the person on call: which error a failed login or a failed command is, in words that
say what to do, with the grant where a privilege is missing.
"""

import json
import re
from collections.abc import Iterable, Mapping

from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from services.checker.engines import mongodb_commands
from services.checker.engines.protocol import Login
from services.checker.engines.texts import said
from services.checker.errors import (
    LoginRefused,
    NotHere,
    PrivilegeMissing,
    QueryFailed,
    QueryTimeout,
    TargetError,
    Unreachable,
)

LOGIN_FAILED = frozenset({11, 18, 334, 8000})
UNAUTHORIZED = 13
TIMED_OUT = frozenset({50, 262})
UNKNOWN_COMMAND = frozenset({59, 115, 303})
"""Unknown to MongoDB, to one of its kinds such as mongos, and to DocumentDB."""

OF_ATLAS = 8000
NOT_OF_ATLAS = re.compile(r"CMD_NOT_(?:ALLOWED|SUPPORTED)|not allowed in this atlas tier", re.IGNORECASE)
"""Atlas has one code for all that it refuses."""

ENDED = frozenset({6, 7, 89, 91, 189, 9001, 11600, 11602, 10107, 13435, 13436})

ADDED_BY_PYMONGO = re.compile(
    r"^\S+:\d+: (?:\[Errno -?\d+\] )?|\s*\(configured timeouts:.*?\)|, Timeout: .*|, full error: .*", re.DOTALL
)

TLS_WORDS = re.compile(r"SSL|TLS|certificate", re.IGNORECASE)
STRANGER_WORDS = re.compile(r"Got response id|Message length|unexpected opcode|Got opcode|not BSON|invalid length")


def words_of(error: BaseException, login: Login) -> str:
    """Return what an error says, without what pymongo adds."""
    if isinstance(error, OperationFailure) and isinstance(error.details, Mapping) and error.details.get("errmsg"):
        return said(error.details["errmsg"], login)
    return said(ADDED_BY_PYMONGO.sub("", str(error)) or type(error).__name__, login)


def login_failure(error: BaseException, seen: Iterable[BaseException], login: Login, seconds: float) -> TargetError:
    """Return the error for a connection that could not be made. ``seen`` is what the servers themselves ran into."""
    target = login.target
    last = next(iter(seen), None)
    if not isinstance(error, OperationFailure) and last is not None:
        error = last
    words = words_of(error, login)
    if isinstance(error, OperationFailure):
        if error.code == UNAUTHORIZED and not target.user:
            return LoginRefused(
                f"{target.address} wants a login, and the target has none: {words}; set user and password"
            )
        return LoginRefused(
            f"{target.address} refuses user {target.user!r}: {words}; check its password and the database that it is"
            f" kept in (option authSource, now {source_of(login)})"
        )
    if isinstance(error, ConfigurationError):
        return Unreachable(f"{target.address} can't be used: {words}")
    if STRANGER_WORDS.search(words):
        return Unreachable(f"what answers at {target.address} is not MongoDB: {words}")
    if TLS_WORDS.search(words):
        return Unreachable(f"TLS with {target.address} failed (tls.mode is {target.tls.mode}): {words}")
    if "timed out" in words or "No servers found" in words:
        return silent(login, seconds)
    return Unreachable(f"{target.address} can't be reached: {words}{_hint(words, login)}")


def silent(login: Login, seconds: float) -> Unreachable:
    """Return the error for a server that takes the connection and says nothing in time."""
    return Unreachable(
        f"{login.target.address} did not answer within {round(seconds, 1):g} s; is it MongoDB, does it speak TLS as"
        f" the target's tls.mode says ({login.target.tls.mode}), and is a firewall between?"
    )


def _hint(words: str, login: Login) -> str:
    closed = "closed" in words or "reset" in words
    if closed and login.target.tls.mode in {"disable", "prefer"}:
        return "; a MongoDB that wants TLS does so: set tls.mode to require or better"
    return ""


def command_failure(error: PyMongoError, command: str, login: Login, timeout_seconds: float) -> TargetError:
    """Return the error for a command that failed."""
    words = words_of(error, login)
    if isinstance(error, OperationFailure):
        if error.code == UNAUTHORIZED:
            return PrivilegeMissing(f"{words}; {_remedy(command, login)}")
        if error.code in UNKNOWN_COMMAND or (error.code == OF_ATLAS and NOT_OF_ATLAS.search(words)):
            return NotHere(f"{command} can't be asked here: {words} ({error.code})")
        if error.code in LOGIN_FAILED:
            return LoginRefused(f"{login.target.address} refuses user {login.target.user!r}: {words}")
        if error.code in TIMED_OUT:
            return QueryTimeout(f"cancelled after {round(timeout_seconds, 1):g} s: {words}")
        if error.code not in ENDED:
            return QueryFailed(f"{command}: {words}" + (f" ({error.code})" if error.code else ""))
    if error.timeout:
        return QueryTimeout(f"no answer after {round(timeout_seconds, 1):g} s: {words}")
    return Unreachable(f"the connection to {login.target.address} broke: {words}")


def source_of(login: Login) -> str:
    """Return the database that the account is kept in."""
    return login.target.options.get("authSource", "admin")


def _remedy(command: str, login: Login) -> str:
    if not login.target.user:
        return "the server wants a login and the target has none: make a user for Watchword and set user and password"
    statement = mongodb_commands.VIEW_USERS if command in {"usersInfo", "rolesInfo"} else mongodb_commands.MONITOR
    user, source = json.dumps(login.target.user), json.dumps(source_of(login))
    return f"an administrator can allow it: {statement.format(user=user, source=source)}"
