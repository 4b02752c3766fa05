"""Proofs: what accounts may do, and what runs in whose name."""

from collections.abc import Callable

from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.proof import Documented, Live, statements


def _granted(privilege: str, user: str) -> Callable[[Lab], None]:
    return statements(
        f"CREATE OR REPLACE USER {user}@'10.0.0.%' IDENTIFIED BY 'a-password'",
        f"GRANT {privilege} TO {user}@'10.0.0.%'",
    )


def _at(user: str, **more: str) -> dict[str, str]:
    return {"user": user, "host": "10.0.0.%", **more}


PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mysql_administrators_from_anywhere",
        statements(
            "DROP USER IF EXISTS boss@'%', boss@localhost",
            "CREATE USER boss@'%' IDENTIFIED BY 'a-password'",
            "GRANT SUPER, CREATE USER ON *.* TO boss@'%'",
        ),
        severity="error",
        labels={"user": "boss", "host": "%"},
        accepted="boss",
    ),
    Live(
        "mysql_administrators_from_anywhere",
        statements(
            "DROP USER IF EXISTS granter@'%', granter@localhost",
            "CREATE USER granter@'%' IDENTIFIED BY 'a-password'",
            "GRANT SELECT ON *.* TO granter@'%' WITH GRANT OPTION",
        ),
        severity="error",
        labels={"user": "granter", "host": "%"},
        case="grant_option",
    ),
    Live(
        "mysql_file_privilege",
        _granted("FILE ON *.*", "loader"),
        severity="warning",
        labels=_at("loader"),
        accepted="loader@10.0.0.%",
    ),
    Live(
        "mysql_super_privilege",
        _granted("SUPER ON *.*", "tool"),
        severity="warning",
        labels=_at("tool"),
        accepted="tool@10.0.0.%",
    ),
    Live(
        "mysql_create_user_privilege",
        _granted("CREATE USER ON *.*", "portal"),
        severity="error",
        labels=_at("portal"),
        accepted="portal@10.0.0.%",
    ),
    Live(
        "mysql_shutdown_privilege",
        _granted("SHUTDOWN ON *.*", "stopper"),
        severity="notice",
        labels=_at("stopper"),
        accepted="stopper@10.0.0.%",
    ),
    Live(
        "mysql_write_everywhere",
        _granted("SELECT, UPDATE ON *.*", "shop"),
        severity="error",
        labels=_at("shop"),
        accepted="shop@10.0.0.%",
    ),
    Live(
        "mysql_system_schema_grants",
        _granted("INSERT ON `my%`.*", "writer"),
        severity="error",
        labels=_at("writer", database="my%"),
        accepted="writer@10.0.0.%",
    ),
    Live(
        "mysql_system_schema_grants",
        _granted("SELECT ON mysql.*", "reader"),
        severity="warning",
        labels=_at("reader", database="mysql"),
        case="read",
    ),
    Live(
        "mysql_grant_option_in_databases",
        _granted("GRANT OPTION ON `sh``op`.*", "generous"),
        severity="notice",
        labels=_at("generous", database="sh`op"),
        accepted="generous@10.0.0.%",
    ),
    Live(
        "mysql_proxy_grants",
        _granted("PROXY ON root@localhost", "twofold"),
        severity="error",
        labels=_at("twofold", proxied_user="root", proxied_host="localhost"),
        accepted="twofold@10.0.0.%",
    ),
    Live(
        "mysql_proxy_grants",
        statements(
            "CREATE OR REPLACE USER group_of_people@localhost ACCOUNT LOCK",
            "CREATE OR REPLACE USER person@'10.0.0.%' IDENTIFIED BY 'a-password'",
            "GRANT PROXY ON group_of_people@localhost TO person@'10.0.0.%'",
        ),
        severity="notice",
        labels=_at("person", proxied_user="group_of_people", proxied_host="localhost"),
        case="small_account",
    ),
    Live(
        "mysql_grants_to_everybody",
        statements(
            "REPLACE INTO mysql.db (host, db, user, select_priv, insert_priv) VALUES ('%', 'test\\\\_%', '', 'Y', 'Y')",
            "FLUSH PRIVILEGES",
        ),
        severity="warning",
        labels={"host": "%", "database": "test\\_%"},
    ),
    Live(
        "mysql_orphaned_definers",
        statements(
            "DROP USER IF EXISTS ghost@localhost",
            "CREATE OR REPLACE DATABASE haunted",
            "CREATE DEFINER = ghost@localhost VIEW haunted.seen AS SELECT 1 AS one",
        ),
        severity="warning",
        labels={"user": "ghost", "host": "localhost"},
        case="view",
    ),
    Live(
        "mysql_orphaned_definers",
        statements(
            "DROP USER IF EXISTS `gh@st`@'%'",
            "CREATE OR REPLACE DATABASE haunted",
            *(f"CREATE DEFINER = `gh@st`@'%' PROCEDURE haunted.howl_{number}() SELECT 1" for number in range(6)),
        ),
        severity="warning",
        labels={"user": "gh@st", "host": "%"},
        case="procedures",
    ),
    Live(
        "mysql_orphaned_definers",
        statements(
            "DROP USER IF EXISTS midnight@localhost",
            "CREATE OR REPLACE DATABASE haunted",
            "CREATE DEFINER = midnight@localhost EVENT haunted.hour ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        ),
        severity="warning",
        labels={"user": "midnight", "host": "localhost"},
        case="event",
    ),
    Live(
        "mysql_procedures_of_administrators",
        statements(
            "CREATE OR REPLACE DATABASE payroll",
            "CREATE DEFINER = root@localhost PROCEDURE payroll.raise_all() SELECT 1",
        ),
        severity="warning",
        labels={"database": "payroll", "procedure": "raise_all"},
        accepted="payroll.raise_all",
    ),
)
