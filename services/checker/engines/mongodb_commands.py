"""Which commands a checker sends to MongoDB: these and no others, each spelled here in full, so that nothing a check
says becomes a command. Also what is taken out of an answer before anybody sees it: whatever could be used to log in.
"""

from collections.abc import Iterable, Mapping

from services.checker.engines.mongodb_values import plain
from shared.checks import QueryType

USERS_OF_ALL_DATABASES = {"usersInfo": {"forAllDBs": True}, "showCredentials": True}
USERS_OF_ONE_DATABASE = {"usersInfo": 1, "showCredentials": True}
ROLES_OF_ONE_DATABASE = {"rolesInfo": 1, "showPrivileges": True, "showBuiltinRoles": False}
DATABASES = {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": False}
BUILD = {"buildInfo": 1}

COMMANDS: Mapping[QueryType, Mapping[str, object]] = {
    QueryType.MONGODB_GETPARAMETER: {"getParameter": "*"},
    QueryType.MONGODB_BUILDINFO: BUILD,
    QueryType.MONGODB_GETCMDLINEOPTS: {"getCmdLineOpts": 1},
    QueryType.MONGODB_REPLSETGETSTATUS: {"replSetGetStatus": 1},
    QueryType.MONGODB_GETDIAGNOSTICDATA: {"getDiagnosticData": 1},
    QueryType.MONGODB_CONNECTIONSTATUS: {"connectionStatus": 1, "showPrivileges": True},
    QueryType.MONGODB_SERVERSTATUS: {"serverStatus": 1},
    QueryType.MONGODB_HOSTINFO: {"hostInfo": 1},
    QueryType.MONGODB_LISTDATABASES: {"listDatabases": 1, "authorizedDatabases": False},
    QueryType.MONGODB_GETLOG: {"getLog": "startupWarnings"},
}
"""What is asked of the database ``admin`` and answered with one document."""

PROFILE = {"profile": -1}
"""Asked of each database; -1 reads the level and sets nothing."""

SHOWN_OF_CREDENTIALS = frozenset({"iterationCount", "external"})
"""What remains of a user's credentials; salts and keys are as good as the password to whoever guesses offline."""

MONITOR = 'db.getSiblingDB({source}).grantRolesToUser({user}, [{{role: "clusterMonitor", db: "admin"}}])'
VIEW_USERS = (
    'db.getSiblingDB("admin").createRole({{role: "watchwordViewUsers", roles: [], privileges: ['
    '{{resource: {{cluster: true}}, actions: ["viewUser", "listDatabases"]}}, '
    '{{resource: {{db: "", collection: ""}}, actions: ["viewUser", "viewRole"]}}]}}); '
    'db.getSiblingDB({source}).grantRolesToUser({user}, [{{role: "watchwordViewUsers", db: "admin"}}])'
)


def restrictions_of(users: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """Return the command for the addresses that users may log in from, which is told of users named one by one only."""
    names = [{"user": user["user"], "db": user["db"]} for user in users]
    return {"usersInfo": names, "showAuthenticationRestrictions": True}


def without_keys(user: Mapping[str, object]) -> dict[str, object]:
    """Return a user as usersInfo tells it, without what could be used to log in."""
    shown = {name: value for name, value in user.items() if name not in {"credentials", "pwd"}}
    if "customData" in shown:
        shown["customData"] = plain(shown["customData"])
    credentials = user.get("credentials")
    if isinstance(credentials, Mapping):
        shown["credentials"] = {str(mechanism): _shown(credential) for mechanism, credential in credentials.items()}
    return shown


def _shown(credential: object) -> object:
    if not isinstance(credential, Mapping):
        # ``external: true``; MONGODB-CR keeps a hash here.
        return credential if isinstance(credential, bool) else {}
    return {name: value for name, value in credential.items() if name in SHOWN_OF_CREDENTIALS}
