"""Proofs of the checks that ask what users and roles may do."""

import json
from collections.abc import Callable

from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.mongodb.replies import source, user
from tests.integration.library_proofs.proof import Documented, Live, statements

_ADMINISTRATOR = "admin@admin"
"""The one that the shared server has."""


def _user(name: str, role: str, database: str = "admin") -> Callable[[Lab], None]:
    command = {"createUser": name, "pwd": "a-password", "roles": [{"role": role, "db": database}]}
    return statements(f'db.getSiblingDB("admin").runCommand({json.dumps(command)})')


def _role(
    name: str, *, roles: tuple[str, ...] = (), privilege: dict[str, object] | None = None
) -> Callable[[Lab], None]:
    command = {
        "createRole": name,
        "roles": [{"role": role, "db": "admin"} for role in roles],
        "privileges": [privilege] if privilege else [],
    }
    return statements(f'db.getSiblingDB("admin").runCommand({json.dumps(command)})')


def _granted(check: str, name: str, role: str, severity: str) -> Live:
    return Live(
        check,
        _user(name, role),
        severity=severity,
        labels={"user": name, "database": "admin", "role": role},
        accepted=f"{name}@admin",
        case=role,
    )


def _documented(check: str, role: str, severity: str) -> Documented:
    """A role that the server at hand does not know."""
    return Documented(
        check,
        source=source("users_info"),
        weak=[user(roles=[{"role": role, "db": "admin"}])],
        good=[user(roles=[{"role": role, "db": "home"}])],
        severity=severity,
        labels={"user": "Kari", "database": "home", "role": role},
        case=role,
        accepted=() if role == "__system" else ("Kari@home",),
    )


PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mongodb_unlimited_users",
        _user('o"dd', "root"),
        severity="warning",
        labels={"user": 'o"dd', "database": "admin", "role": "root"},
        accepted='o"dd@admin',
        parameters={"accepted": (_ADMINISTRATOR,)},
    ),
    _documented("mongodb_unlimited_users", "__system", "error"),
    _granted("mongodb_user_administrators", "helpdesk", "userAdminAnyDatabase", "warning"),
    _granted("mongodb_user_administrators", "restorer", "restore", "warning"),
    _granted("mongodb_user_administrators", "owner", "dbOwner", "warning"),
    _granted("mongodb_user_administrators", "keeper", "userAdmin", "warning"),
    _granted("mongodb_any_database_users", "shop", "readWriteAnyDatabase", "warning"),
    _granted("mongodb_any_database_users", "tuner", "dbAdminAnyDatabase", "warning"),
    _granted("mongodb_any_database_users", "reports", "readAnyDatabase", "notice"),
    _granted("mongodb_cluster_administrators", "deployer", "clusterAdmin", "warning"),
    _documented("mongodb_cluster_administrators", "clusterManager", "warning"),
    _documented("mongodb_cluster_administrators", "hostManager", "warning"),
    Live(
        "mongodb_system_database_writers",
        _user("follower", "readWrite", "local"),
        severity="warning",
        labels={"user": "follower", "database": "admin", "role": "readWrite", "written": "local"},
        accepted="follower@admin",
    ),
    Live(
        "mongodb_system_database_writers",
        _user("balancer", "dbAdmin", "config"),
        severity="warning",
        labels={"user": "balancer", "database": "admin", "role": "dbAdmin", "written": "config"},
        accepted="balancer@admin",
        case="of_the_cluster",
    ),
    Live(
        "mongodb_unlimited_custom_roles",
        _role("everything", privilege={"resource": {"anyResource": True}, "actions": ["anyAction"]}),
        severity="error",
        labels={"role": "everything", "database": "admin"},
        accepted="everything@admin",
    ),
    Live(
        "mongodb_unlimited_custom_roles",
        _role("deputy", roles=("root",)),
        severity="error",
        labels={"role": "deputy", "database": "admin"},
        accepted="deputy@admin",
        case="inherits_root",
    ),
    Live(
        "mongodb_custom_role_administrators",
        _role("hire", roles=("userAdminAnyDatabase",)),
        severity="warning",
        labels={"role": "hire", "database": "admin"},
        accepted="hire@admin",
        case="inherits",
    ),
    Live(
        "mongodb_custom_role_administrators",
        _role("promote", privilege={"resource": {"db": "", "collection": ""}, "actions": ["viewUser", "grantRole"]}),
        severity="warning",
        labels={"role": "promote", "database": "admin"},
        accepted="promote@admin",
        case="grants",
    ),
    Live(
        "mongodb_custom_role_administrators",
        _role("mend", privilege={"resource": {"db": "admin", "collection": "system.users"}, "actions": ["update"]}),
        severity="warning",
        labels={"role": "mend", "database": "admin"},
        accepted="mend@admin",
        case="writes_the_users",
    ),
)
