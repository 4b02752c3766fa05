"""The built-in checks keep the bar that each new one has to reach."""

import re
from pathlib import Path

import pytest

from shared.checks import ENGINES, Check
from shared.remediation import labels_in
from watchword.check_files.library import built_in_checks, built_in_folder, read_built_in_files
from watchword.check_files.lint import lint

CHECKS = built_in_checks()
SUBCATEGORIES = {
    "Authentication",
    "Backup",
    "Encryption",
    "Extensions",
    "Files",
    "Leftovers",
    "Logging",
    "Network",
    "Privileges",
    "Replication",
    "Settings",
    "Transport",
    "Versions",
}
SEVERITY = re.compile(r'"(?P<severity>emergency|alert|critical|error|warning|notice|info|debug)"')
OF_PMM = {
    "mysql_automatic_expired_password",
    "mysql_automatic_sp_privileges_enabled",
    "mysql_config_local_infile",
    "mysql_configuration_secure_file_priv_empty",
    "mysql_password_expiry",
    "mysql_private_networks_only",
    "mysql_replication_grants",
    "mysql_require_secure_transport",
    "mysql_security_anonymous_user",
    "mysql_security_open_to_world_host",
    "mysql_security_password_lifetime",
    "mysql_security_password_policy",
    "mysql_security_replication_grants_mixed",
    "mysql_security_root_not_local",
    "mysql_security_user_ssl",
    "mysql_security_user_super_not_local",
    "mysql_security_user_without_password",
    "mysql_test_database",
    "mysql_unsupported_version_check",
    "mysql_version",
    "mysql_version_eol_57",
    "mysql_config_general_log",
    "postgresql_cve_check",
    "postgresql_expiring_passwd_check",
    "postgresql_super_role",
    "postgresql_eol_check",
    "postgresql_extension_check",
    "postgresql_unsupported_check",
    "postgresql_version_check",
    "mongodb_auth",
    "mongodb_authmech_scramsha256",
    "mongodb_bindip",
    "mongodb_cve_2025_14847_zlib",
    "mongodb_cve_version",
    "mongodb_localhost_auth_bypass",
    "mongodb_EOL",
    "mongodb_fcv_check",
    "mongodb_unsupported_version",
    "mongodb_version",
}
"""Names that PMM's security and version checks have: with ours beside them, both sets can be used together."""

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


def test_the_linter_has_nothing_to_say() -> None:
    assert [str(problem) for problem in lint(read_built_in_files())] == []


@pytest.mark.parametrize(("engine", "least"), [("postgresql", 28), ("mysql", 27), ("mongodb", 20)])
def test_each_engine_has_its_checks(engine: str, least: int) -> None:
    assert sum(check.engine == engine for check in CHECKS) >= least


def test_there_are_at_least_75_of_them() -> None:
    assert len(CHECKS) >= 75


def test_they_are_read_once_and_sorted_by_name() -> None:
    assert built_in_checks() is built_in_checks()
    assert [check.name for check in CHECKS] == sorted(check.name for check in CHECKS)
    assert {check.source for check in CHECKS} == {"built-in"}


def test_each_file_lies_in_the_folder_of_its_engine_and_has_the_name_of_its_check() -> None:
    found = {path.relative_to(built_in_folder()) for path in built_in_folder().rglob("*.*")}
    assert found == {Path(check.engine) / f"{check.name}.yml" for check in CHECKS}


def test_no_name_is_one_of_pmm() -> None:
    assert {check.name for check in CHECKS} & OF_PMM == set()


@each_check
def test_the_name_begins_with_the_engine_and_the_category_is_known(check: Check) -> None:
    assert check.engine in ENGINES
    assert check.name.startswith(f"{check.engine}_")
    assert check.name == check.name.lower()
    assert check.format == 2
    assert check.category == "Security"
    assert check.subcategory in SUBCATEGORIES
    assert re.fullmatch(r"\d+\.\d+\.\d+", check.since)


@each_check
def test_the_description_tells_the_threat_in_two_or_three_sentences(check: Check) -> None:
    assert 2 <= len(re.findall(r"[.!](?=\s|$)", check.description)) <= 3
    assert 80 <= len(check.description) <= 320
    assert not check.summary.endswith(".")
    assert len(check.summary) <= 90


@each_check
def test_it_says_how_to_fix_it_with_labels_that_its_findings_have(check: Check) -> None:
    assert check.remediation
    for label in labels_in(check.remediation):
        assert f'"{label}"' in check.script


@each_check
def test_it_names_sections_of_the_benchmark_in_one_form(check: Check) -> None:
    for reference in check.references:
        assert not reference.startswith("CIS") or re.fullmatch(
            r"CIS (PostgreSQL|MySQL|MongoDB) Benchmark, section \d+: [A-Z].+", reference
        )


@each_check
def test_it_refers_to_a_page_of_the_vendor(check: Check) -> None:
    assert [reference for reference in check.references if reference.startswith("https://")]


@each_check
def test_its_severities_are_four_that_a_person_tells_apart(check: Check) -> None:
    severities = set(SEVERITY.findall(check.script))
    assert severities
    assert severities <= {"critical", "error", "warning", "notice"}


@each_check
def test_its_findings_lead_to_a_page(check: Check) -> None:
    assert '"read_more_url": "https://' in check.script


@each_check
def test_every_parameter_is_described_and_used(check: Check) -> None:
    for name, parameter in check.parameters.items():
        assert parameter.description.endswith(".")
        assert f'get("{name}"' in check.script
