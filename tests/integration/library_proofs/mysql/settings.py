"""Proofs: files, plugins, encryption at rest, dangerous settings, leftovers, and what a restore needs."""

from pathlib import Path

from tests.integration.library_proofs.mysql.servers import MYSQL_84, file_of_keys, restart, started, variables
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements


def _folder_for_files(folder: Path) -> dict[str, str]:
    return {"secure-file-priv": str(folder)}


_MYSQL_ENCRYPTION = {
    "binlog_encryption": "ON",
    "default_table_encryption": "ON",
    "innodb_redo_log_encrypt": "ON",
    "innodb_undo_log_encrypt": "ON",
    "log_bin": "ON",
}

PROOFS: tuple[Live | Documented, ...] = (
    Live("mysql_local_infile_enabled", statements("SET GLOBAL local_infile = ON"), severity="warning"),
    Live(
        "mysql_file_access_everywhere",
        as_started,
        severity="warning",
        own_server=started(),
        by_hand=restart(_folder_for_files),
    ),
    Live(
        "mysql_symbolic_links",
        as_started,
        severity="notice",
        own_server=started(),
        by_hand=restart(),
    ),
    Live(
        "mysql_user_defined_functions",
        statements("REPLACE INTO mysql.func VALUES ('sys_exec', 2, 'lib_mysqludf_sys.so', 'function')"),
        severity="critical",
        labels={"function": "sys_exec"},
        accepted="sys_exec",
    ),
    Live(
        "mysql_user_defined_functions",
        statements("REPLACE INTO mysql.func VALUES ('fnv1a_64', 2, 'libfnv1a_udf.so', 'function')"),
        severity="warning",
        labels={"function": "fnv1a_64"},
        case="unknown",
    ),
    Live(
        "mysql_dangerous_plugins",
        statements("INSTALL SONAME 'handlersocket'"),
        severity="error",
        labels={"plugin": "handlersocket"},
        own_server=started({"plugin-maturity": "beta"}),
        accepted="handlersocket",
    ),
    Live(
        "mysql_mariadb_data_not_encrypted",
        as_started,
        severity="notice",
        labels={"variable": "innodb_encrypt_tables"},
        own_server=started({"log-bin": "binlog"}),
        by_hand=restart(file_of_keys),
    ),
    Documented(
        "mysql_data_not_encrypted",
        source=MYSQL_84,
        weak=[variables(**_MYSQL_ENCRYPTION | {"default_table_encryption": "OFF"})],
        good=[variables(**_MYSQL_ENCRYPTION)],
        severity="notice",
        labels={"variable": "default_table_encryption"},
    ),
    Documented(
        "mysql_data_not_encrypted",
        source=MYSQL_84,
        weak=[variables(**_MYSQL_ENCRYPTION | {"binlog_encryption": "OFF"})],
        good=[variables(**_MYSQL_ENCRYPTION | {"binlog_encryption": "OFF", "log_bin": "OFF"})],
        severity="notice",
        labels={"variable": "binlog_encryption"},
        case="binary_log",
    ),
    Live(
        "mysql_sql_mode_lax",
        statements("SET GLOBAL sql_mode = ''"),
        severity="warning",
        labels={"mode": "STRICT_TRANS_TABLES"},
    ),
    Live(
        "mysql_sql_mode_lax",
        statements("SET GLOBAL sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"),
        severity="warning",
        labels={"mode": "NO_AUTO_CREATE_USER"},
        case="accounts",
    ),
    Documented(
        "mysql_sql_mode_lax",
        source=MYSQL_84,
        weak=[variables(sql_mode="NO_ENGINE_SUBSTITUTION", version="8.4.8")],
        good=[
            variables(
                sql_mode="ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
                "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
                version="8.4.8",
            )
        ],
        severity="warning",
        labels={"mode": "STRICT_TRANS_TABLES"},
        case="mysql_84",
    ),
    Live(
        "mysql_sample_databases",
        statements("CREATE DATABASE IF NOT EXISTS test"),
        severity="notice",
        labels={"database": "test"},
    ),
    Live(
        "mysql_durability_relaxed",
        statements("SET GLOBAL innodb_flush_log_at_trx_commit = 2"),
        severity="notice",
        labels={"variable": "innodb_flush_log_at_trx_commit"},
        accepted="innodb_flush_log_at_trx_commit",
    ),
    Live(
        "mysql_durability_relaxed",
        statements("SET GLOBAL innodb_flush_log_at_trx_commit = 3", "SET GLOBAL sync_binlog = 0"),
        severity="notice",
        labels={"variable": "sync_binlog"},
        case="binary_log",
    ),
    Documented(
        "mysql_durability_relaxed",
        source="https://mariadb.com/docs/server/server-usage/storage-engines/innodb/innodb-system-variables, 10.11",
        weak=[variables(innodb_flush_log_at_trx_commit="0", log_bin="OFF", sync_binlog="0")],
        good=[variables(innodb_flush_log_at_trx_commit="3", log_bin="OFF", sync_binlog="0")],
        severity="notice",
        labels={"variable": "innodb_flush_log_at_trx_commit"},
        case="group_commit",
    ),
    Live(
        "mysql_binary_log_off",
        as_started,
        severity="notice",
        own_server=started(),
        by_hand=restart(),
    ),
    Live(
        "mysql_binary_log_kept_forever",
        statements("SET GLOBAL binlog_expire_logs_seconds = 0"),
        severity="notice",
    ),
    Documented(
        "mysql_binary_log_kept_forever",
        source="https://dev.mysql.com/doc/refman/8.4/en/replication-options-binary-log.html, MySQL 8.4",
        weak=[variables(binlog_expire_logs_auto_purge="OFF", binlog_expire_logs_seconds="2592000", log_bin="ON")],
        good=[variables(binlog_expire_logs_auto_purge="ON", binlog_expire_logs_seconds="2592000", log_bin="ON")],
        severity="notice",
        case="auto_purge_off",
    ),
)
