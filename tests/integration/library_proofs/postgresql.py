"""The proofs of the checks of PostgreSQL, on 18 and, where TLS is needed, on 15."""

import re
from collections.abc import Callable

from examples.servers.certificates import write_certificates
from examples.servers.place import give_to_server
from examples.servers.postgresql import postgresql, postgresql_18, postgresql_of_distribution
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab, Start
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements


def start_shared() -> Start:
    """Version 18, with a password for its administrator."""
    return lambda: postgresql(postgresql_18(), host_authentication="scram-sha-256")


def _with_tls() -> Start:
    return lambda: postgresql(postgresql_of_distribution(), has_tls=True, host_authentication="scram-sha-256")


def _able_to_tls() -> Start:
    return lambda: postgresql(postgresql_of_distribution(), host_authentication="scram-sha-256")


def _everywhere() -> Start:
    return lambda: postgresql(settings={"listen_addresses": "*"}, host_authentication="scram-sha-256")


def _access_rule(line: str) -> Callable[[Lab], None]:
    def weaken(lab: Lab) -> None:
        with (lab.server.folder / "data" / "pg_hba.conf").open("a") as file:
            file.write(line + "\n")
        lab.execute("SELECT pg_reload_conf()")

    return weaken


def _change_method(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Do what the remediation says about the line of pg_hba.conf that it shows."""
    shown = re.search(r"^--   (\w+ .* trust)$", remediation, re.MULTILINE)
    assert shown
    words = shown[1].replace("<address> ", "").split()
    path = lab.server.folder / "data" / "pg_hba.conf"
    lines = path.read_text().splitlines()
    number = next(number for number, line in enumerate(lines) if line.split() == words)
    lines[number] = lines[number].removesuffix("trust") + ("peer" if words[0] == "local" else "scram-sha-256")
    path.write_text("\n".join(lines) + "\n")
    lab.execute("SELECT pg_reload_conf()")


def _restart(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "restart the server" in remediation
    lab.server.restart()


def _install_certificate(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "ssl_cert_file and ssl_key_file" in remediation
    certificates = write_certificates(lab.server.folder / "certificates")
    give_to_server(lab.server.folder / "certificates")
    lab.execute(
        f"ALTER SYSTEM SET ssl_cert_file = '{certificates.certificate_path}'",
        f"ALTER SYSTEM SET ssl_key_file = '{certificates.key_path}'",
        "SELECT pg_reload_conf()",
    )


def _another_build(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "install a build that has it" in remediation
    lab.replace(_able_to_tls())
    _install_certificate(lab, finding, remediation)


_SCHEMA = {"database": "postgres", "schema": "public"}
_RULE = {"database": "all", "user": "all"}

PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "postgresql_superuser_roles",
        statements('DROP ROLE IF EXISTS "o\'dd ""role"', 'CREATE ROLE "o\'dd ""role" LOGIN SUPERUSER'),
        severity="warning",
        labels={"role": "o'dd \"role"},
        accepted="o'dd \"role",
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
        "postgresql_trust_authentication",
        _access_rule("host all all 10.0.0.0/8 trust"),
        severity="critical",
        labels={"connection": "host", "address": "10.0.0.0/8", **_RULE},
        by_hand=_change_method,
        case="network",
    ),
    Live(
        "postgresql_trust_authentication",
        _access_rule("host app app,other fd00:1200::/24 trust"),
        severity="critical",
        labels={"connection": "host", "address": "fd00:1200::/24", "database": "app", "user": "app,other"},
        by_hand=_change_method,
        case="ipv6",
    ),
    Live(
        "postgresql_trust_authentication",
        _access_rule("host all all 127.0.0.1/32 trust"),
        severity="warning",
        labels={"connection": "host", "address": "127.0.0.1/32", **_RULE},
        by_hand=_change_method,
        case="loopback",
    ),
    Live(
        "postgresql_trust_authentication",
        _access_rule("local all all trust"),
        severity="warning",
        labels={"connection": "local", **_RULE},
        by_hand=_change_method,
        case="socket",
    ),
    Live(
        "postgresql_tls_disabled",
        as_started,
        severity="notice",
        summary="TLS is off",
        own_server=_able_to_tls(),
        by_hand=_install_certificate,
    ),
    Live(
        "postgresql_tls_disabled",
        as_started,
        severity="notice",
        summary="This build has no TLS",
        own_server=start_shared(),
        by_hand=_another_build,
        case="build",
    ),
    Live(
        "postgresql_weak_tls_versions",
        statements("ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.1'", "SELECT pg_reload_conf()"),
        severity="warning",
        own_server=_with_tls(),
    ),
    Live(
        "postgresql_listen_all_addresses",
        as_started,
        severity="warning",
        own_server=_everywhere(),
        afterwards=_restart,
    ),
    Live(
        "postgresql_weak_password_encryption",
        statements("ALTER SYSTEM SET password_encryption = 'md5'", "SELECT pg_reload_conf()"),
        severity="warning",
    ),
    Live(
        "postgresql_schema_create_for_public",
        statements("GRANT CREATE ON SCHEMA public TO PUBLIC"),
        severity="warning",
        labels=_SCHEMA,
    ),
    Live(
        "postgresql_schema_create_for_public",
        statements(
            'DROP SCHEMA IF EXISTS "sh""op"', 'CREATE SCHEMA "sh""op"', 'GRANT ALL ON SCHEMA "sh""op" TO PUBLIC'
        ),
        severity="warning",
        labels={**_SCHEMA, "schema": 'sh"op'},
        case="other_schema",
    ),
    Live(
        "postgresql_server_file_access",
        statements("DROP ROLE IF EXISTS loader", "CREATE ROLE loader", "GRANT pg_execute_server_program TO loader"),
        severity="error",
        labels={"role": "loader", "membership": "pg_execute_server_program"},
        accepted="loader",
    ),
    Live(
        "postgresql_connections_not_logged",
        statements("ALTER SYSTEM SET log_connections = off", "SELECT pg_reload_conf()"),
        severity="notice",
    ),
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/docs/release/13.23/, the last release of version 13",
        weak=[[{"version_number": 130023, "version": "13.23", "today": 20780}]],
        good=[[{"version_number": 180001, "version": "18.1", "today": 20780}]],
        severity="error",
        labels={"version": "13"},
    ),
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/docs/release/9.6.24/, the last release of version 9.6",
        weak=[[{"version_number": 90624, "version": "9.6.24", "today": 20780}]],
        good=[[{"version_number": 90624, "version": "9.6.24", "today": 18000}]],
        severity="error",
        labels={"version": "9.6"},
        case="two_part",
    ),
    Documented(
        "postgresql_end_of_life",
        source="https://www.postgresql.org/support/versioning/: version 14 until 2026-11-12, so 100 days before",
        weak=[[{"version_number": 140020, "version": "14.20", "today": 20669}]],
        good=[[{"version_number": 140020, "version": "14.20", "today": 20400}]],
        severity="notice",
        labels={"version": "14"},
        case="soon",
    ),
)
