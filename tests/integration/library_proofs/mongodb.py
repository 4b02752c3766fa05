"""The proofs of the checks of MongoDB: on a MongoDB-wire server, and, since that one shows no configuration of its
own, on the replies of mongod that the manual documents.
"""

from typing import Any

from examples.servers.mongodb import mongodb
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab, Start, mongod_options_in
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements

Reply = dict[str, Any]

_OPTIONS = "https://www.mongodb.com/docs/manual/reference/command/getCmdLineOpts/ (8.0)"
_BUILD = "https://www.mongodb.com/docs/manual/reference/command/buildInfo/ (8.0)"


def start_shared() -> Start:
    """A server that asks for a login, with an administrator."""
    return lambda: mongodb(has_logins=True)


def _open() -> Start:
    return mongodb


def _restart_with_options(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Do what the remediation says: write its lines into the configuration, and restart."""
    assert "restart the server" in remediation
    options = mongod_options_in(remediation)
    has_logins = options.get("security", {}).get("authorization") == "enabled"
    has_tls = options.get("net", {}).get("tls", {}).get("mode") == "requireTLS"
    assert has_logins or has_tls
    lab.replace(lambda: mongodb(has_logins=has_logins, has_tls=has_tls))


def _options(**sections: Reply) -> list[Reply]:
    """Return the reply of the manual's example, with sections of the configuration added or replaced."""
    parsed: Reply = {
        "config": "/etc/mongod.conf",
        "net": {"bindIp": "127.0.0.1", "port": 27017},
        "processManagement": {"fork": True},
        "storage": {"dbPath": "/data/db"},
        "systemLog": {"destination": "file", "logAppend": True, "path": "/var/log/mongodb/mongod.log"},
    }
    return [{"argv": ["/usr/bin/mongod", "--config", "/etc/mongod.conf"], "parsed": parsed | sections, "ok": 1.0}]


def _connection(*, is_encrypted: bool = False) -> list[Reply]:
    return [
        {
            "encrypted": is_encrypted,
            "tls_version": "TLSv1.3" if is_encrypted else "",
            "cipher": "TLS_AES_256_GCM_SHA384" if is_encrypted else "",
            "authentication": "SCRAM-SHA-256",
            "user": "watchword",
            "server_version": "8.0.4",
            "flavour": "mongodb",
            "password_used": True,
        }
    ]


def _logged_in() -> list[Reply]:
    users = [{"user": "watchword", "db": "admin"}]
    roles = [{"role": "clusterMonitor", "db": "admin"}]
    return [{"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}, "ok": 1.0}]


def _nobody() -> list[Reply]:
    return [{"authInfo": {"authenticatedUsers": [], "authenticatedUserRoles": []}, "ok": 1.0}]


def _build(version: str, modules: list[str]) -> list[Reply]:
    return [
        {
            "version": version,
            "gitVersion": "bc35ab4305d9920d9d0491c1c9ef9b72383d31f9",
            "modules": modules,
            "allocator": "tcmalloc-google",
            "javascriptEngine": "mozjs",
            "sysInfo": "deprecated",
            "versionArray": [*(int(part) for part in version.split(".")), 0],
            "openssl": {"running": "OpenSSL 3.0.2 15 Mar 2022", "compiled": "OpenSSL 3.0.2 15 Mar 2022"},
            "buildEnvironment": {"distmod": "ubuntu2204", "distarch": "x86_64", "target_arch": "x86_64"},
            "bits": 64,
            "debug": False,
            "maxBsonObjectSize": 16777216,
            "storageEngines": ["devnull", "wiredTiger"],
            "ok": 1.0,
        }
    ]


def _status(version: str) -> list[Reply]:
    return [
        {
            "host": "db1",
            "version": version,
            "process": "mongod",
            "pid": 4711,
            "uptime": 86400.0,
            "localTime": 1795428000000000000,  # 2026-11-23
            "connections": {"current": 3, "available": 51197, "totalCreated": 12},
            "storageEngine": {"name": "wiredTiger", "persistent": True},
            "ok": 1.0,
        }
    ]


def _parameters(**changed: Any) -> list[Reply]:
    return [
        {
            "auditAuthorizationSuccess": False,
            "authenticationMechanisms": ["MONGODB-X509", "SCRAM-SHA-1", "SCRAM-SHA-256"],
            "authFailedDelayMs": 0,
            "clusterAuthMode": "undefined",
            "enableLocalhostAuthBypass": True,
            "enableTestCommands": False,
            "featureCompatibilityVersion": {"version": "8.0"},
            "logLevel": 0,
            "notablescan": False,
            "quiet": False,
            "saslauthdPath": "",
            "scramIterationCount": 10000,
            "scramSHA256IterationCount": 15000,
            "tlsMode": "disabled",
            "traceExceptions": False,
            "ok": 1.0,
        }
        | changed
    ]


def _users(mechanisms: list[str]) -> list[Reply]:
    user = {
        "_id": "products.appClient",
        "userId": '{"subtype":4,"bytes":"q1sYKtsdRRq+cHHSfKkjjQ=="}',
        "user": "appClient",
        "db": "products",
        "mechanisms": mechanisms,
        "customData": {"empID": "12345", "badge": "9156"},
        "roles": [{"role": "readWrite", "db": "products"}],
        "inheritedRoles": [{"role": "readWrite", "db": "products"}],
        "inheritedPrivileges": [],
        "authenticationRestrictions": [],
    }
    return [{"users": [user], "ok": 1.0}]


_ENABLED = {"authorization": "enabled"}

PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mongodb_authorization_disabled",
        as_started,
        severity="critical",
        own_server=_open(),
        by_hand=_restart_with_options,
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_OPTIONS,
        weak=[_options(), _nobody()],
        good=[_options(security=_ENABLED), _logged_in()],
        severity="critical",
        case="mongod",
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_OPTIONS,
        weak=[_options(), _logged_in()],
        good=[_options(security={"clusterAuthMode": "x509"}), _logged_in()],
        severity="critical",
        case="login_taken_not_needed",
    ),
    Documented(
        "mongodb_authorization_disabled",
        source=_OPTIONS,
        weak=[_options(security={"keyFile": "/etc/mongodb.key", "transitionToAuth": True}), _logged_in()],
        good=[_options(security={"keyFile": "/etc/mongodb.key", "transitionToAuth": False}), _logged_in()],
        severity="critical",
        case="transition",
    ),
    Live(
        "mongodb_tls_disabled",
        as_started,
        severity="error",
        summary="TLS is off",
        own_server=_open(),
        by_hand=_restart_with_options,
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[_options(net={"bindIp": "10.0.0.5", "port": 27017}), _connection()],
        good=[_options(net={"bindIp": "10.0.0.5", "tls": {"mode": "requireTLS"}}), _connection(is_encrypted=True)],
        severity="error",
        case="mongod",
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[_options(net={"tls": {"mode": "preferTLS"}}), _connection(is_encrypted=True)],
        good=[_options(net={"ssl": {"mode": "requireSSL"}}), _connection(is_encrypted=True)],
        severity="warning",
        case="optional",
    ),
    Documented(
        "mongodb_tls_disabled",
        source=_OPTIONS,
        weak=[_options(), _connection()],
        good=[_options(net={"tls": {"mode": "requireTLS"}}), _connection(is_encrypted=True)],
        severity="notice",
        case="local",
    ),
    Documented(
        "mongodb_listen_all_addresses",
        source=_OPTIONS,
        weak=[_options(net={"bindIp": "0.0.0.0", "port": 27017})],
        good=[_options()],
        severity="warning",
    ),
    Documented(
        "mongodb_listen_all_addresses",
        source=_OPTIONS,
        weak=[_options(net={"bindIpAll": True, "port": 27017})],
        good=[_options(net={"bindIp": "localhost,10.0.0.5", "port": 27017})],
        severity="warning",
        case="bind_ip_all",
    ),
    Documented(
        "mongodb_sha1_only_users",
        source="https://www.mongodb.com/docs/manual/reference/command/usersInfo/ (8.0)",
        weak=[_users(["SCRAM-SHA-1"])],
        good=[_users(["SCRAM-SHA-256"])],
        severity="warning",
        labels={"user": "appClient", "database": "products"},
    ),
    Live(
        "mongodb_unlimited_users",
        statements(
            'db.getSiblingDB("admin").runCommand({"createUser": "o\\"dd", "pwd": "a-password", "roles": ["root"]})'
        ),
        severity="warning",
        labels={"user": 'o"dd', "database": "admin", "role": "root"},
        accepted='o"dd@admin',
        parameters={"accepted": ("admin@admin",)},
    ),
    Live(
        "mongodb_unlimited_custom_roles",
        statements(
            'db.getSiblingDB("admin").runCommand({"createRole": "everything", "roles": [], "privileges": '
            '[{"resource": {"anyResource": true}, "actions": ["anyAction"]}]})'
        ),
        severity="error",
        labels={"role": "everything", "database": "admin"},
    ),
    Documented(
        "mongodb_auditing_disabled",
        source=f"{_BUILD} of Enterprise and {_OPTIONS}",
        weak=[_build("8.0.4", ["enterprise"]), _options()],
        good=[_build("8.0.4", ["enterprise"]), _options(auditLog={"destination": "syslog"})],
        severity="notice",
    ),
    Documented(
        "mongodb_auditing_disabled",
        source=f"{_BUILD} of Percona Server for MongoDB and of Community",
        weak=[[_build("8.0.4", [])[0] | {"psmdbVersion": "8.0.4-1"}], _options()],
        good=[_build("8.0.4", []), _options()],
        severity="notice",
        case="editions",
    ),
    Documented(
        "mongodb_localhost_exception",
        source="https://www.mongodb.com/docs/manual/reference/parameters/ (8.0), the defaults",
        weak=[_parameters()],
        good=[_parameters(enableLocalhostAuthBypass=False)],
        severity="notice",
    ),
    Documented(
        "mongodb_end_of_life",
        source=f"{_BUILD} and https://www.mongodb.com/docs/manual/reference/command/serverStatus/",
        weak=[_build("6.0.24", []), _status("6.0.24")],
        good=[_build("8.0.4", []), _status("8.0.4")],
        severity="error",
        labels={"version": "6.0"},
    ),
)
