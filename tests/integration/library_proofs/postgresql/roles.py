"""The proofs of what roles may do, and how they keep their passwords."""

from collections.abc import Callable

from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.postgresql.servers import start_shared, with_tls
from tests.integration.library_proofs.proof import Live, statements

_PROVIDERS = ("rdsadmin", "rds_superuser", "master")


def _at_a_provider(attribute: str) -> Callable[[Lab], None]:
    """Make a role with an attribute, beside the provider's own and the one that it gives to its customer."""
    return statements(
        "CREATE ROLE rdsadmin LOGIN SUPERUSER",
        f"CREATE ROLE rds_superuser {attribute}",
        f"CREATE ROLE master {attribute} IN ROLE rds_superuser",
        f"CREATE ROLE mine {attribute}",
    )


def _not_of_the_provider(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert finding.labels["role"] not in _PROVIDERS


def _seen_at_a_provider(check: str, attribute: str, severity: str) -> Live:
    return Live(
        check,
        _at_a_provider(attribute),
        severity=severity,
        labels={"role": "mine"},
        own_server=start_shared(),
        by_hand=_not_of_the_provider,
        case="provider",
    )


PROOFS = (
    Live(
        "postgresql_superuser_roles",
        statements('DROP ROLE IF EXISTS "o\'dd ""role"', 'CREATE ROLE "o\'dd ""role" LOGIN SUPERUSER'),
        severity="warning",
        labels={"role": "o'dd \"role"},
        accepted="o'dd \"role",
    ),
    Live(
        "postgresql_members_of_superusers",
        statements(
            "DROP ROLE IF EXISTS helper, boss",
            "CREATE ROLE boss SUPERUSER",
            "CREATE ROLE helper LOGIN IN ROLE boss",
        ),
        severity="error",
        labels={"role": "helper", "superuser": "boss"},
        accepted="helper",
    ),
    Live(
        "postgresql_members_of_superusers",
        statements(
            "DROP ROLE IF EXISTS helper, reader, boss",
            "CREATE ROLE boss SUPERUSER",
            "CREATE ROLE reader LOGIN",
            "GRANT boss TO reader WITH SET FALSE, INHERIT TRUE",
            "CREATE ROLE helper LOGIN",
            "GRANT boss TO helper WITH ADMIN TRUE, SET FALSE, INHERIT FALSE",
        ),
        severity="error",
        labels={"role": "helper", "superuser": "boss"},
        case="admin_option",
    ),
    Live(
        "postgresql_bypass_row_security",
        statements("DROP ROLE IF EXISTS allseeing", "CREATE ROLE allseeing BYPASSRLS"),
        severity="warning",
        labels={"role": "allseeing"},
        accepted="allseeing",
    ),
    Live(
        "postgresql_roles_that_create_roles",
        statements("DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk CREATEROLE"),
        severity="notice",
        labels={"role": "clerk"},
        accepted="clerk",
    ),
    Live(
        "postgresql_roles_that_create_roles",
        statements("CREATE ROLE clerk CREATEROLE"),
        severity="error",
        labels={"role": "clerk"},
        own_server=with_tls(),
        case="before_16",
    ),
    Live(
        "postgresql_replication_role_owns_objects",
        statements(
            "DROP TABLE IF EXISTS copied",
            "DROP ROLE IF EXISTS shop, standby",
            "CREATE ROLE shop REPLICATION",
            "CREATE ROLE standby REPLICATION LOGIN",
            "CREATE TABLE copied (id int)",
            "ALTER TABLE copied OWNER TO shop",
        ),
        severity="warning",
        labels={"role": "shop"},
        accepted="shop",
    ),
    Live(
        "postgresql_passwords_without_expiry",
        statements('DROP ROLE IF EXISTS "li$$b\'"', 'CREATE ROLE "li$$b\'" LOGIN'),
        severity="notice",
        labels={"role": "li$$b'"},
        accepted="li$$b'",
    ),
    Live(
        "postgresql_passwords_without_expiry",
        statements("DROP ROLE IF EXISTS ever", "CREATE ROLE ever LOGIN VALID UNTIL 'infinity'"),
        severity="notice",
        labels={"role": "ever"},
        case="infinity",
    ),
    Live(
        "postgresql_weak_password_encryption",
        statements("ALTER SYSTEM SET password_encryption = 'md5'", "SELECT pg_reload_conf()"),
        severity="warning",
    ),
    Live(
        "postgresql_server_file_access",
        statements("DROP ROLE IF EXISTS loader", "CREATE ROLE loader", "GRANT pg_execute_server_program TO loader"),
        severity="error",
        labels={"role": "loader", "membership": "pg_execute_server_program"},
        accepted="loader",
    ),
    Live(
        "postgresql_all_data_roles",
        statements("DROP ROLE IF EXISTS dumper", "CREATE ROLE dumper IN ROLE pg_read_all_data"),
        severity="notice",
        labels={"role": "dumper", "membership": "pg_read_all_data"},
        accepted="dumper",
    ),
    Live(
        "postgresql_all_data_roles",
        statements("DROP ROLE IF EXISTS loader", "CREATE ROLE loader IN ROLE pg_write_all_data"),
        severity="warning",
        labels={"role": "loader", "membership": "pg_write_all_data"},
        case="writing",
    ),
    _seen_at_a_provider("postgresql_bypass_row_security", "BYPASSRLS", "warning"),
    _seen_at_a_provider("postgresql_roles_that_create_roles", "CREATEROLE", "notice"),
)
