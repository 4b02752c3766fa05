"""The proofs of what the server writes into its log, and what it should not."""

from collections.abc import Callable

from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.postgresql.servers import able_to_tls, restart, with_settings
from tests.integration.library_proofs.proof import Live, as_started, statements


def _with(setting: str, value: str) -> Callable[[Lab], None]:
    return statements(f"ALTER SYSTEM SET {setting} = '{value}'", "SELECT pg_reload_conf()")


PROOFS = (
    Live("postgresql_connections_not_logged", _with("log_connections", "off"), severity="notice"),
    Live("postgresql_disconnections_not_logged", _with("log_disconnections", "off"), severity="notice"),
    Live("postgresql_log_lines_without_origin", _with("log_line_prefix", "%m [%p] %%u@%d "), severity="notice"),
    Live("postgresql_definitions_not_logged", _with("log_statement", "none"), severity="notice"),
    Live("postgresql_data_in_logs", _with("log_statement", "all"), severity="warning", case="every_statement"),
    Live("postgresql_data_in_logs", _with("log_min_duration_statement", "0"), severity="warning", case="duration"),
    Live("postgresql_failures_not_logged", _with("log_min_messages", "fatal"), severity="warning"),
    Live(
        "postgresql_failures_not_logged",
        _with("log_min_error_statement", "panic"),
        severity="notice",
        case="statements",
    ),
    Live(
        "postgresql_log_files_open",
        as_started,
        severity="warning",
        own_server=with_settings({"logging_collector": "on", "log_file_mode": "0644"}),
    ),
    Live(
        "postgresql_audit_not_loaded",
        as_started,
        severity="notice",
        own_server=able_to_tls(),
        afterwards=restart,
    ),
)
