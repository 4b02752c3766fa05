"""Every generation of check files becomes the same normalised check; what is broken is told and keeps nothing else
from loading.
"""

import base64
import os
from pathlib import Path

import pytest

from shared.check_files.reading import MAX_FILE_BYTES, read_checks
from shared.checks import Check, Parameter, Query, QueryType, Requirements

VERSION_1 = """\
checks:
  - version: 1
    name: v1_show
    summary: Settings
    description: What is set.
    tiers: [anonymous]
    type: MYSQL_SHOW
    query: VARIABLES
    interval: rare
    script: |
      def check_context(rows, context):
          return []
"""
VERSION_1_COMMAND = """\
checks:
  - version: 1
    name: v1_command
    summary: Options
    description: How it was started.
    advisor: dev
    type: MONGODB_GETCMDLINEOPTS
    script: |
      def check_context(rows, context):
          return []
"""
VERSION_2_FAMILY = """\
checks:
  - version: 2
    name: v2_family
    summary: Roles
    description: Who is who.
    tiers:
      - registered
    category: security
    family: POSTGRESQL
    queries:
      - type: POSTGRESQL_SELECT
        query: rolname FROM pg_roles
        parameters:
          all_dbs: yes
      - type: POSTGRESQL_SHOW
    script: |
      def check_context(docs, context):
          return []
"""
VERSION_2_ADVISOR = """\
---
advisors:
  - version: 1
    name: security_authentication
    summary: Authentication
    description: How people log in.
    category: security
---
checks:
  - version: 2
    name: v2_advisor
    summary: Users
    description: Who has no password.
    advisor: security_authentication
    family: MYSQL
    interval: frequent
    queries:
      - type: MYSQL_SELECT
        query: " user FROM mysql.user;"
    script: |
      def check_context(docs, context):
        return []
"""
VERSION_2_SUBCATEGORY = """\
checks:
  - version: 2
    name: v2_subcategory
    summary: Options
    description: What it listens on.
    category: security
    subcategory: connection
    family: MONGODB
    interval: standard
    queries:
      - type: MONGODB_GETCMDLINEOPTS
        query: ""
    script: |
      def check_context(docs, context):
          return []
"""
VERSION_2_TECHNOLOGY = """\
checks:
  - version: 2
    name: v2_technology
    summary: Load
    description: How busy it is.
    category: Performance
    technology: MYSQL
    queries:
      - type: METRICS_RANGE
        query: up{service_name="{{.ServiceName}}"}
        parameters:
          range: 1h30m
          step: 5m
          lookback: 30s
      - type: CLICKHOUSE_SELECT
        query: 1
        parameters: {whatever: 1}
    script: |
      def check_context(docs, context):
          return []
"""


def read(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts, start=1):
        (folder / f"{number}.yml").write_text(text)
    return folder


def the_check(folder: Path, text: str) -> Check:
    reading = read_checks([read(folder, text)])
    assert [str(problem) for problem in reading.problems] == []
    (check,) = reading.checks
    return check


def test_version_1_with_a_query(tmp_path: Path) -> None:
    check = the_check(tmp_path, VERSION_1)
    assert check == Check(
        name="v1_show",
        engine="mysql",
        format=1,
        summary="Settings",
        description="What is set.",
        interval="rare",
        queries=(Query(type=QueryType.MYSQL_SHOW, text="VARIABLES"),),
        script="def check_context(rows, context):\n    return []\n",
        source=str(tmp_path / "1.yml"),
    )


def test_version_1_of_a_command(tmp_path: Path) -> None:
    check = the_check(tmp_path, VERSION_1_COMMAND)
    assert (check.engine, check.format, check.advisor) == ("mongodb", 1, "dev")
    assert check.queries == (Query(type=QueryType.MONGODB_GETCMDLINEOPTS),)


def test_version_2_with_family_and_all_dbs_as_the_text_that_was_written(tmp_path: Path) -> None:
    text = VERSION_2_FAMILY.replace("all_dbs: yes", "all_dbs: True")
    check = the_check(tmp_path, text)
    assert (check.engine, check.format, check.category) == ("postgresql", 2, "security")
    assert [query.parameter("all_dbs") for query in check.queries] == ["True", None]


def test_version_2_with_an_advisor_takes_its_category(tmp_path: Path) -> None:
    check = the_check(tmp_path, VERSION_2_ADVISOR)
    assert (check.engine, check.interval) == ("mysql", "frequent")
    assert (check.advisor, check.category) == ("security_authentication", "security")
    assert check.queries[0].text == " user FROM mysql.user;"


def test_an_advisor_may_stand_in_a_file_that_is_read_later(tmp_path: Path) -> None:
    advisors, checks = VERSION_2_ADVISOR.split("---\nchecks:")
    reading = read_checks([read(tmp_path, "checks:" + checks, advisors)])
    assert [check.category for check in reading.checks] == ["security"]
    assert reading.advisors["security_authentication"].description == "How people log in."


def test_version_2_with_an_advisor_that_no_file_has(tmp_path: Path) -> None:
    text = VERSION_2_FAMILY.replace("category: security", "advisor: dev").replace("all_dbs: yes", "all_dbs: 1")
    assert (the_check(tmp_path, text).advisor, the_check(tmp_path, text).category) == ("dev", "")


def test_version_2_with_category_and_subcategory(tmp_path: Path) -> None:
    check = the_check(tmp_path, VERSION_2_SUBCATEGORY)
    assert (check.engine, check.category, check.subcategory) == ("mongodb", "security", "connection")
    assert check.queries == (Query(type=QueryType.MONGODB_GETCMDLINEOPTS),)


@pytest.mark.parametrize("word", ["MYSQL", "mysql", "MySQL"])
def test_version_2_with_technology_metrics_and_clickhouse(tmp_path: Path, word: str) -> None:
    check = the_check(tmp_path, VERSION_2_TECHNOLOGY.replace("technology: MYSQL", f"technology: {word}"))
    assert check.engine == "mysql"
    assert check.queries[0].parameters == (("lookback", "30s"), ("range", "1h30m"), ("step", "5m"))
    assert check.queries[1] == Query(type=QueryType.CLICKHOUSE_SELECT, text="1", parameters=(("whatever", "1"),))


def test_our_own_fields_and_query_types(tmp_path: Path) -> None:
    text = (
        VERSION_2_SUBCATEGORY.replace("type: MONGODB_GETCMDLINEOPTS", "type: CONNECTION")
        + """\
    remediation: |
      fix {{user}}
    references:
      - CVE-2026-1
      - https://example.org/
    since: 1.0
    parameters:
      days: 90
      ratio: {default: 0.5, description: How much.}
      names: [a, 1]
      strict: true
      word: 'no'
    requires:
      versions: '>=4.4, <9'
      flavours: mongodb
      privileges:
        - clusterMonitor
"""
    )
    check = the_check(tmp_path, text)
    assert check.queries == (Query(type=QueryType.CONNECTION),)
    assert (check.remediation, check.since) == ("fix {{user}}", "1.0")
    assert check.references == ("CVE-2026-1", "https://example.org/")
    assert check.parameters == {
        "days": Parameter(default=90),
        "ratio": Parameter(default=0.5, description="How much."),
        "names": Parameter(default=("a", "1")),
        "strict": Parameter(default=True),
        "word": Parameter(default="no"),
    }
    assert check.requires == Requirements(privileges=("clusterMonitor",), versions=">=4.4, <9", flavours=("mongodb",))


def test_reading_twice_gives_the_same_digest_wherever_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = the_check(tmp_path / "a", VERSION_1), the_check(tmp_path / "b", VERSION_1)
    assert first.source != second.source
    assert first.digest == second.digest


def test_a_broken_check_document_or_file_keeps_nothing_else_from_loading(tmp_path: Path) -> None:
    several = VERSION_1 + VERSION_1_COMMAND.removeprefix("checks:\n").replace("v1_command", "1nvalid")
    several += "---\nchecks: [\n---\n" + VERSION_2_SUBCATEGORY
    reading = read_checks([read(tmp_path, "a: [", several, VERSION_2_TECHNOLOGY)])
    assert [check.name for check in reading.checks] == ["v1_show", "v2_subcategory", "v2_technology"]
    found = [(problem.file.name, problem.line, problem.rule) for problem in reading.errors]
    assert found == [("1.yml", 2, "yaml"), ("2.yml", 14, "name"), ("2.yml", 24, "yaml")]


def test_of_two_checks_with_one_name_the_error_names_both_files(tmp_path: Path) -> None:
    reading = read_checks([read(tmp_path, VERSION_1, VERSION_2_SUBCATEGORY, VERSION_1)])
    assert [check.name for check in reading.checks] == ["v1_show", "v2_subcategory"]
    (problem,) = reading.errors
    assert (problem.file.name, problem.line, problem.rule) == ("3.yml", 3, "duplicate-name")
    assert f"{tmp_path / '1.yml'}:3" in problem.message


def test_a_name_that_a_broken_check_has_is_taken_too(tmp_path: Path) -> None:
    broken = VERSION_1.replace("interval: rare", "interval: daily")
    reading = read_checks([read(tmp_path, broken, VERSION_1)])
    assert reading.checks == []
    assert [problem.rule for problem in reading.errors] == ["interval", "duplicate-name"]


def test_a_name_of_a_built_in_check_is_taken(tmp_path: Path) -> None:
    own = the_check(tmp_path, VERSION_1)
    reading = read_checks([tmp_path], beside=[own.model_copy(update={"source": "built-in"})])
    assert reading.checks == []
    assert "built-in" in reading.errors[0].message


def test_tests_of_checks_are_no_check_files(tmp_path: Path) -> None:
    for name in ("a.yml", "a.test.yml", "a.test.yaml"):
        (tmp_path / name).write_text(VERSION_1 if name == "a.yml" else "tests: []\n")
    for paths in ([tmp_path], sorted(tmp_path.iterdir())):
        reading = read_checks(paths)
        assert [check.name for check in reading.checks] == ["v1_show"]
        assert reading.problems == []


def test_folders_are_walked_with_links_and_without_what_is_hidden(tmp_path: Path) -> None:
    for path in ("a.yml", "b/c.yaml", "b/d/e.yml", "b/notes.txt", "..data_1/a.yml", ".hidden.yml", "f.yml.bak"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        name = path.replace("/", "_").replace(".", "_").strip("_")
        (tmp_path / path).write_text(VERSION_1.replace("v1_show", name))
    (tmp_path / "linked").symlink_to(tmp_path / "..data_1")
    for name in ("again", "and_again"):
        (tmp_path / "b" / name).symlink_to(tmp_path)
    (tmp_path / "linked.yml").symlink_to(tmp_path / "b" / "c.yaml")
    reading = read_checks([tmp_path, tmp_path / "a.yml", tmp_path / "b"])
    assert sorted(check.name for check in reading.checks) == ["a_yml", "b_c_yaml", "b_d_e_yml", "data_1_a_yml"]
    assert reading.problems == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "can't be read: No such file"),
        (lambda path: path.write_text(""), "holds no checks"),
        (lambda path: path.write_text("# only a comment\n---\n"), "holds no checks"),
        (lambda path: path.write_text("checks: []\n"), "holds no checks"),
        (lambda path: path.write_text("- a\n"), "not a check file"),
        (lambda path: path.write_text("services: {}\n"), "unknown field 'services'"),
        (lambda path: path.write_text("checks: {}\n"), "'checks' must be a list"),
        (lambda path: path.write_text("checks:\n  - text\n"), "must be a mapping"),
        (lambda path: path.write_text("name: a\nscript: b\n"), "does not stand in a list"),
        (lambda path: path.write_bytes(b"checks: []\n# \xff\n"), "not UTF-8"),
        (lambda path: path.write_bytes(b"#" * (MAX_FILE_BYTES + 1)), "more than a check file may have"),
        (os.mkfifo, "not a file"),
        (lambda path: path.symlink_to(path), "can't be read"),
    ],
    ids=[
        *("missing", "empty", "comment", "no-checks", "list", "other", "map", "text", "bare", "bytes"),
        *("large", "pipe", "loop"),
    ],
)
def test_a_file_that_holds_no_checks_is_told(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "x.yml"
    make(path)  # type: ignore[operator]  # one of the functions above
    reading = read_checks([path])
    assert reading.checks == []
    assert message in reading.problems[0].message
    assert str(reading.problems[0]).startswith(f"{path}:")


def test_a_hundred_megabytes_are_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    (problem,) = read_checks([path]).problems
    assert "104,857,600 bytes" in problem.message


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    (problem,) = read_checks([tmp_path]).problems
    assert (problem.severity, problem.file) == ("warning", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_the_encodings_of_yaml(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.yml"
    path.write_bytes(VERSION_1.replace("What is set.", "Größe, 大").encode(encoding))
    (check,) = read_checks([path]).checks
    assert check.description == "Größe, 大"


def test_windows_line_ends_change_no_line_number(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_bytes(VERSION_1.replace("rare", "daily").replace("\n", "\r\n").encode())
    (problem,) = read_checks([path]).problems
    assert (problem.line, problem.column) == (9, 15)


def test_a_signature_beside_a_file_travels_with_the_bytes_that_were_signed(tmp_path: Path) -> None:
    text = VERSION_1 + VERSION_1_COMMAND.removeprefix("checks:\n")
    path = read(tmp_path, text) / "1.yml"
    (tmp_path / "1.yml.minisig").write_text("untrusted comment: x\nRWQ\n")
    reading = read_checks([tmp_path])
    assert reading.problems == []
    for check in reading.checks:
        assert base64.b64decode(check.signed) == path.read_bytes()
        assert check.signature == "untrusted comment: x\nRWQ\n"


def test_a_signature_that_is_no_text_is_told_and_the_check_is_unsigned(tmp_path: Path) -> None:
    read(tmp_path, VERSION_1)
    (tmp_path / "1.yml.minisig").write_bytes(b"\xff\xfe\x00\xd8")
    reading = read_checks([tmp_path])
    assert [problem.file.name for problem in reading.errors] == ["1.yml.minisig"]
    assert [(check.signed, check.signature) for check in reading.checks] == [("", "")]


def test_a_problem_reads_as_editors_and_ci_jobs_expect(tmp_path: Path) -> None:
    path = read(tmp_path, VERSION_1.replace("interval: rare", "interval: rar")) / "1.yml"
    (problem,) = read_checks([path]).problems
    assert str(problem) == (
        f"{path}:9:15: error: v1_show: unknown interval 'rar' (did you mean 'rare'?; allowed: standard, frequent, rare)"
    )
