"""Proofs: who can log in, and how passwords are kept, made and guessed."""

from examples.servers.mariadb import mariadb
from tests.integration.library_proofs.lab import Lab, StartOf
from tests.integration.library_proofs.mysql.servers import MARIADB, ROOTS, forget_other_accounts, started, variables
from tests.integration.library_proofs.proof import Documented, Live, as_started, statements


def _one_password_for_two(lab: Lab) -> None:
    forget_other_accounts(lab)
    lab.execute("CREATE USER anna@'10.0.0.%' IDENTIFIED BY 'a-password'")
    lab.execute("CREATE USER bert@'10.0.0.%' IDENTIFIED BY 'a-password'")


def _account(user: str, host: str, *, plugin: str = "caching_sha2_password", locked: str = "N") -> dict[str, str]:
    return {"user": user, "host": host, "plugin": plugin, "account_locked": locked}


_OWN_84 = [_account(f"mysql.{name}", "localhost", locked="Y") for name in ("infoschema", "session", "sys")]
_PASSWORD_RULES = {
    "validate_password.changed_characters_percentage": "0",
    "validate_password.check_user_name": "ON",
    "validate_password.dictionary_file": "",
    "validate_password.length": "8",
    "validate_password.mixed_case_count": "1",
    "validate_password.number_count": "1",
    "validate_password.policy": "MEDIUM",
    "validate_password.special_char_count": "1",
}

PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mysql_anonymous_users",
        statements("CREATE OR REPLACE USER ''@'%.example.org'"),
        severity="error",
        labels={"host": "%.example.org"},
    ),
    Live(
        "mysql_root_remote_login",
        statements("CREATE OR REPLACE USER root@'%' IDENTIFIED BY 'a-password'"),
        severity="error",
        labels={"host": "%"},
    ),
    Live(
        "mysql_accounts_without_password",
        statements("CREATE OR REPLACE USER `o'dd \\name`@'10.0.0.%'", "CREATE OR REPLACE ROLE no_account"),
        severity="critical",
        labels={"user": "o'dd \\name", "host": "10.0.0.%"},
        accepted="o'dd \\name@10.0.0.%",
    ),
    Documented(
        "mysql_sha1_passwords",
        source="https://dev.mysql.com/doc/refman/8.4/en/account-management-statements.html, accounts of MySQL 8.4",
        weak=[[_account("app", "10.0.0.%", plugin="mysql_native_password"), *_OWN_84, _account("root", "localhost")]],
        good=[[_account("app", "10.0.0.%"), *_OWN_84, _account("root", "localhost")]],
        severity="warning",
        labels={"user": "app", "host": "10.0.0.%"},
        accepted=("app@10.0.0.%",),
    ),
    Documented(
        "mysql_sha1_passwords",
        source="https://dev.mysql.com/doc/refman/8.0/en/account-locking.html, accounts of MySQL 8.0",
        weak=[[_account("old", "%", plugin="mysql_native_password"), *_OWN_84]],
        good=[[_account("old", "%", plugin="mysql_native_password", locked="Y"), *_OWN_84]],
        severity="warning",
        labels={"user": "old", "host": "%"},
        accepted=("old@%",),
        case="locked",
    ),
    Live(
        "mysql_mariadb_sha1_passwords",
        statements("CREATE OR REPLACE USER app@'10.0.0.%' IDENTIFIED BY 'a-password'"),
        severity="notice",
        labels={"user": "app", "host": "10.0.0.%"},
        parameters={"accepted": ROOTS},
        accepted="app@10.0.0.%",
    ),
    Live(
        "mysql_old_password_hashes",
        statements("CREATE OR REPLACE USER old@'10.0.0.%' IDENTIFIED VIA mysql_old_password USING '0123456789abcdef'"),
        severity="error",
        labels={"user": "old", "host": "10.0.0.%"},
    ),
    Live(
        "mysql_old_logins_allowed",
        statements("SET GLOBAL secure_auth = OFF"),
        severity="warning",
        labels={"variable": "secure_auth"},
    ),
    Live(
        "mysql_old_logins_allowed",
        statements("SET GLOBAL old_passwords = ON"),
        severity="warning",
        labels={"variable": "old_passwords"},
        case="new_ones",
    ),
    Documented(
        "mysql_old_logins_allowed",
        source="https://dev.mysql.com/doc/refman/5.7/en/server-system-variables.html#sysvar_old_passwords, MySQL 5.7",
        weak=[variables(old_passwords="1", secure_auth="ON")],
        good=[variables(old_passwords="2", secure_auth="ON")],
        severity="warning",
        labels={"variable": "old_passwords"},
        case="mysql_57",
    ),
    Live(
        "mysql_shared_passwords",
        _one_password_for_two,
        severity="warning",
        labels={"user": "bert", "host": "10.0.0.%"},
        parameters={"accepted": ROOTS},
        accepted="bert@10.0.0.%",
    ),
    Documented(
        "mysql_password_rules_missing",
        source="https://dev.mysql.com/doc/refman/8.4/en/validate-password-options-variables.html, MySQL 8.4",
        weak=[[]],
        good=[variables(**_PASSWORD_RULES)],
        severity="warning",
    ),
    Documented(
        "mysql_password_rules_missing",
        source="https://dev.mysql.com/doc/refman/8.4/en/validate-password-options-variables.html, MySQL 8.4",
        weak=[variables(**_PASSWORD_RULES | {"validate_password.policy": "LOW"})],
        good=[variables(**_PASSWORD_RULES | {"validate_password.policy": "LOW", "validate_password.length": "14"})],
        severity="warning",
        case="length_alone",
    ),
    Live(
        "mysql_mariadb_password_rules_missing",
        as_started,
        severity="warning",
        summary="Any password is taken",
        own_server=started(),
    ),
    Live(
        "mysql_mariadb_password_rules_missing",
        statements("INSTALL SONAME 'simple_password_check'", "SET GLOBAL strict_password_validation = OFF"),
        severity="notice",
        summary="Hashes go past the rules",
        own_server=started(),
        case="hashes",
    ),
    Documented(
        "mysql_unlimited_password_guesses",
        source="https://dev.mysql.com/doc/refman/8.4/en/connection-control-plugin-variables.html, MySQL 8.4",
        weak=[[], [{"accounts": 4, "limited": "1"}]],
        good=[variables(connection_control_failed_connections_threshold="3"), [{"accounts": 4, "limited": "1"}]],
        severity="notice",
    ),
    Documented(
        "mysql_unlimited_password_guesses",
        source="https://dev.mysql.com/doc/refman/8.4/en/password-management.html#failed-login-tracking, MySQL 8.4",
        weak=[variables(connection_control_failed_connections_threshold="0"), [{"accounts": 4, "limited": "0"}]],
        good=[variables(connection_control_failed_connections_threshold="0"), [{"accounts": 4, "limited": "4"}]],
        severity="notice",
        case="each_account",
    ),
    Live(
        "mysql_mariadb_unlimited_password_guesses",
        statements("SET GLOBAL max_password_errors = 4294967295"),
        severity="notice",
    ),
    Live(
        "mysql_passwords_without_expiry",
        statements("SET GLOBAL default_password_lifetime = 0"),
        severity="notice",
    ),
    Live(
        "mysql_passwords_without_expiry",
        statements("SET GLOBAL default_password_lifetime = 1000"),
        severity="notice",
        case="too_long",
    ),
    Documented(
        "mysql_internal_accounts_unlocked",
        source="https://dev.mysql.com/doc/refman/8.4/en/reserved-accounts.html, MySQL 8.4",
        weak=[
            [
                {"user": "mysql.infoschema", "host": "localhost", "account_locked": "Y"},
                {"user": "mysql.session", "host": "localhost", "account_locked": "N"},
                {"user": "mysql.sys", "host": "localhost", "account_locked": "Y"},
            ]
        ],
        good=[
            [
                {"user": f"mysql.{name}", "host": "localhost", "account_locked": "Y"}
                for name in ("infoschema", "session", "sys")
            ]
        ],
        severity="error",
        labels={"user": "mysql.session", "host": "localhost"},
    ),
    Live(
        "mysql_maintenance_account",
        statements("CREATE OR REPLACE USER 'debian-sys-maint'@localhost IDENTIFIED BY 'a-password'"),
        severity="notice",
        labels={"user": "debian-sys-maint", "host": "localhost"},
    ),
    Live(
        "mysql_grant_tables_skipped",
        as_started,
        severity="critical",
        own_server=StartOf(MARIADB, lambda: mariadb(settings={"skip-grant-tables": ""})),
    ),
    Documented(
        "mysql_grant_tables_skipped",
        source="https://dev.mysql.com/doc/dev/mysql-server/8.4.3/classSecurity__context.html, skip_grants of MySQL 8.4",
        weak=[[{"account": "skip-grants user@skip-grants host"}]],
        good=[[{"account": "watchword@%"}]],
        severity="critical",
        case="mysql_84",
    ),
    Live(
        "mysql_clear_text_logins",
        statements(
            "INSTALL PLUGIN IF NOT EXISTS pam SONAME 'auth_pam'",
            "CREATE OR REPLACE USER person@'10.0.0.%' IDENTIFIED VIA pam",
        ),
        severity="error",
        labels={"user": "person", "host": "10.0.0.%"},
    ),
)
