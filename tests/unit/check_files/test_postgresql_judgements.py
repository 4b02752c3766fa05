"""What PostgreSQL's checks make of answers that no single server gives: the order of lines in pg_hba.conf, lists of
ciphers, and servers that a provider runs. That each check sees its weakness at all is proven on real servers.
"""

from typing import Any

import pytest

from services.checker.script import ScriptFinding, ScriptJob, run_script
from watchword.check_files.library import built_in_checks

CHECKS = {check.name: check for check in built_in_checks()}


def found(name: str, *answers: Any, **parameters: Any) -> tuple[ScriptFinding, ...]:
    check = CHECKS[f"postgresql_{name}"]
    defaults = {name: parameter.default for name, parameter in check.parameters.items()}
    outcome = run_script(ScriptJob(check.name, check.script, check.format, answers, defaults | parameters))
    assert outcome.error is None
    return outcome.findings


def rules(text: str) -> list[dict[str, Any]]:
    """Return what pg_hba_file_rules tells of lines: type, database, roles, address (none for local) and method."""
    lines = [line.split() for line in text.strip().splitlines()]
    return [
        {
            "type": words[0],
            "database": words[1],
            "roles": words[2],
            "address": words[3] if len(words) == 5 else "",
            "method": words[-1],
            "line_number": number,
            "is_local": words[0] == "local" or words[3].startswith("127."),
        }
        for number, words in enumerate(lines, start=1)
    ]


def lines_of(findings: tuple[ScriptFinding, ...]) -> list[int]:
    return [int(finding.description.split()[1]) for finding in findings]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("local all all peer\nhost all all 127.0.0.1/32 scram-sha-256", [], id="on_the_machine"),
        pytest.param("hostssl shop shop 10.0.0.0/8 scram-sha-256", [], id="others_by_name"),
        pytest.param("hostssl all shop,root 10.0.0.0/8 scram-sha-256", [1], id="among_others_by_name"),
        pytest.param("host replication all 10.0.0.0/8 scram-sha-256", [], id="replication_alone"),
        pytest.param(
            "host all root,admin all reject\nhostssl all all 10.0.0.0/8 scram-sha-256", [], id="rejected_before"
        ),
        pytest.param("host all root all reject\nhost all all 10.0.0.0/8 scram-sha-256", [2], id="one_rejected_before"),
        pytest.param(
            "hostssl all all 10.0.0.0/8 scram-sha-256\nhost all root,admin all reject", [1], id="rejected_too_late"
        ),
        pytest.param(
            "host all all 0.0.0.0/0 reject\nhost all all 10.0.0.0/8 md5\nhost all all fd00::/8 md5",
            [3],
            id="other_family",
        ),
        pytest.param("host all all 0.0.0.0/0 reject\nhost all all all md5", [2], id="both_families"),
        pytest.param("host all all 10.1.0.0/16 reject\nhost all all 10.0.0.0/8 md5", [2], id="smaller_network"),
        pytest.param("hostnossl all all all reject\nhostssl all all 10.0.0.0/8 md5", [2], id="only_without_tls"),
        pytest.param("host shop all all reject\nhost all all 10.0.0.0/8 md5", [2], id="other_database"),
        pytest.param("host shop all all reject\nhost shop all 10.0.0.0/8 md5", [], id="same_database"),
    ],
)
def test_superusers_over_the_network_are_seen_unless_an_earlier_line_stops_them(text: str, lines: list[int]) -> None:
    superusers = [{"role": "admin"}, {"role": "root"}]
    assert lines_of(found("superuser_over_network", rules(text), superusers)) == lines


def test_only_superusers_that_get_in_are_named() -> None:
    text = "host all root all reject\nhost all all 10.0.0.0/8 md5"
    (finding,) = found("superuser_over_network", rules(text), [{"role": "admin"}, {"role": "root"}])
    assert "lets admin in over" in finding.description


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("hostssl all all 10.0.0.0/8 md5\nhostgssenc all all 10.0.0.0/8 gss", [], id="encrypted"),
        pytest.param("host all all 10.0.0.0/8 reject", [], id="rejected"),
        pytest.param("hostnossl all all all reject\nhost all all fd00::/8 md5", [], id="stopped_before"),
        pytest.param("hostnossl all all ::/0 reject\nhost all all fd00::/8 md5", [], id="stopped_in_its_family"),
        pytest.param("hostnossl all all ::/0 reject\nhost all all 10.0.0.0/8 md5", [2], id="stopped_in_the_other"),
        pytest.param("hostnossl shop all all reject\nhost all all 10.0.0.0/8 md5", [2], id="stopped_elsewhere"),
        pytest.param("hostnossl all all all md5\nhost all all 10.0.0.0/8 md5", [1, 2], id="let_in_before"),
        pytest.param("host all all 10.0.0.0/8 md5\nhostnossl all all all reject", [1], id="stopped_too_late"),
        pytest.param("host replication all 10.0.0.0/8 md5", [], id="replication_has_a_check_of_its_own"),
    ],
)
def test_lines_without_tls_are_seen_unless_an_earlier_line_stops_who_comes_without(text: str, lines: list[int]) -> None:
    assert lines_of(found("unencrypted_access", rules(text), [{"ssl": "on"}])) == lines
    assert found("unencrypted_access", rules(text), [{"ssl": "off"}]) == ()


@pytest.mark.parametrize(
    ("ciphers", "severity"),
    [
        ("HIGH:!aNULL", None),
        ("HIGH:!aNULL:!eNULL:!3DES", None),
        ("ECDHE+AESGCM:ECDHE+CHACHA20", None),
        ("PROFILE=SYSTEM", None),
        ("HIGH:+3DES:!aNULL:@STRENGTH", None),
        ("HIGH:MEDIUM:+3DES:!aNULL", "notice"),
        ("HIGH !aNULL 3DES", "notice"),
        ("HIGH", "warning"),
        ("HIGH,!MD5", "warning"),
        ("ECDHE+AESGCM:RC4", "warning"),
        ("ALL:!aNULL:eNULL", "warning"),
    ],
)
def test_ciphers_are_judged_as_openssl_reads_them(ciphers: str, severity: str | None) -> None:
    server = {"ssl": "on", "library": "OpenSSL", "ciphers": ciphers}
    assert [str(each.severity) for each in found("weak_tls_ciphers", [server])] == ([severity] if severity else [])
    assert found("weak_tls_ciphers", [server | {"ssl": "off"}]) == ()
    assert found("weak_tls_ciphers", [server | {"library": "another"}]) == ()


@pytest.mark.parametrize(
    ("prefix", "destination", "missing"),
    [
        ("%m [%p] %q%u@%d %h ", "stderr", ""),
        ("%t:%r:%u@%d:[%p]:", "syslog", ""),
        ("%m [%p] ", "csvlog", ""),
        ("%m [%p] ", "jsonlog, csvlog", ""),
        ("%m [%p] ", "stderr,csvlog", "the role (%u), the database (%d), the client's address (%h)"),
        ("%u %h ", "stderr", "the database (%d)"),
        ("%%u%d%r", "stderr", "the role (%u)"),
    ],
)
def test_a_prefix_has_to_tell_who_it_was_where_lines_are_plain(prefix: str, destination: str, missing: str) -> None:
    findings = found("log_lines_without_origin", [{"prefix": prefix, "destination": destination}])
    assert [each.description for each in findings] == (
        [f'log_line_prefix is "{prefix}", without {missing}.'] if missing else []
    )


@pytest.mark.parametrize(
    ("addresses", "severity"),
    [
        ("", None),
        ("localhost, ::1,127.0.0.2", "notice"),
        ("127.0.0.1,10.0.0.1", "error"),
        ("*", "error"),
    ],
)
def test_a_server_without_tls_is_as_bad_as_the_addresses_that_it_listens_on(
    addresses: str, severity: str | None
) -> None:
    server = {"ssl": "off", "library": "OpenSSL", "addresses": addresses}
    assert [str(each.severity) for each in found("tls_disabled", [server])] == ([severity] if severity else [])


def test_passwords_in_clear_stay_on_the_machine() -> None:
    text = "host all all 127.0.0.1/32 ldap\nhostnossl all all 10.0.0.0/8 pam"
    assert lines_of(found("cleartext_passwords", rules(text))) == [2]


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("archiving_off", {"archiving": "off", "is_standby": False, "senders": 0, "slots": 0}),
        ("crash_safety_off", {"fsync": "off", "full_pages": "off"}),
        ("data_checksums_off", {"checksums": "off"}),
    ],
)
def test_a_providers_own_storage_is_not_judged_by_these_settings(name: str, server: dict[str, Any]) -> None:
    assert len(found(name, [server | {"is_managed": False}])) == 1
    assert found(name, [server | {"is_managed": True}]) == ()


@pytest.mark.parametrize("changed", [{"archiving": "on"}, {"is_standby": True}, {"senders": 1}, {"slots": 1}])
def test_changes_that_something_receives_are_kept(changed: dict[str, Any]) -> None:
    server = {"archiving": "off", "is_standby": False, "senders": 0, "slots": 0, "is_managed": False}
    assert found("archiving_off", [server | changed]) == ()


@pytest.mark.parametrize(
    ("mode", "is_open"), [("0600", False), ("0640", False), ("0660", True), ("0644", True), ("0604", True)]
)
def test_logs_may_be_read_by_a_group_and_by_nobody_else(mode: str, *, is_open: bool) -> None:
    assert bool(found("log_files_open", [{"collected": "on", "mode": mode}])) is is_open
    assert found("log_files_open", [{"collected": "off", "mode": mode}]) == ()


@pytest.mark.parametrize(
    ("days", "severity"), [(-1, "error"), (0, "warning"), (20, "warning"), (21, None), (None, None)]
)
def test_a_certificate_is_told_of_in_time(days: int | None, severity: str | None) -> None:
    now = 1_800_000_000
    ends = None if days is None else (now + days * 86_400) * 1_000_000_000
    findings = found("certificate_expiring", [{"certificate_expires": ends}], [{"now": now, "today": "2027-01-15"}])
    assert [str(each.severity) for each in findings] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("logged", "audited", "is_silent"),
    [
        ("none", "", True),
        ("none", "none", True),
        ("none", "role, read", True),
        ("none", "Role, DDL", False),
        ("none", "all", False),
        ("ddl", "", False),
    ],
)
def test_definitions_are_logged_by_the_server_or_by_pgaudit(logged: str, audited: str, *, is_silent: bool) -> None:
    assert bool(found("definitions_not_logged", [{"logged": logged, "audited": audited}])) is is_silent
