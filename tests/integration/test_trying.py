"""``watchword checks try`` on real servers: what it shows, how it ends, and that it publishes nothing."""

import asyncio
from pathlib import Path

import nats
import pytest

from examples.servers.database import DatabaseServer
from shared import subjects
from shared.configuration import SeverityOverride
from shared.declaring import declare
from shared.severity import Severity
from shared.streams import CONFIGURATION
from shared.targets import SecretReference, Target
from tests.conftest import StartNats
from tests.integration.command_line import CommandLine

CHECK = """\
checks:
  - version: 2
    name: fails
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries:
      - type: POSTGRESQL_SELECT
        query: n AS n, n::text AS t, NULL AS nothing FROM generate_series(1, 30) AS n
      - type: POSTGRESQL_SELECT
        query: 1 AS one
        parameters: {all_dbs: true}
    remediation: DROP ROLE {{role}};
    script: |
      def check_context(docs, context):
          print(len(docs[0]), "rows in", sorted(docs[1].keys()))
          return [{"summary": "It fails", "severity": "warning", "labels": {"role": "x y"}}]
  - version: 2
    name: passes
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SHOW}]
    script: |
      def check_context(docs, context):
          return []
  - version: 2
    name: breaks
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SELECT, query: nothing FROM nowhere}]
    script: |
      def check_context(docs, context):
          return []
  - version: 2
    name: elsewhere
    summary: A summary
    description: A description
    technology: POSTGRESQL
    queries: [{type: POSTGRESQL_SHOW}]
    requires: {versions: "<9"}
    script: |
      def check_context(docs, context):
          return []
  - version: 1
    name: for_mysql
    summary: A summary
    description: A description
    type: MYSQL_SHOW
    query: VARIABLES
    script: |
      def check_context(rows, context):
          return []
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yml"
    path.write_text(CHECK)
    return path


@pytest.fixture
def watchword() -> CommandLine:
    """No NATS server is there."""
    return CommandLine("nats://127.0.0.1:1")


def test_a_trial_shows_answers_prints_findings_and_times(
    watchword: CommandLine, postgresql: DatabaseServer, file: Path
) -> None:
    done = watchword("checks", "try", str(file), "--dsn", postgresql.dsn, "--check", "fails", "--rows", "2")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("fails: failed  (queries ")
    assert [line.strip() for line in lines if line.startswith("    ")][1:4] == [
        "n  t    nothing",
        '1  "1"  None',
        '2  "2"  None',
    ]
    assert "    … and 28 more" in lines
    assert "    database postgres: 1 row" in lines
    assert any(line.startswith("  printed on line 2: 30 rows in [") for line in lines)
    assert "  found warning  It fails (role=x y)" in lines
    assert '      DROP ROLE "x y";' in lines
    assert "postgresql 18" in done.err
    assert "without TLS" in done.err


def test_a_trial_tells_programs_everything(watchword: CommandLine, postgresql: DatabaseServer, file: Path) -> None:
    done = watchword("checks", "try", str(file), "--dsn", postgresql.dsn, "-c", "fails", "-o", "json", "--rows", "3")
    (check,) = done.json["checks"]
    assert (check["check"], check["status"], done.json["server"]["flavour"]) == ("fails", "failed", "postgresql")
    first, second = check["queries"]
    assert (first["row_count"], first["rows"][2]) == (30, {"n": 3, "t": "3", "nothing": None})
    assert second["databases"]["postgres"] == [{"one": 1}]
    assert first["duration_ms"] > 0 < check["script_ms"] < check["duration_ms"]
    (finding,) = check["findings"]
    assert (finding["severity"], finding["remediation"]) == ("warning", 'DROP ROLE "x y";')


@pytest.mark.parametrize(
    ("check", "code", "told"),
    [
        ("passes", 0, "passes: passed"),
        ("fails", 1, "fails: failed"),
        ("breaks", 3, 'relation "nowhere" does not exist'),
        ("elsewhere", 0, "applies to versions <9; this server is 18"),
    ],
)
def test_the_exit_code_says_how_it_came_out(
    watchword: CommandLine, postgresql: DatabaseServer, file: Path, check: str, code: int, told: str
) -> None:
    done = watchword("checks", "try", str(file), "--dsn", postgresql.dsn, "--check", check)
    assert done.code == code
    assert told in done.out


def test_all_checks_of_the_file_are_tried_but_those_for_other_engines(
    watchword: CommandLine, postgresql: DatabaseServer, file: Path
) -> None:
    done = watchword("checks", "try", str(file), "--dsn", postgresql.dsn, "-o", "json")
    assert done.code == 1
    assert [check["check"] for check in done.json["checks"]] == ["fails", "passes", "breaks", "elsewhere"]
    assert "for_mysql is left out: it is for mysql" in done.err


def test_a_server_that_is_not_there_could_not_be_looked_at(watchword: CommandLine, file: Path) -> None:
    secret = "Canary-9f27"
    done = watchword("checks", "try", str(file), "--dsn", f"postgresql://u:{secret}@127.0.0.1:1/x", "-c", "passes")
    assert done.code == 3
    assert "could not look" in done.out
    assert secret not in done.out + done.err


def test_a_password_is_taken_from_the_environment(postgresql_tls: DatabaseServer, file: Path) -> None:
    dsn = f"{postgresql_tls.dsn}?sslmode=require"
    done = CommandLine("nats://127.0.0.1:1", {"WATCHWORD_DSN": dsn})("checks", "try", str(file), "-c", "passes")
    assert (done.code, "over TLS" in done.err) == (0, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say where: --target NAME, or --dsn URL"),
        (("--dsn", "oracle://x"), "--dsn: "),
        (("--dsn", "postgresql://u@h/x?sslrootcert=/etc/ca.pem"), "--dsn: tls.ca_file"),
        (("--dsn", "postgresql://u@h/x", "-c", "pases"), "has no check 'pases' that can run; did you mean 'passes'?"),
        (("--dsn", "mongodb://h/x"), "has checks for mysql, postgresql, and h:27017 is mongodb"),
    ],
)
def test_what_can_not_be_tried_is_wrong_usage(
    watchword: CommandLine, file: Path, words: tuple[str, ...], told: str
) -> None:
    done = watchword("checks", "try", str(file), *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_a_target_of_the_configuration_with_its_secret_and_settings_and_nothing_is_published(
    start_nats: StartNats, postgresql_tls: DatabaseServer, file: Path
) -> None:
    server = start_nats()
    target = Target(
        name="orders",
        engine="postgresql",
        host=postgresql_tls.host,
        port=postgresql_tls.port,
        user=postgresql_tls.user,
        database="postgres",
        password=SecretReference(env="WATCHWORD_SECRET_ORDERS"),
    )

    async def write() -> int:
        client = await nats.connect(server.url)
        jetstream = client.jetstream()
        await declare(client, jetstream)
        for key, value in (
            (subjects.target_key("orders"), target),
            (subjects.setting_key("person", "severity", "fails"), SeverityOverride(severity=Severity.CRITICAL)),
        ):
            await jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), value.model_dump_json().encode())
        stored = await messages(jetstream)
        await client.close()
        return stored

    async def messages(jetstream: nats.js.JetStreamContext) -> int:
        return sum([stream.state.messages for stream in await jetstream.streams_info()])

    async def count() -> int:
        client = await nats.connect(server.url)
        stored = await messages(client.jetstream())
        await client.close()
        return stored

    before = asyncio.run(write())
    words = ("checks", "try", str(file), "--target", "orders", "--check", "fails", "-o", "json")
    without = CommandLine(server.url)(*words)
    assert without.code == 3
    assert "WATCHWORD_SECRET_ORDERS is not set" in without.json["checks"][0]["reason"]
    secret = {"WATCHWORD_SECRET_ORDERS": postgresql_tls.password or ""}
    done = CommandLine(server.url, secret)(*words)
    assert done.code == 1
    assert done.json["checks"][0]["findings"][0]["severity"] == "critical"
    assert asyncio.run(count()) == before
    unknown = CommandLine(server.url)("checks", "try", str(file), "-t", "order")
    assert unknown.code == 2
    assert "there is no target 'order'; did you mean 'orders'?" in unknown.err
