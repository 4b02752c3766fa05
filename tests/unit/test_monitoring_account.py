"""The account of the checkers gets what the checks say that they need, each grant once and with its reason; a need that
is not understood is told with its place, and never printed as if it were one.
"""

import json
from pathlib import Path

import pytest

from shared.checks import Check, Engine, Requirements
from shared.errors import WatchwordError
from tests.integration.command_line import CommandLine
from watchword.check_files.library import built_in_checks
from watchword.monitoring_account import FLAVOURS, PrivilegeNotUnderstood, account, as_script

watchword = CommandLine("nats://127.0.0.1:9")

GRANT = "GRANT SELECT ON mysql.user TO watchword"
ROLES = 'db.getSiblingDB("admin").runCommand({"grantRolesToUser": "watchword", "roles": ["clusterMonitor"]})'


def a_check(engine: Engine, *privileges: str, name: str = "mine", flavours: tuple[str, ...] = ()) -> Check:
    return built_in_checks()[0].model_copy(
        update={
            "name": name,
            "engine": engine,
            "source": "my-checks/mine.yml",
            "queries": (),
            "requires": Requirements(privileges=privileges, flavours=flavours),
        }
    )


def given(engine: Engine, of: str, *privileges: str, **asked: str) -> list[str]:
    _, *statements = account([a_check(engine, *privileges)], of, **asked).statements
    return statements


@pytest.mark.parametrize(
    ("engine", "privilege"),
    [
        pytest.param("mysql", "SELECT on mysql.user", id="no statement"),
        pytest.param("mysql", "DROP TABLE accounts", id="another statement"),
        pytest.param("mysql", "GRANT SELECT ON mysql.user TO eve", id="another user"),
        pytest.param("mysql", f"DROP TABLE accounts; {GRANT}", id="a statement before"),
        pytest.param("mysql", "GRANT ALL ON *.* TO eve; GRANT SELECT ON a TO watchword", id="two statements"),
        pytest.param("mysql", "GRANT ALL ON *.* TO eve -- TO watchword", id="behind a comment"),
        pytest.param("mysql", "GRANT ALL ON *.* TO eve # TO watchword", id="behind a comment of MySQL"),
        pytest.param("postgresql", "GRANT pg_monitor TO eve /* TO watchword", id="in a comment"),
        pytest.param("postgresql", f"{GRANT} WITH GRANT OPTION", id="more than to have it"),
        pytest.param("postgresql", "", id="nothing"),
        pytest.param("mongodb", "clusterMonitor", id="a role alone"),
        pytest.param("mongodb", 'db.getSiblingDB("admin").runCommand({roles: 1})', id="no JSON"),
        pytest.param("mongodb", 'db.getSiblingDB("admin").runCommand({"dropDatabase": 1})', id="another command"),
        pytest.param("mongodb", ROLES.replace("watchword", "eve"), id="roles for another user"),
        pytest.param("mongodb", f"{ROLES}; db.dropDatabase()", id="a command behind"),
    ],
)
def test_a_privilege_that_is_no_statement_for_the_account_is_refused_with_its_check_and_file(
    engine: Engine, privilege: str
) -> None:
    with pytest.raises(PrivilegeNotUnderstood) as refused:
        account([a_check(engine, privilege)], engine)
    assert isinstance(refused.value, WatchwordError)
    assert "mine (my-checks/mine.yml): requires.privileges has" in str(refused.value)
    assert "write" in str(refused.value)


def test_only_the_checks_that_apply_are_looked_at() -> None:
    others = [a_check("mysql", "nonsense", flavours=("mariadb",)), a_check("mongodb", "nonsense")]
    assert account(others, "percona").statements == ("CREATE USER 'watchword'@'<host>' IDENTIFIED BY '<new password>'",)
    with pytest.raises(PrivilegeNotUnderstood):
        account(others, "mariadb")


def test_each_statement_stands_once_with_the_checks_that_need_it() -> None:
    both, one = "GRANT SELECT ON a.b TO watchword;", "GRANT PROCESS ON *.* TO watchword"
    checks = [
        a_check("mysql", both, name="first"),
        a_check("mysql", one, both.rstrip(";"), name="second"),
        a_check("mysql", name="third"),
    ]
    made = account(checks, "mysql")
    assert [(step.statement, step.checks) for step in made.steps[1:]] == [
        ("GRANT SELECT ON a.b TO 'watchword'@'<host>'", ("first", "second")),
        ("GRANT PROCESS ON *.* TO 'watchword'@'<host>'", ("second",)),
    ]
    assert made.without_privileges == ("third",)
    script = as_script(made).splitlines()
    assert script[script.index("GRANT SELECT ON a.b TO 'watchword'@'<host>';") - 1] == "-- For 2 checks: first, second"
    assert script[script.index("GRANT PROCESS ON *.* TO 'watchword'@'<host>';") - 1] == "-- For 1 check: second"
    assert script[-1] == "-- To be able to log in is enough for 1 more: third"


@pytest.mark.parametrize("of", FLAVOURS)
def test_the_whole_library_is_understood_and_each_of_its_checks_named(of: str) -> None:
    engine, flavour = FLAVOURS[of]
    applying = {
        check.name
        for check in built_in_checks()
        if check.engine == engine and (not check.requires.flavours or flavour in check.requires.flavours)
    }
    made = account(built_in_checks(), of)
    assert len(set(made.statements)) == len(made.statements)
    assert {name for step in made.steps for name in step.checks} | {*made.without_privileges} == applying


def test_a_name_with_quotes_is_quoted_wherever_it_stands() -> None:
    assert given("mysql", "mysql", GRANT, user="o'k", host="10.%") == ["GRANT SELECT ON mysql.user TO 'o''k'@'10.%'"]
    assert given("postgresql", "postgresql", GRANT, user='a"b') == ['GRANT SELECT ON mysql.user TO "a""b"']
    (command,) = given("mongodb", "mongodb", ROLES, user='a"b')
    assert json.loads(command.split("runCommand(")[1][:-1])["grantRolesToUser"] == 'a"b'


@pytest.mark.parametrize("of", ["postgresql", "mongodb"])
def test_no_name_and_no_address_begins_a_line_of_its_own(of: str) -> None:
    made = account([], of, user="x\nDROP TABLE users;", host="y\nDROP TABLE hosts;")
    assert not any(line.startswith("DROP") for line in as_script(made).splitlines())


def test_a_password_is_asked_for_and_tls_and_the_address_are_part_of_the_account() -> None:
    assert account([], "mysql", host="10.1.2.%", has_tls=True).statements == (
        "CREATE USER 'watchword'@'10.1.2.%' IDENTIFIED BY '<new password>' REQUIRE SSL",
    )
    assert "VIA ed25519 USING PASSWORD('<new password>')" in account([], "mariadb").statements[0]
    assert (
        'passwordPrompt(), "roles": [], "authenticationRestrictions": [{"clientSource": ["10.1.2.3"]}]'
        in (account([], "mongodb", host="10.1.2.3").statements[0])
    )
    assert account([], "postgresql").statements == ('CREATE ROLE "watchword" LOGIN',)


OWN = """\
checks:
  - version: 2
    name: mine
    summary: A summary
    description: A description
    technology: MYSQL
    requires:
      privileges: {privilege}
    queries:
      - type: MYSQL_SHOW
        query: VARIABLES
    script: |
      def check_context(docs, context):
          return []
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yml"
    path.write_text(OWN.format(privilege="GRANT SELECT ON shop.audit TO watchword"))
    return path


def test_the_command_prints_each_statement_with_its_checks_as_json() -> None:
    done = watchword("account", "mysql", "--user", "checker", "--host", "10.1.2.%", "-o", "json")
    assert done.code == 0
    assert done.json.keys() == {"engine", "flavour", "user", "statements"}
    assert (done.json["engine"], done.json["flavour"], done.json["user"]) == ("mysql", "mysql", "checker")
    first, *others = done.json["statements"]
    assert first == {
        "statement": "CREATE USER 'checker'@'10.1.2.%' IDENTIFIED BY '<new password>'",
        "checks": [],
    }
    assert all(step["statement"].endswith("TO 'checker'@'10.1.2.%'") and step["checks"] for step in others)


def test_the_command_prints_a_script_unless_told_otherwise() -> None:
    done = watchword("account", "mongodb")
    assert (done.code, done.out) == (0, as_script(account(built_in_checks(), "mongodb")))


def test_the_command_adds_what_checks_of_ones_own_need(own: Path) -> None:
    steps = watchword("account", "mysql", "--check-folder", str(own.parent), "-o", "json").json["statements"]
    assert {"statement": "GRANT SELECT ON shop.audit TO 'watchword'@'<host>'", "checks": ["mine"]} in steps
    assert all("mine" not in step["checks"] for step in watchword("account", "mysql", "-o", "json").json["statements"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(OWN.format(privilege="SELECT on shop.audit"), "requires.privileges has", id="privilege"),
        pytest.param(OWN.replace("MYSQL_SHOW", "MYSQL_TELL").format(privilege="x"), "mine.yml:10", id="query type"),
        pytest.param(
            OWN.replace("name: mine", "name: mysql_anonymous_users").format(privilege="x"), "built-in", id="name taken"
        ),
    ],
)
def test_the_command_refuses_a_file_that_it_does_not_understand_as_wrong_usage(own: Path, text: str, told: str) -> None:
    own.write_text(text)
    done = watchword("account", "mysql", "--check-folder", str(own))
    assert (done.code, done.out) == (2, "")
    assert "mine.yml" in done.err
    assert told in done.err
