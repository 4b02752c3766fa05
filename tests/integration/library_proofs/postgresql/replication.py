"""The proofs of replication and of the archive of changes."""

from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.postgresql.servers import restart, start_shared, wait_until, with_settings
from tests.integration.library_proofs.proof import Live, as_started, statements


def _archive_one(lab: Lab) -> None:
    lab.execute("SELECT pg_logical_emit_message(false, '', '')", "SELECT pg_switch_wal()")


def _break_archive(lab: Lab) -> None:
    _archive_one(lab)
    wait_until(lab, "SELECT failed_count > 0 FROM pg_stat_archiver")


def _correct_archive(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "Correct archive_command" in remediation
    lab.execute("ALTER SYSTEM SET archive_command = 'true'")


def _until_archived(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    _archive_one(lab)
    wait_until(lab, "SELECT last_archived_time > last_failed_time FROM pg_stat_archiver")


PROOFS = (
    Live(
        "postgresql_unused_replication_slots",
        statements("SELECT pg_create_physical_replication_slot('gone', true)"),
        severity="warning",
        labels={"slot": "gone"},
        accepted="gone",
    ),
    Live(
        "postgresql_replication_not_logged",
        statements("DROP ROLE IF EXISTS copier", "CREATE ROLE copier LOGIN REPLICATION VALID UNTIL '2100-01-01'"),
        severity="notice",
    ),
    Live(
        "postgresql_subscription_runs_as_owner",
        statements(
            "CREATE SUBSCRIPTION news CONNECTION 'host=10.0.0.1' PUBLICATION all_news"
            " WITH (connect = false, slot_name = NONE, run_as_owner = true)"
        ),
        severity="warning",
        labels={"database": "postgres", "subscription": "news"},
        accepted="news",
    ),
    Live(
        "postgresql_archiving_off",
        as_started,
        severity="notice",
        own_server=start_shared(),
        afterwards=restart,
    ),
    Live(
        "postgresql_archiving_fails",
        _break_archive,
        severity="error",
        own_server=with_settings({"archive_mode": "on", "archive_command": "false"}),
        by_hand=_correct_archive,
        afterwards=_until_archived,
    ),
)
