"""Which statements make the account that checkers log in with? Just the privileges that the checks say they need
(``requires.privileges``), each once, with the names of the checks that need it; so whoever runs them can leave out what
they don't want to give, and knows what is not looked at then. A password never stands in them. Pure.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.checks import Check, Engine, Query
from shared.errors import WatchwordError
from shared.remediation import quoted

USER_IN_CHECKS = "watchword"
"""What checks call the account in their privileges."""

PASSWORD = "<new password>"  # noqa: S105 (what a person puts there)
HOST = "<host>"

FLAVOURS: dict[str, tuple[Engine, str]] = {
    "postgresql": ("postgresql", "postgresql"),
    "mysql": ("mysql", "mysql"),
    "percona": ("mysql", "percona"),
    "mariadb": ("mysql", "mariadb"),
    "mongodb": ("mongodb", "mongodb"),
}
"""What can be asked for: the engine and the flavour of each."""

# A comment could hide that another user is meant.
_GRANT = re.compile(rf"GRANT (?:(?!--|/\*|#)[^;])+ TO {USER_IN_CHECKS}", re.IGNORECASE)
_COMMAND = re.compile(r"db\.getSiblingDB\((?P<database>\"[^\"]+\")\)\.runCommand\((?P<command>\{.*\})\)", re.DOTALL)
_WIDTH = 116
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})

_HEADERS = {
    "postgresql": (
        "Run it as a superuser, in the database that the target names: a grant on a catalog belongs to one database.",
        "Then give the role a password that no log and no history keeps. In psql: \\password {user}",
        "In pg_hba.conf, above more general lines: hostssl all {user} {host} scram-sha-256",
    ),
    "mysql": (
        "Run it as an administrator, and put something of your own where <…> stands: a password, and the address or",
        "network (10.1.2.%) from which the checkers connect.",
    ),
    "mongodb": ("Run it in mongosh as a user administrator; passwordPrompt() asks for the new password.",),
}

_MORE = {"mariadb": ("Where the plugin ed25519 is not loaded yet: INSTALL SONAME 'auth_ed25519'",)}


class PrivilegeNotUnderstood(WatchwordError):
    """A check says that it needs something which is no statement that gives it to the account."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and the checks that need what it gives."""

    statement: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """How the account is made."""

    engine: Engine
    flavour: str
    user: str
    host: str
    steps: tuple[Step, ...]
    without_privileges: tuple[str, ...] = ()
    """Checks for which being able to log in is enough."""

    @property
    def statements(self) -> tuple[str, ...]:
        """Return what is to be executed."""
        return tuple(step.statement for step in self.steps)


def account(
    checks: Iterable[Check], of: str, *, user: str = USER_IN_CHECKS, host: str = "", has_tls: bool = False
) -> Account:
    """Return how the account is made with which all of the checks can run that apply to a flavour.

    Raises ``PrivilegeNotUnderstood`` for a check whose privileges are no statements about the user ``watchword``.
    """
    engine, flavour = FLAVOURS[of]
    applying = [check for check in checks if check.engine == engine and _applies(check, flavour)]
    needed: dict[str, list[str]] = {}
    for check in applying:
        for privilege in check.requires.privileges:
            statement = _for_user(privilege, check, user, host or HOST)
            needed.setdefault(statement, []).append(check.name)
    everywhere = [check.name for check in applying if any(map(_asks_every_database, check.queries))]
    return Account(
        engine,
        flavour,
        user,
        host or HOST,
        steps=(
            Step(_creation(flavour, user, host, has_tls=has_tls)),
            *([Step(_connect_everywhere(user), tuple(everywhere))] if everywhere else []),
            *(Step(statement, tuple(names)) for statement, names in needed.items()),
        ),
        without_privileges=tuple(
            check.name for check in applying if not check.requires.privileges and check.name not in everywhere
        ),
    )


def as_script(made: Account) -> str:
    """Return the statements with a comment above each, to be run in the engine's own shell."""
    return "\n".join(_script_lines(made)) + "\n"


def _script_lines(made: Account) -> Iterator[str]:
    start = "//" if made.engine == "mongodb" else "--"
    # On one line, since what follows a comment's line is executed.
    host = " ".join(made.host.split()) if made.host != HOST else "<address of the checkers>"
    for line in (*_HEADERS[made.engine], *_MORE.get(made.flavour, ())):
        yield f"{start} {line.format(user=_named(made), host=host)}"
    for step in made.steps:
        yield ""
        yield from _comment(start, _reason(step), step.checks)
        yield f"{step.statement};"
    if made.without_privileges:
        yield ""
        yield from _comment(
            start, f"To be able to log in is enough for {len(made.without_privileges)} more:", made.without_privileges
        )


def _named(made: Account) -> str:
    return quoted(made.user, made.engine, "identifier") if re.search(r"\W", made.user) else made.user


def _reason(step: Step) -> str:
    if not step.checks:
        return "The account itself, which may do nothing yet."
    return f"For {len(step.checks)} check{'s' if len(step.checks) > 1 else ''}:"


def _comment(start: str, reason: str, checks: Sequence[str]) -> list[str]:
    text = f"{reason} {', '.join(checks)}".strip()
    return [f"{start} {line}" for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]


def _applies(check: Check, flavour: str) -> bool:
    return not check.requires.flavours or flavour in check.requires.flavours


def _asks_every_database(query: Query) -> bool:
    return (query.parameter("all_dbs") or "") in _TRUE


def _creation(flavour: str, user: str, host: str, *, has_tls: bool) -> str:
    if flavour == "postgresql":
        return f"CREATE ROLE {quoted(user, 'postgresql', 'identifier')} LOGIN"
    if flavour in {"mysql", "percona", "mariadb"}:
        name = f"{quoted(user, 'mysql', 'literal')}@{quoted(host or HOST, 'mysql', 'literal')}"
        # What IDENTIFIED BY makes on MariaDB is kept as an unsalted SHA-1.
        how = f"VIA ed25519 USING PASSWORD('{PASSWORD}')" if flavour == "mariadb" else f"BY '{PASSWORD}'"
        return f"CREATE USER {name} IDENTIFIED {how}{' REQUIRE SSL' if has_tls else ''}"
    where = f', "authenticationRestrictions": [{{"clientSource": [{json.dumps(host)}]}}]' if host else ""
    command = f'{{"createUser": {json.dumps(user)}, "pwd": passwordPrompt(), "roles": []{where}}}'
    return f'db.getSiblingDB("admin").runCommand({command})'


def _connect_everywhere(user: str) -> str:
    """Return what lets the role into each database that there is now, also where PUBLIC may not connect."""
    grant = f"'GRANT CONNECT ON DATABASE %I TO %I', one, {quoted(user, 'postgresql', 'literal')}"
    databases = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate"
    return f"DO $$DECLARE one name; BEGIN FOR one IN {databases} LOOP EXECUTE format({grant}); END LOOP; END$$"


def _for_user(privilege: str, check: Check, user: str, host: str) -> str:
    """Return a privilege as a statement about this user instead of the one that checks write."""
    text = privilege.strip().removesuffix(";")
    if check.engine == "mongodb":
        return _command_for_user(text, check, user)
    if not _GRANT.fullmatch(text):
        raise _not_understood(check, privilege, f"GRANT … TO {USER_IN_CHECKS}")
    name = quoted(user, "postgresql", "identifier")
    if check.engine == "mysql":
        name = f"{quoted(user, 'mysql', 'literal')}@{quoted(host, 'mysql', 'literal')}"
    return f"{text[: -len(USER_IN_CHECKS)]}{name}"


def _command_for_user(text: str, check: Check, user: str) -> str:
    match = _COMMAND.fullmatch(text)
    try:
        command = json.loads(match["command"]) if match else {}
    except ValueError:
        command = {}
    if match and command.get("grantRolesToUser") == USER_IN_CHECKS:
        command["grantRolesToUser"] = user
    elif not match or not {"createRole", "grantRolesToRole", "grantPrivilegesToRole"} & set(command):
        wanted = f'db.getSiblingDB("admin").runCommand({{"grantRolesToUser": "{USER_IN_CHECKS}", "roles": […]}})'
        raise _not_understood(check, text, wanted)
    return f"db.getSiblingDB({match['database']}).runCommand({json.dumps(command)})"


def _not_understood(check: Check, privilege: str, wanted: str) -> PrivilegeNotUnderstood:
    return PrivilegeNotUnderstood(
        f"{check.name} ({check.source}): requires.privileges has {privilege!r}; write {wanted} there"
    )
