"""The proofs of the checks that know versions: no server at hand is so old, so they are proven on what each product
says of its version. The newest releases of the test's own servers are seen to pass in ``test_library_hardened.py``.
"""

import datetime as dt
from typing import Any

from tests.integration.library_proofs.proof import Documented
from watchword.check_files.version_tables import version_tables

_POSTGRESQL = "https://www.postgresql.org/docs/16/runtime-config-preset.html, server_version_num of 16"
_MYSQL = "https://dev.mysql.com/doc/refman/8.4/en/information-functions.html#function_version, of 8.4 and before"
_MARIADB = "https://mariadb.com/kb/en/version/, of 10.6"
_AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraMySQLReleaseNotes/, VERSION() of Aurora MySQL 3"
_MONGODB = "https://www.mongodb.com/docs/manual/reference/command/buildInfo/ (8.0)"

_MADE = (version_tables().made_on - dt.date(1970, 1, 1)).days
_IN_TIME, _TOO_LATE = _MADE + 180, _MADE + 181


def _build(version: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "version": version,
            "gitVersion": "bc35ab4305d9920d9d0491c1c9ef9b72383d31f9",
            "modules": [],
            "allocator": "tcmalloc-google",
            "javascriptEngine": "mozjs",
            "sysInfo": "deprecated",
            "versionArray": [*(int(part) for part in version.split("-")[0].split(".")), 0],
            "openssl": {"running": "OpenSSL 3.0.2 15 Mar 2022", "compiled": "OpenSSL 3.0.2 15 Mar 2022"},
            "buildEnvironment": {"distmod": "ubuntu2204", "distarch": "x86_64", "target_arch": "x86_64"},
            "bits": 64,
            "debug": False,
            "maxBsonObjectSize": 16777216,
            "storageEngines": ["devnull", "wiredTiger"],
            "ok": 1.0,
        }
        | more
    ]


def _document_db(version: str) -> list[dict[str, Any]]:
    """What a server says that only speaks MongoDB's protocol: no allocator, no engine."""
    return [{"version": version, "gitVersion": "0" * 40, "bits": 64, "maxBsonObjectSize": 16777216, "ok": 1.0}]


def _status(day: int) -> list[dict[str, Any]]:
    return [
        {
            "host": "db1",
            "version": "8.0.29",
            "process": "mongod",
            "pid": 4711,
            "uptime": 86400.0,
            "localTime": day * 86400 * 1_000_000_000,
            "connections": {"current": 3, "available": 51197, "totalCreated": 12},
            "storageEngine": {"name": "wiredTiger", "persistent": True},
            "ok": 1.0,
        }
    ]


PROOFS: tuple[Documented, ...] = (
    Documented(
        "postgresql_known_vulnerable",
        source=_POSTGRESQL,
        weak=[[{"version_number": 160005}]],
        good=[[{"version_number": 160015}]],
        severity="error",
        labels={"product": "PostgreSQL", "version": "16"},
    ),
    Documented(
        "postgresql_known_vulnerable",
        source=_POSTGRESQL,
        weak=[[{"version_number": 180000}]],
        good=[[{"version_number": 180006}]],
        severity="error",
        labels={"product": "PostgreSQL", "version": "18"},
        case="first_release",
    ),
    Documented(
        "postgresql_known_vulnerable",
        source=_POSTGRESQL,
        weak=[[{"version_number": 110021}]],
        good=[[{"version_number": 110022}]],
        severity="error",
        labels={"product": "PostgreSQL", "version": "11"},
        accepted=("CVE-2023-5868", "CVE-2023-5869", "CVE-2023-5870"),
        case="backported",
    ),
    Documented(
        "mysql_known_vulnerable",
        source=_MYSQL,
        weak=[[{"version": "8.4.10"}]],
        good=[[{"version": "8.4.11"}]],
        severity="error",
        labels={"product": "MySQL", "version": "8.4"},
        accepted=("CVE-2026-60315", "CVE-2026-60316", "CVE-2026-61094", "CVE-2026-60188"),
        case="mysql",
    ),
    Documented(
        "mysql_known_vulnerable",
        source=_MYSQL,
        weak=[[{"version": "9.6.0"}]],
        good=[[{"version": "9.7.2"}]],
        severity="warning",
        labels={"product": "MySQL", "version": "9.6"},
        case="series_that_ended",
    ),
    Documented(
        "mysql_known_vulnerable",
        source="https://docs.percona.com/percona-server/8.0/release-notes/8.0.36-28.html, VERSION() of 8.0.36-28",
        weak=[[{"version": "8.0.36-28"}]],
        good=[[{"version": "8.0.46-37"}]],
        severity="warning",
        labels={"product": "MySQL", "version": "8.0"},
        case="percona",
    ),
    Documented(
        "mysql_known_vulnerable",
        source=_MARIADB,
        weak=[[{"version": "10.6.24-MariaDB-ubu2204"}]],
        good=[[{"version": "10.6.27-MariaDB-ubu2204-log"}]],
        severity="error",
        labels={"product": "MariaDB", "version": "10.6"},
        case="mariadb",
    ),
    Documented(
        "mysql_known_vulnerable",
        source=_AURORA,
        weak=[[{"version": "8.0.32"}]],
        good=[[{"version": "8.0.mysql_aurora.3.04.0"}]],
        severity="warning",
        labels={"product": "MySQL", "version": "8.0"},
        case="aurora_has_numbers_of_its_own",
    ),
    Documented(
        "mongodb_known_vulnerable",
        source=_MONGODB,
        weak=[_build("8.0.16")],
        good=[_build("8.0.29")],
        severity="critical",
        labels={"product": "MongoDB", "version": "8.0"},
    ),
    Documented(
        "mongodb_known_vulnerable",
        source="https://docs.percona.com/percona-server-for-mongodb/7.0/release_notes/7.0.28-15.html, 7.0.28-15",
        weak=[_build("7.0.38-21", psmdbVersion="7.0.38-21")],
        good=[_build("7.0.39-22", psmdbVersion="7.0.39-22")],
        severity="error",
        labels={"product": "MongoDB", "version": "7.0"},
        accepted=("CVE-2026-13059", "CVE-2026-13060", "CVE-2026-13068"),
        case="percona",
    ),
    Documented(
        "mongodb_known_vulnerable",
        source=f"{_MONGODB}, and of Amazon DocumentDB 5.0 at https://docs.aws.amazon.com/documentdb/",
        weak=[_build("5.0.0")],
        good=[_document_db("5.0.0")],
        severity="critical",
        labels={"product": "MongoDB", "version": "5.0"},
        case="imitations_have_code_of_their_own",
    ),
    Documented(
        "postgresql_version_table_old",
        source="https://www.postgresql.org/docs/18/functions-datetime.html, current_date of 18",
        weak=[[{"today": _TOO_LATE}]],
        good=[[{"today": _IN_TIME}]],
        severity="notice",
    ),
    Documented(
        "mysql_version_table_old",
        source="https://dev.mysql.com/doc/refman/8.4/en/date-and-time-functions.html, CURRENT_DATE of 8.4",
        weak=[[{"today": _TOO_LATE}]],
        good=[[{"today": _IN_TIME}]],
        severity="notice",
    ),
    Documented(
        "mongodb_version_table_old",
        source="https://www.mongodb.com/docs/manual/reference/command/serverStatus/ (8.0)",
        weak=[_status(_TOO_LATE)],
        good=[_status(_IN_TIME)],
        severity="notice",
    ),
)
