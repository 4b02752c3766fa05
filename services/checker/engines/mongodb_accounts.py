"""Who may do what on a MongoDB server: all users and all roles that people made, each in one document, from servers
that tell those of every database at once and from servers that tell them one database at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.checker.engines import mongodb_commands
from services.checker.errors import NotHere, PrivilegeMissing, QueryFailed, QueryTimeout, ResultTooLarge

MOST_USERS_NAMED = 1_000


class Asks(Protocol):
    """Sends one command and returns the server's answer, or raises a ``QueryFailed`` or ``NotHere``."""

    async def __call__(self, command: Mapping[str, object], database: str = "admin") -> dict[str, object]:
        """Ask a database."""
        ...


async def users(ask: Asks) -> dict[str, object]:
    """Return the users of all databases in one document, with from where they may log in."""
    told = await _told_users(ask)
    restrictions = await _restrictions(ask, told)
    known = [
        {**mongodb_commands.without_keys(user), **restrictions.get((str(user.get("user")), str(user.get("db"))), {})}
        for user in told
    ]
    return {"users": known, "ok": 1.0}


async def _told_users(ask: Asks) -> list[Mapping[str, object]]:
    """Return the users of all databases, also from servers that only tell those of one database."""
    try:
        found = _documents(await ask(mongodb_commands.USERS_OF_ALL_DATABASES), "users")
    except (PrivilegeMissing, QueryTimeout, ResultTooLarge):
        raise
    except (QueryFailed, NotHere):
        found = []
    if not found:
        # None at all, or a server that does not understand the question and says so, or does not.
        places = [*await databases(ask), "$external"]
        found = await _of_each(ask, mongodb_commands.USERS_OF_ONE_DATABASE, places, "users")
    return found


async def _restrictions(ask: Asks, users: Sequence[Mapping[str, object]]) -> dict[tuple[str, str], dict[str, object]]:
    """Return from where each user may log in, where the server tells it and there are not too many to ask for."""
    if not 0 < len(users) <= MOST_USERS_NAMED:
        return {}
    try:
        answer = await ask(mongodb_commands.restrictions_of(users))
    except (QueryTimeout, ResultTooLarge):
        raise
    except (QueryFailed, NotHere):
        return {}
    return {
        (str(user.get("user")), str(user.get("db"))): {
            name: value for name, value in user.items() if str(name).lower().endswith("authenticationrestrictions")
        }
        for user in _documents(answer, "users")
    }


async def roles(ask: Asks) -> dict[str, object]:
    """Return the roles that people made, in one document.

    A role may be kept in a database without any collection, which is not listed; whoever has it tells where it is.
    """
    holders = await _told_users(ask)
    ahead = dict.fromkeys([*await databases(ask), *_places(holders)])
    known: list[Mapping[str, object]] = []
    asked: set[str] = set()
    while ahead:
        database = next(iter(ahead))
        del ahead[database]
        asked.add(database)
        found = _documents(await ask(mongodb_commands.ROLES_OF_ONE_DATABASE, database), "roles")
        known += found
        ahead |= dict.fromkeys(place for place in _places(found) if place not in asked)
    return {"roles": known, "ok": 1.0}


def _places(holders: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the databases of the roles that users or roles have."""
    named = (role.get("db") for holder in holders for role in _documents(holder, "roles"))
    return [database for database in named if isinstance(database, str) and database]


async def _of_each(
    ask: Asks, command: Mapping[str, object], places: Sequence[str], field: str
) -> list[Mapping[str, object]]:
    return [document for database in places for document in _documents(await ask(command, database), field)]


async def databases(ask: Asks) -> list[str]:
    """Return the databases that the server lists, and ``admin``."""
    found = _documents(await ask(mongodb_commands.DATABASES), "databases")
    return list(dict.fromkeys(["admin", *(str(database.get("name")) for database in found)]))


def _documents(answer: Mapping[str, object], field: str) -> list[Mapping[str, object]]:
    found = answer.get(field)
    return [document for document in found if isinstance(document, Mapping)] if isinstance(found, list) else []
