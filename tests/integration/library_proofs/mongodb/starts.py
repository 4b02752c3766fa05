"""How the servers of the proofs are started, and how one is restarted as a remediation tells a person to do."""

from examples.servers.mongodb import mongodb
from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import Lab, StartOf, mongod_options_in

WIRE_SERVER = "SecantusDB"


def start_shared() -> StartOf:
    """A server that asks for a login, with an administrator."""
    return StartOf(WIRE_SERVER, lambda: mongodb(has_logins=True))


def start_open() -> StartOf:
    """A server as it comes: no logins, no TLS."""
    return StartOf(WIRE_SERVER, mongodb)


def restart_with_options(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    """Do what the remediation says: write its lines into the configuration, and restart."""
    assert "restart the server" in remediation
    options = mongod_options_in(remediation)
    has_logins = options.get("security", {}).get("authorization") == "enabled"
    has_tls = options.get("net", {}).get("tls", {}).get("mode") == "requireTLS"
    assert has_logins or has_tls
    lab.replace(lambda: mongodb(has_logins=has_logins, has_tls=has_tls))
