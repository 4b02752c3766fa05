"""What the checks of MongoDB say of a mongod as a good DBA sets it up, told by whole documented replies with his
settings: nothing. The servers of the tests imitate MongoDB and show no configuration, so these replies stand for it.
"""

import pytest

from services.checker.sandbox import Sandbox
from services.checker.script import ScriptJob
from shared.checks import QueryType
from tests.integration.library_proofs.mongodb.replies import Reply, connection, options, reply, user
from watchword.check_files.library import built_in_checks

CHECKS = [check for check in built_in_checks() if check.engine == "mongodb"]

SECURITY = {
    "authorization": "enabled",
    "clusterAuthMode": "x509",
    "javascriptEnabled": False,
    "ldap": {"servers": "ldap.example.com", "bind": {"queryUser": "cn=mongod"}},
}
NET = {
    "bindIp": "localhost,10.0.0.5",
    "port": 27017,
    "tls": {
        "mode": "requireTLS",
        "certificateKeyFile": "/etc/ssl/mongodb.pem",
        "CAFile": "/etc/ssl/authority.pem",
        "disabledProtocols": "TLS1_0,TLS1_1",
    },
}
WHAT_PAID_EDITIONS_CAN = {
    "auditLog": {"destination": "syslog"},
    "security": {**SECURITY, "enableEncryption": True, "redactClientLogData": True},
}


def _mongod(edition: str) -> dict[QueryType, list[Reply]]:
    """Return what a member of a replica set answers."""
    sections = {"security": SECURITY, "net": NET, "replication": {"replSetName": "rs0"}}
    parameters = {
        "authenticationMechanisms": ["MONGODB-X509", "SCRAM-SHA-256"],
        "clusterAuthMode": "x509",
        "enableLocalhostAuthBypass": False,
        "featureCompatibilityVersion": {"version": "8.0"},
    }
    if edition != "community":
        sections |= WHAT_PAID_EDITIONS_CAN
        parameters["redactClientLogData"] = True
    return {
        QueryType.MONGODB_GETCMDLINEOPTS: options(**sections),
        QueryType.MONGODB_GETPARAMETER: reply("get_parameter", **parameters),
        QueryType.MONGODB_BUILDINFO: reply(f"build_info_{edition}"),
        QueryType.CONNECTION: connection(is_encrypted=True),
        **_quiet_server(),
    }


def _elsewhere() -> dict[QueryType, list[Reply]]:
    """Return what a service in a cloud answers that speaks MongoDB's wire and shows little of itself."""
    return {
        QueryType.MONGODB_GETCMDLINEOPTS: [{"argv": [], "parsed": {}, "ok": 1.0}],
        QueryType.MONGODB_GETPARAMETER: [{"ok": 1.0}],
        QueryType.MONGODB_BUILDINFO: [{"version": "8.0.4", "ok": 1.0}],
        QueryType.CONNECTION: connection(is_encrypted=True),
        **_quiet_server(),
        QueryType.MONGODB_USERSINFO: [{"users": [], "ok": 1.0}],
    }


def _quiet_server() -> dict[QueryType, list[Reply]]:
    return {
        QueryType.MONGODB_SERVERSTATUS: reply("server_status"),
        QueryType.MONGODB_CONNECTIONSTATUS: reply("connection_status"),
        QueryType.MONGODB_USERSINFO: user(),
        QueryType.MONGODB_ROLESINFO: [{"roles": [_role_of_an_application()], "ok": 1.0}],
        QueryType.MONGODB_LISTDATABASES: [
            {
                "databases": [
                    {"name": name, "sizeOnDisk": 40960, "empty": False} for name in ("admin", "local", "shop")
                ],
                "totalSize": 122880,
                "totalSizeMb": 0,
                "ok": 1.0,
            }
        ],
        QueryType.MONGODB_PROFILE: [
            {
                "was": 1,
                "slowms": 100,
                "sampleRate": 1.0,
                "ok": 1.0,
                "databases": [{"name": "shop", "was": 1, "slowms": 100, "sampleRate": 1.0, "ok": 1.0}],
            }
        ],
        QueryType.MONGODB_GETLOG: [{"totalLinesWritten": 0, "log": [], "ok": 1.0}],
    }


def _role_of_an_application() -> Reply:
    privileges = [{"resource": {"db": "myApp", "collection": "orders"}, "actions": ["find", "insert", "update"]}]
    return {
        "_id": "myApp.appUser",
        "role": "appUser",
        "db": "myApp",
        "privileges": privileges,
        "roles": [{"role": "read", "db": "myApp"}],
        "isBuiltin": False,
        "inheritedRoles": [{"role": "read", "db": "myApp"}],
        "inheritedPrivileges": privileges,
    }


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(_mongod("community"), id="community"),
        pytest.param(_mongod("enterprise"), id="enterprise"),
        pytest.param(_mongod("percona"), id="percona"),
        pytest.param(_elsewhere(), id="cloud"),
    ],
)
async def test_no_check_finds_anything(answers: dict[QueryType, list[Reply]]) -> None:
    found = {}
    async with Sandbox(workers=1, spares=0) as scripts:
        for check in CHECKS:
            documents = [answers[query.type] for query in check.queries]
            parameters = {name: parameter.default for name, parameter in check.parameters.items()}
            result = await scripts.run(ScriptJob(check.name, check.script, check.format, documents, parameters))
            assert result.error is None, (check.name, result.error)
            if result.findings:
                found[check.name] = [finding.summary for finding in result.findings]
    assert {name: what for name, what in found.items() if not _is_of_its_time(name)} == {}


def _is_of_its_time(name: str) -> bool:
    """Say whether a check looks at versions, which are good only for some time."""
    return name in {"mongodb_end_of_life", "mongodb_known_vulnerable", "mongodb_version_table_old"}
