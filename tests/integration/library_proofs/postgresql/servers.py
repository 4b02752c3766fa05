"""The PostgreSQL servers that proofs begin with: version 18, and Debian's 15 where TLS, pgaudit or pages without
checksums are needed.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from examples.servers.place import run_as_server
from examples.servers.postgresql import postgresql, postgresql_18, postgresql_of_distribution
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab, StartOf

NEWER, OLDER = "PostgreSQL 18", "PostgreSQL 15"


def start_shared() -> StartOf:
    """Version 18, with a password for its administrator."""
    return StartOf(NEWER, lambda: postgresql(postgresql_18(), host_authentication="scram-sha-256"))


def with_tls() -> StartOf:
    """Version 15, which lets nobody in over TCP without TLS."""
    return StartOf(
        OLDER, lambda: postgresql(postgresql_of_distribution(), has_tls=True, host_authentication="scram-sha-256")
    )


def able_to_tls() -> StartOf:
    """Version 15, with TLS off."""
    return StartOf(OLDER, lambda: postgresql(postgresql_of_distribution(), host_authentication="scram-sha-256"))


def with_settings(settings: Mapping[str, str]) -> StartOf:
    """Version 18, with lines in postgresql.conf."""
    return StartOf(NEWER, lambda: postgresql(postgresql_18(), settings=settings, host_authentication="scram-sha-256"))


def restart(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Restart the server, where the remediation says so."""
    assert "restart the server" in remediation
    lab.server.restart()


def run_program(lab: Lab, name: str, *arguments: str | Path) -> None:
    """Run one of the server's own programs as the server's account."""
    plan = lab.server.process.plan
    program = Path(plan.command(lab.server.port)[0]).parent / name
    run_as_server([program, *arguments], {**os.environ, **plan.environment}, lab.server.folder)


def wait_until(lab: Lab, condition: str) -> None:
    """Wait until a condition in SQL holds."""
    lab.execute(f"""
        DO $$ BEGIN
            FOR attempt IN 1..600 LOOP
                PERFORM pg_stat_clear_snapshot();
                IF ({condition}) THEN RETURN; END IF;
                PERFORM pg_sleep(0.05);
            END LOOP;
            RAISE EXCEPTION 'not within 30 s';
        END $$""")
