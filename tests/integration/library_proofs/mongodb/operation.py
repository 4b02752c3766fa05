"""Proofs of the checks that ask how the server is run: what it logs, keeps, encrypts and lets clients do."""

from typing import Any

from tests.integration.library_proofs.mongodb.replies import Reply, options, reply, source
from tests.integration.library_proofs.proof import Documented, Live, statements

_OPTIONS = source("get_cmd_line_opts")
_PARAMETERS = source("get_parameter")
_STATUS = source("server_status")
_ENTERPRISE = source("build_info_enterprise", "get_cmd_line_opts")
_EDITIONS = source("build_info_percona", "build_info_community", "get_cmd_line_opts")


def _default_writes(members: Any, origin: str = "global") -> list[Reply]:
    (status,) = reply("server_status")
    changed = {"defaultWriteConcern": {"w": members, "wtimeout": 0}, "defaultWriteConcernSource": origin}
    return [status | {"defaultRWConcern": status["defaultRWConcern"] | changed}]


def _without_warning(words: str) -> list[Reply]:
    (log,) = reply("get_log_startup_warnings")
    return [log | {"log": [line for line in log["log"] if words not in line]}]


PROOFS: tuple[Live | Documented, ...] = (
    Documented(
        "mongodb_auditing_disabled",
        source=_ENTERPRISE,
        weak=[reply("build_info_enterprise"), options()],
        good=[reply("build_info_enterprise"), options(auditLog={"destination": "syslog"})],
        severity="notice",
    ),
    Documented(
        "mongodb_auditing_disabled",
        source=_EDITIONS,
        weak=[reply("build_info_percona"), options()],
        good=[reply("build_info_community"), options()],
        severity="notice",
        case="editions",
    ),
    Live(
        "mongodb_profiler_keeps_values",
        statements(
            'db.getSiblingDB("watched").runCommand({"insert": "orders", "documents": [{"total": 1}]})',
            'db.getSiblingDB("watched").runCommand({"profile": 2})',
        ),
        severity="warning",
        labels={"database": "watched"},
        accepted="watched",
    ),
    Live(
        "mongodb_quiet_log",
        statements('db.getSiblingDB("admin").runCommand({"setParameter": 1, "quiet": true})'),
        severity="warning",
    ),
    Documented(
        "mongodb_quiet_log",
        source=_PARAMETERS,
        weak=[reply("get_parameter", quiet=True)],
        good=[reply("get_parameter")],
        severity="warning",
        case="mongod",
    ),
    Documented(
        "mongodb_log_not_redacted",
        source=f"{_PARAMETERS} with the parameter that Enterprise adds",
        weak=[reply("get_parameter", redactClientLogData=False)],
        good=[reply("get_parameter", redactClientLogData=True)],
        severity="notice",
    ),
    Documented(
        "mongodb_log_not_redacted",
        source=f"{_PARAMETERS} of Enterprise and of Community",
        weak=[reply("get_parameter", redactClientLogData=False)],
        good=[reply("get_parameter")],
        severity="notice",
        case="editions",
    ),
    Documented(
        "mongodb_encryption_at_rest_disabled",
        source=_ENTERPRISE,
        weak=[reply("build_info_enterprise"), options()],
        good=[reply("build_info_enterprise"), options(security={"enableEncryption": True})],
        severity="notice",
    ),
    Documented(
        "mongodb_encryption_at_rest_disabled",
        source=_EDITIONS,
        weak=[reply("build_info_percona"), options()],
        good=[reply("build_info_community"), options()],
        severity="notice",
        case="editions",
    ),
    Documented(
        "mongodb_encryption_at_rest_disabled",
        source=f"{_ENTERPRISE}, of mongod and of mongos",
        weak=[reply("build_info_enterprise"), options(sharding={"clusterRole": "shardsvr"})],
        good=[reply("build_info_enterprise"), options(sharding={"configDB": "config/db1.example.com:27019"})],
        severity="notice",
        case="mongos",
    ),
    Documented(
        "mongodb_server_side_javascript",
        source=_OPTIONS,
        weak=[options()],
        good=[options(security={"javascriptEnabled": False})],
        severity="notice",
    ),
    Documented(
        "mongodb_server_side_javascript",
        source=f"{_OPTIONS}; twin: another server on this wire",
        weak=[options(security={"javascriptEnabled": True})],
        good=[[{"argv": ["otherdb"], "parsed": {"net": {}, "storage": {}}, "ok": 1.0}]],
        severity="notice",
        case="other_servers",
    ),
    Documented(
        "mongodb_test_commands",
        source=_PARAMETERS,
        weak=[reply("get_parameter", enableTestCommands=True)],
        good=[reply("get_parameter")],
        severity="error",
    ),
    Documented(
        "mongodb_runs_as_root",
        source=source("get_log_startup_warnings"),
        weak=[reply("get_log_startup_warnings")],
        good=[_without_warning("as the root user")],
        severity="warning",
    ),
    Documented(
        "mongodb_journal_disabled",
        source=_OPTIONS,
        weak=[options(storage={"dbPath": "/data/db", "journal": {"enabled": False}})],
        good=[options(storage={"dbPath": "/data/db", "journal": {"enabled": True}})],
        severity="error",
    ),
    Documented(
        "mongodb_unsafe_write_concern",
        source=_STATUS,
        weak=[_default_writes(1)],
        good=[reply("server_status")],
        severity="notice",
    ),
    Documented(
        "mongodb_unsafe_write_concern",
        source=_STATUS,
        weak=[_default_writes(0)],
        good=[_default_writes(1, "implicit")],
        severity="warning",
        case="unconfirmed",
    ),
    Documented(
        "mongodb_end_of_life",
        source=source("build_info_community", "server_status"),
        weak=[
            reply("build_info_community", version="6.0.24", versionArray=[6, 0, 24, 0]),
            reply("server_status", version="6.0.24"),
        ],
        good=[reply("build_info_community"), reply("server_status")],
        severity="error",
        labels={"version": "6.0"},
    ),
)
