"""``watchword scan`` on real servers: no NATS, no configuration, nothing but an address."""

import json
import os
import pty
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from examples.servers.database import DatabaseServer
from tests.integration.command_line import PROGRAM, CommandLine
from watchword.check_files.library import built_in_checks_of

NOBODY = "postgresql://somebody@127.0.0.1:9/postgres"
HOSTILE = '"><script>alert(1)</script>\n\x1b[31mred|`@all'

scan = CommandLine(nats_url="nats://127.0.0.1:9")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "mongodb"])
def test_a_scan_runs_the_whole_library_of_an_engine(engine: str, request: pytest.FixtureRequest) -> None:
    server: DatabaseServer = request.getfixturevalue(engine)
    done = scan("scan", server.dsn, "-o", "json")
    (target,) = done.json["targets"]
    assert {state["check"] for state in target["checks"]} == {
        check.name
        for check in built_in_checks_of(server.engine)  # type: ignore[arg-type] # it is one of the three
    }
    assert [state for state in target["checks"] if state["status"] == "error"] == []
    assert target["counts"]["failed"] > 0  # none of them was set up by a careful person
    assert done.code == 1


def test_several_servers_are_scanned_side_by_side_and_one_that_is_away_is_no_good_news(
    postgresql: DatabaseServer, mongodb: DatabaseServer
) -> None:
    done = scan("scan", postgresql.dsn, mongodb.dsn, NOBODY, "--check", "*_end_of_life", "-o", "json")
    counts = [target["counts"] for target in done.json["targets"]]
    assert [one["passed"] + one["failed"] for one in counts] == [1, 1, 0]
    assert counts[2]["error"] == 1
    assert done.code == (1 if any(one["failed"] for one in counts) else 3)


def test_exit_codes_tell_a_weakness_from_a_server_that_is_away(postgresql: DatabaseServer) -> None:
    weak = ("scan", postgresql.dsn, "--check", "postgresql_trust_authentication")
    assert scan(*weak).code == 1
    assert scan(*weak, "--fail-on", "critical").code == 0
    assert scan("scan", NOBODY, "--fail-on", "critical").code == 3
    assert scan("scan", "no address").code == 2
    assert scan("scan", postgresql.dsn, "--check", "no_such_check").code == 2


def test_files_of_several_formats_are_written_at_once_and_nothing_is_printed(
    postgresql: DatabaseServer, tmp_path: Path
) -> None:
    names = ["report.html", "report.sarif", "report.xml", "report.csv", "report.md", "report.json", "report.txt"]
    files = [word for name in names for word in ("--output", str(tmp_path / name))]
    done = scan("scan", postgresql.dsn, "--check", "postgresql_trust*", *files)
    assert done.out == ""
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(names)
    for name in names:
        assert "postgresql_trust_authentication" in (tmp_path / name).read_text()
    assert "1 target, 1 check: 1 failed" in done.err


def test_a_name_that_is_a_format_is_no_file(postgresql: DatabaseServer) -> None:
    done = scan("scan", postgresql.dsn, "--output", "json")
    assert done.code == 2
    assert "--format json" in done.err


def test_a_role_with_a_hostile_name_arrives_as_text_in_every_format(postgresql: DatabaseServer) -> None:
    role = sql.Identifier(HOSTILE)
    with psycopg.connect(postgresql.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(role))
        try:
            told = {
                form: scan("scan", postgresql.dsn, "--check", "postgresql_superuser_roles", "-o", form).out
                for form in ("table", "html", "json", "csv", "sarif", "junit", "markdown")
            }
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
    for form, text in told.items():
        assert "alert(1)" in text, form
        assert "\x1b" not in text, form
        if form in {"html", "junit"}:  # in Markdown it stands in code
            assert "<script>alert" not in text, form


class TestPasswords:
    @pytest.fixture
    def account(self, postgresql_tls: DatabaseServer) -> str:
        return f"postgresql://{postgresql_tls.user}@127.0.0.1:{postgresql_tls.port}/postgres"

    @pytest.fixture
    def password(self, postgresql_tls: DatabaseServer) -> str:
        assert postgresql_tls.password is not None
        return postgresql_tls.password

    def run(self, *words: str, **environment: str) -> tuple[int, str]:
        done = CommandLine("nats://127.0.0.1:9", environment)("scan", *words, "--check", "postgresql_end_of_life")
        return done.code, done.out + done.err

    def test_come_from_a_variable_that_is_named(self, account: str, password: str) -> None:
        assert self.run(account, "--password-env", "MINE", MINE=password)[0] in {0, 1}

    def test_come_from_a_file(self, account: str, password: str, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(f"{password}\n")
        assert self.run(account, "--password-file", str(tmp_path / "secret"))[0] in {0, 1}

    def test_come_from_the_variable_of_the_engine_s_own_client(self, account: str, password: str) -> None:
        assert self.run(account, PGPASSWORD=password)[0] in {0, 1}

    def test_in_an_address_on_the_command_line_are_warned_of_and_never_shown(self, account: str, password: str) -> None:
        dsn = account.replace("@", f":{password}@", 1)
        with subprocess.Popen(
            [PROGRAM, "scan", dsn, "--check", "postgresql_end_of_life"],
            env=scan.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            out, err = process.communicate(timeout=60)
        assert "others on this machine can see the password" in err
        assert password not in out + err

    def test_that_are_missing_are_said_to_be(self, account: str) -> None:
        code, said = self.run(account)
        assert code == 3
        assert "could not look" in said
        assert self.run(account, "--password-env", "NOT_SET")[0] == 2
        assert self.run(account, "--ask-password")[0] == 2  # there is no terminal


def test_the_next_command_is_for_a_person_and_never_in_a_pipe(postgresql: DatabaseServer) -> None:
    words = [PROGRAM, "scan", postgresql.dsn, "--check", "postgresql_trust*", "-o", "json"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, env=scan.environment, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=60)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert f"watchword scan {postgresql.dsn} --check postgresql_trust_authentication" in said
    json.loads(out)
    assert "again" not in scan("scan", postgresql.dsn, "--check", "postgresql_trust*").err


def test_own_checks_run_beside_the_built_in_ones(postgresql: DatabaseServer, tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(
        """\
checks:
  - version: 2
    name: own_check
    summary: A check of one's own
    description: Finds the server.
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SELECT, query: 1 AS one}]
    script: |
      def check_context(docs, context):
          return [{"summary": "There is a server", "severity": "notice", "labels": {}}]
"""
    )
    done = scan("scan", postgresql.dsn, "--checks-folder", str(tmp_path), "--check", "own_*", "-o", "json")
    (state,) = done.json["targets"][0]["checks"]
    assert (state["check"], state["findings"][0]["summary"]) == ("own_check", "There is a server")
