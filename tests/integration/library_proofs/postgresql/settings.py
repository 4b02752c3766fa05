"""The proofs of settings that switch a safeguard off, hold a secret, or endanger the data."""

from collections.abc import Callable

from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import ByHand, Lab
from tests.integration.library_proofs.postgresql.servers import able_to_tls, run_program
from tests.integration.library_proofs.proof import Live, as_started, statements


def _with(setting: str, value: str) -> Callable[[Lab], None]:
    return statements(f"ALTER SYSTEM SET {setting} = '{value}'", "SELECT pg_reload_conf()")


def _without_secret(value: str) -> ByHand:
    def by_hand(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
        setting = finding.labels["setting"]
        assert f"set {setting} without it" in remediation
        lab.execute(f"ALTER SYSTEM SET {setting} = '{value}'")

    return by_hand


def _enable_checksums(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "pg_checksums --enable -D" in remediation
    lab.server.process.stop()
    run_program(lab, "pg_checksums", "--enable", "-D", lab.server.folder / "data")
    lab.server.process.start()


PROOFS = (
    Live(
        "postgresql_secrets_in_settings",
        _with("primary_conninfo", "host=10.0.0.1 user=standby password=hunter2"),
        severity="warning",
        labels={"setting": "primary_conninfo"},
        accepted="primary_conninfo",
        by_hand=_without_secret("host=10.0.0.1 user=standby passfile=/etc/standby.pgpass"),
    ),
    Live(
        "postgresql_secrets_in_settings",
        _with("restore_command", "fetch https://backup:hunter2@10.0.0.2/%f %p"),
        severity="warning",
        labels={"setting": "restore_command"},
        by_hand=_without_secret("fetch https://10.0.0.2/%f %p"),
        case="url",
    ),
    Live(
        "postgresql_secrets_in_settings",
        _with("ssl_passphrase_command", "echo hunter2"),
        severity="warning",
        labels={"setting": "ssl_passphrase_command"},
        by_hand=_without_secret("cat /run/passphrase"),
        case="passphrase",
    ),
    Live(
        "postgresql_safeguards_off",
        _with("session_replication_role", "replica"),
        severity="error",
        labels={"setting": "session_replication_role", "expected": "origin"},
        case="triggers",
    ),
    Live(
        "postgresql_safeguards_off",
        _with("event_triggers", "off"),
        severity="warning",
        labels={"setting": "event_triggers", "expected": "on"},
        case="event_triggers",
    ),
    Live(
        "postgresql_safeguards_off",
        _with("backslash_quote", "on"),
        severity="warning",
        labels={"setting": "backslash_quote", "expected": "safe_encoding"},
        case="quotes",
    ),
    Live(
        "postgresql_damage_is_ignored",
        _with("zero_damaged_pages", "on"),
        severity="error",
        labels={"setting": "zero_damaged_pages"},
    ),
    Live(
        "postgresql_data_checksums_off",
        as_started,
        severity="notice",
        own_server=able_to_tls(),
        by_hand=_enable_checksums,
    ),
    Live("postgresql_crash_safety_off", _with("fsync", "off"), severity="error", summary="fsync"),
    Live(
        "postgresql_crash_safety_off",
        statements("ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"),
        severity="warning",
        summary="full_page_writes",
        case="full_pages",
    ),
)
