"""The proofs of who may log in from where: lines of pg_hba.conf are added, and changed as the remediation says."""

import re
from collections.abc import Callable
from pathlib import Path

from services.checker.script import ScriptFinding
from tests.integration.library_proofs.lab import ByHand, Lab
from tests.integration.library_proofs.postgresql.servers import with_tls
from tests.integration.library_proofs.proof import Live

Edit = Callable[[str], list[str]]
"""From a line of pg_hba.conf to the lines that take its place."""


def _file(lab: Lab) -> Path:
    return lab.server.folder / "data" / "pg_hba.conf"


def _with_rules(*lines: str) -> Callable[[Lab], None]:
    def weaken(lab: Lab) -> None:
        with _file(lab).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        lab.execute("SELECT pg_reload_conf()")

    return weaken


def _edited(edit: Edit, *, told: str) -> ByHand:
    """Do what the remediation says about the line of pg_hba.conf that it shows."""

    def by_hand(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
        assert told in remediation
        shown = re.search(r"^--   (\w+ .*)$", remediation, re.MULTILINE)
        assert shown
        words = shown[1].replace("<address> ", "").split()
        lines = _file(lab).read_text().splitlines()
        number = next(number for number, line in enumerate(lines) if line.split() == words)
        lines[number : number + 1] = edit(lines[number])
        _file(lab).write_text("\n".join(lines) + "\n")

    return by_hand


def _changed(old: str, new: str) -> Edit:
    return lambda line: [line.replace(old, new, 1)]


_to_scram = _edited(
    lambda line: [line.removesuffix("trust") + ("peer" if line.startswith("local") else "scram-sha-256")],
    told="to scram-sha-256",
)


def _reject_superuser(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    shown = re.search(r"^--   (\w+ all <superuser> .* reject)$", remediation, re.MULTILINE)
    assert shown
    names = re.search(r"lets (.+) in over", finding.description)
    assert names
    lines = _file(lab).read_text().splitlines()
    wanted = [finding.labels[name] for name in ("connection", "database", "user", "address")]
    number = next(number for number, line in enumerate(lines) if line.split()[:4] == wanted)
    lines[number:number] = [shown[1].replace("<superuser>", name) for name in names[1].split(", ")]
    _file(lab).write_text("\n".join(lines) + "\n")


def _remove_wrong_line(lab: Lab, finding: ScriptFinding, remediation: str) -> None:
    assert "Correct or remove the line" in remediation
    number = re.match(r"Line (\d+): ", finding.description)
    assert number
    lines = _file(lab).read_text().splitlines()
    del lines[int(number[1]) - 1]
    _file(lab).write_text("\n".join(lines) + "\n")


_EVERYBODY = {"database": "all", "user": "all"}

PROOFS = (
    Live(
        "postgresql_trust_authentication",
        _with_rules("host all all 10.0.0.0/8 trust"),
        severity="critical",
        labels={"connection": "host", "address": "10.0.0.0/8", **_EVERYBODY},
        by_hand=_to_scram,
        case="network",
    ),
    Live(
        "postgresql_trust_authentication",
        _with_rules("host app app,other fd00:1200::/24 trust"),
        severity="critical",
        labels={"connection": "host", "address": "fd00:1200::/24", "database": "app", "user": "app,other"},
        by_hand=_to_scram,
        case="ipv6",
    ),
    Live(
        "postgresql_trust_authentication",
        _with_rules("host all all 127.0.0.1/32 trust"),
        severity="warning",
        labels={"connection": "host", "address": "127.0.0.1/32", **_EVERYBODY},
        by_hand=_to_scram,
        case="loopback",
    ),
    Live(
        "postgresql_trust_authentication",
        _with_rules("local all all trust"),
        severity="warning",
        labels={"connection": "local", **_EVERYBODY},
        by_hand=_to_scram,
        case="socket",
    ),
    Live(
        "postgresql_cleartext_passwords",
        _with_rules("host all all 127.0.0.1/32 password", "host app app 10.1.0.0/16 password"),
        severity="error",
        labels={
            "connection": "host",
            "address": "10.1.0.0/16",
            "database": "app",
            "user": "app",
            "method": "password",
        },
        by_hand=_edited(_changed("password", "scram-sha-256"), told="change that to scram-sha-256"),
    ),
    Live(
        "postgresql_md5_authentication",
        _with_rules("host all app fd00::/8 md5"),
        severity="warning",
        labels={"connection": "host", "address": "fd00::/8", "database": "all", "user": "app"},
        by_hand=_edited(_changed("md5", "scram-sha-256"), told="to scram-sha-256"),
    ),
    Live(
        "postgresql_md5_authentication",
        _with_rules("local app app md5"),
        severity="warning",
        labels={"connection": "local", "database": "app", "user": "app"},
        by_hand=_edited(_changed("md5", "scram-sha-256"), told="to scram-sha-256"),
        case="socket",
    ),
    Live(
        "postgresql_ident_authentication",
        _with_rules("host all app 10.2.0.0/15 ident"),
        severity="error",
        labels={"connection": "host", "address": "10.2.0.0/15", "database": "all", "user": "app"},
        by_hand=_edited(_changed("ident", "scram-sha-256"), told="to scram-sha-256"),
    ),
    Live(
        "postgresql_ident_authentication",
        _with_rules("host all app ::1/128 ident"),
        severity="notice",
        labels={"connection": "host", "address": "::1/128", "database": "all", "user": "app"},
        by_hand=_edited(_changed("ident", "scram-sha-256"), told="to scram-sha-256"),
        case="loopback",
    ),
    Live(
        "postgresql_access_from_anywhere",
        _with_rules("host app all 0.0.0.0/0 scram-sha-256"),
        severity="warning",
        labels={
            "connection": "host",
            "address": "0.0.0.0/0",
            "database": "app",
            "user": "all",
            "method": "scram-sha-256",
        },
        by_hand=_edited(_changed("all 0.0.0.0/0", "app 10.3.0.0/16"), told="Name the networks"),
    ),
    Live(
        "postgresql_access_from_anywhere",
        _with_rules("host app app ::/0 scram-sha-256", "host app other all scram-sha-256"),
        severity="notice",
        labels={"connection": "host", "address": "::/0", "database": "app", "user": "app", "method": "scram-sha-256"},
        by_hand=_edited(
            lambda line: [line.replace("::/0", "fd00::/8").replace("other all", "other 10.3.0.0/16")],
            told="Name the networks",
        ),
        case="one_role",
    ),
    Live(
        "postgresql_superuser_over_network",
        _with_rules("host app all 10.9.0.0/16 scram-sha-256"),
        severity="warning",
        labels={"connection": "host", "address": "10.9.0.0/16", "database": "app", "user": "all"},
        by_hand=_reject_superuser,
    ),
    Live(
        "postgresql_superuser_over_network",
        _with_rules("host all postgres 172.16.0.0/12 scram-sha-256"),
        severity="warning",
        labels={"connection": "host", "address": "172.16.0.0/12", "database": "all", "user": "postgres"},
        by_hand=_reject_superuser,
        case="by_name",
    ),
    Live(
        "postgresql_access_rule_errors",
        _with_rules("host all all 10.0.0.0/8 scrum-sha-256"),
        severity="warning",
        labels={"error": 'invalid authentication method "scrum-sha-256"'},
        by_hand=_remove_wrong_line,
    ),
    Live(
        "postgresql_unencrypted_access",
        _with_rules("host all app 10.0.0.0/8 scram-sha-256"),
        severity="warning",
        labels={
            "connection": "host",
            "address": "10.0.0.0/8",
            "database": "all",
            "user": "app",
            "method": "scram-sha-256",
        },
        own_server=with_tls(),
        by_hand=_edited(_changed("host ", "hostssl "), told="to hostssl"),
    ),
    Live(
        "postgresql_unencrypted_access",
        _with_rules(
            "hostnossl app app 192.0.2.0/24 scram-sha-256",
            "hostnossl all all all reject",
            "host all app 10.0.0.0/8 scram-sha-256",
        ),
        severity="error",
        labels={
            "connection": "hostnossl",
            "address": "192.0.2.0/24",
            "database": "app",
            "user": "app",
            "method": "scram-sha-256",
        },
        own_server=with_tls(),
        by_hand=_edited(_changed("hostnossl ", "hostssl "), told="to hostssl"),
        case="without_tls_alone",
    ),
    Live(
        "postgresql_replication_without_tls",
        _with_rules("host replication standby 10.4.0.0/24 scram-sha-256"),
        severity="error",
        labels={
            "connection": "host",
            "address": "10.4.0.0/24",
            "database": "replication",
            "user": "standby",
            "method": "scram-sha-256",
        },
        by_hand=_edited(_changed("host ", "hostssl "), told="to hostssl"),
    ),
)
