"""The proofs of TLS and of where the server listens."""

import datetime as dt
from collections.abc import Callable

from examples.servers.certificates import write_certificates
from examples.servers.place import give_to_server
from examples.servers.postgresql import postgresql, postgresql_of_distribution
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab, StartOf
from tests.integration.library_proofs.postgresql.servers import (
    OLDER,
    able_to_tls,
    restart,
    start_shared,
    with_settings,
    with_tls,
)
from tests.integration.library_proofs.proof import Live, as_started, statements


def _for_others() -> StartOf:
    return StartOf(
        OLDER,
        lambda: postgresql(
            postgresql_of_distribution(), settings={"listen_addresses": "*"}, host_authentication="scram-sha-256"
        ),
    )


def _with_certificate(lab: Lab, valid_for: dt.timedelta) -> None:
    certificates = write_certificates(lab.server.folder / "certificates", valid_for=valid_for)
    give_to_server(lab.server.folder / "certificates")
    lab.execute(
        f"ALTER SYSTEM SET ssl_cert_file = '{certificates.certificate_path}'",
        f"ALTER SYSTEM SET ssl_key_file = '{certificates.key_path}'",
        "SELECT pg_reload_conf()",
    )


def _with_tls_until(valid_for: dt.timedelta) -> Callable[[Lab], None]:
    def weaken(lab: Lab) -> None:
        _with_certificate(lab, valid_for)
        lab.execute("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")

    return weaken


def _install_certificate(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "ssl_cert_file and ssl_key_file" in remediation
    _with_certificate(lab, dt.timedelta(days=365))


def _another_build(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "install a build that has it" in remediation
    lab.replace(able_to_tls())
    _install_certificate(lab, finding, remediation)


PROOFS = (
    Live(
        "postgresql_tls_disabled",
        as_started,
        severity="notice",
        summary="TLS is off",
        own_server=able_to_tls(),
        by_hand=_install_certificate,
    ),
    Live(
        "postgresql_tls_disabled",
        as_started,
        severity="error",
        own_server=_for_others(),
        by_hand=_install_certificate,
        case="network",
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
        own_server=with_tls(),
    ),
    Live(
        "postgresql_weak_tls_ciphers",
        as_started,
        severity="notice",
        summary="ciphers that are weak",
        own_server=with_tls(),
    ),
    Live(
        "postgresql_weak_tls_ciphers",
        statements("ALTER SYSTEM SET ssl_ciphers = 'HIGH, !3DES'", "SELECT pg_reload_conf()"),
        severity="warning",
        summary="ciphers that are broken",
        own_server=with_tls(),
        case="anonymous",
    ),
    Live(
        "postgresql_certificate_expiring",
        _with_tls_until(dt.timedelta(days=20)),
        severity="warning",
        own_server=able_to_tls(),
        by_hand=_install_certificate,
        case="soon",
    ),
    Live(
        "postgresql_certificate_expiring",
        _with_tls_until(dt.timedelta(minutes=-30)),
        severity="error",
        own_server=able_to_tls(),
        by_hand=_install_certificate,
        case="expired",
    ),
    Live(
        "postgresql_listen_all_addresses",
        as_started,
        severity="warning",
        own_server=with_settings({"listen_addresses": "*"}),
        afterwards=restart,
    ),
)
