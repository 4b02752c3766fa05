"""Proofs: what is logged, what is not, and what should not be."""

from tests.integration.library_proofs.mysql.servers import MYSQL_84, started, variables
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements

_AUDIT = "INSTALL PLUGIN IF NOT EXISTS server_audit SONAME 'server_audit'"

PROOFS: tuple[Live | Documented, ...] = (
    Live("mysql_statements_logged", statements("SET GLOBAL general_log = ON"), severity="notice"),
    Live("mysql_audit_missing", as_started, severity="notice", own_server=started()),
    Live(
        "mysql_audit_missing",
        statements(_AUDIT, "SET GLOBAL server_audit_logging = OFF"),
        severity="notice",
        case="off",
    ),
    Live(
        "mysql_audit_missing",
        statements(_AUDIT, "SET GLOBAL server_audit_logging = ON", "SET GLOBAL server_audit_events = 'QUERY_DDL'"),
        severity="notice",
        case="without_logins",
    ),
    Live(
        "mysql_failed_logins_not_logged",
        statements("SET GLOBAL log_warnings = 1"),
        severity="warning",
        labels={"variable": "log_warnings"},
    ),
    Documented(
        "mysql_failed_logins_not_logged",
        source=MYSQL_84,
        weak=[variables(log_error_verbosity="2")],
        good=[variables(log_error_verbosity="3")],
        severity="notice",
        labels={"variable": "log_error_verbosity"},
        case="mysql_84",
    ),
    Documented(
        "mysql_failed_logins_not_logged",
        source="https://dev.mysql.com/doc/refman/5.7/en/server-system-variables.html#sysvar_log_warnings, MySQL 5.7",
        weak=[variables(log_error_verbosity="1", log_warnings="0")],
        good=[variables(log_error_verbosity="3", log_warnings="2")],
        severity="warning",
        labels={"variable": "log_error_verbosity"},
        case="mysql_57",
    ),
    Documented(
        "mysql_passwords_logged",
        source=MYSQL_84,
        weak=[variables(general_log="ON", log_raw="ON")],
        good=[variables(general_log="ON", log_raw="OFF")],
        severity="error",
    ),
    Documented(
        "mysql_passwords_logged",
        source=MYSQL_84,
        weak=[variables(general_log="OFF", log_raw="ON")],
        good=[variables(general_log="OFF", log_raw="OFF")],
        severity="warning",
        case="no_log_yet",
    ),
)
