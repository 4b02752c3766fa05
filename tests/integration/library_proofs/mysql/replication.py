"""Proofs: who replicates, and over what connection."""

from tests.integration.library_proofs.proof import Documented, Live, statements


def _replica(*, has_tls: bool) -> tuple[str, str]:
    """Return what makes a replica of a primary that nobody is at."""
    source = "MASTER_HOST = '127.0.0.2', MASTER_PORT = 9, MASTER_USER = 'replica'"
    tls = f"MASTER_SSL = {int(has_tls)}, MASTER_SSL_VERIFY_SERVER_CERT = 0"
    return "STOP SLAVE ''", f"CHANGE MASTER '' TO {source}, {tls}"


def _channel(**values: str) -> list[dict[str, str]]:
    return [{"channel": "", "host": "db1.example.org", "ssl_verify_server_certificate": "NO", **values}]


_SOURCE = (
    "https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-connection-configuration-table.html,"
    " MySQL 8.4"
)

PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mysql_replication_accounts_without_tls",
        statements(
            "CREATE OR REPLACE USER replica@'10.0.0.%' IDENTIFIED BY 'a-password'",
            "GRANT REPLICATION SLAVE ON *.* TO replica@'10.0.0.%'",
        ),
        severity="warning",
        labels={"user": "replica", "host": "10.0.0.%"},
        accepted="replica@10.0.0.%",
    ),
    Live(
        "mysql_replication_accounts_that_write",
        statements(
            "CREATE OR REPLACE USER everything@'10.0.0.%' IDENTIFIED BY 'a-password'",
            "GRANT REPLICATION SLAVE, INSERT ON *.* TO everything@'10.0.0.%'",
        ),
        severity="warning",
        labels={"user": "everything", "host": "10.0.0.%"},
        accepted="everything@10.0.0.%",
    ),
    Live(
        "mysql_mariadb_replication_without_tls",
        statements(*_replica(has_tls=False)),
        severity="warning",
        labels={"connection": ""},
        summary="goes without TLS",
    ),
    Live(
        "mysql_mariadb_replication_without_tls",
        statements(*_replica(has_tls=True)),
        severity="notice",
        labels={"connection": ""},
        summary="does not verify the certificate",
        case="unverified",
    ),
    Documented(
        "mysql_replication_without_tls",
        source=_SOURCE,
        weak=[_channel(ssl_allowed="NO")],
        good=[_channel(ssl_allowed="YES", ssl_verify_server_certificate="YES")],
        severity="warning",
        labels={"channel": ""},
    ),
    Documented(
        "mysql_replication_without_tls",
        source=_SOURCE,
        weak=[_channel(ssl_allowed="YES")],
        good=[_channel(ssl_allowed="YES", ssl_verify_server_certificate="YES")],
        severity="notice",
        labels={"channel": ""},
        case="unverified",
    ),
)
