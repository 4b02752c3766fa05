"""The pages of ``docs/checks`` are what the files of the checks and their proofs say, each link in them leads
somewhere, and no text of a check means anything to Markdown.
"""

import re
from pathlib import Path

import pytest

from shared.checks import Check, Parameter, Requirements
from tests.integration.library_proofs.every_proof import DOCUMENTED, LIVE, PROOFS
from tests.integration.library_proofs.pages import FOLDER, pages, present, write
from tests.integration.library_proofs.pages.markdown import anchor, block, code, linked, plain
from tests.integration.library_proofs.pages.proven import ENGINES, Proven
from tests.integration.library_proofs.proof import Documented, Live, as_started
from watchword.check_files.library import built_in_checks

CHECKS = built_in_checks()
EXPECTED = pages()
PRESENT = present(FOLDER)
ROOT = FOLDER.parents[1]
LINK = re.compile(r"\]\((?P<path>[^)#]*)(?:#(?P<anchor>[^)]*))?\)")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_page_is_what_the_check_and_its_proofs_say(name: str) -> None:
    assert PRESENT.get(name) == EXPECTED[name], "run `make docs`"


def test_no_page_is_left_over() -> None:
    assert sorted(PRESENT.keys() - EXPECTED.keys()) == [], "run `make docs`"


def test_every_check_has_a_page_and_stands_in_the_index_by_engine_by_category_and_by_benchmark() -> None:
    assert EXPECTED.keys() == {"README.md"} | {f"{check.engine}/{check.name}.md" for check in CHECKS}
    _, by_engine, by_category, by_benchmark = re.split(r"^## By .*", EXPECTED["README.md"], flags=re.MULTILINE)
    for check in CHECKS:
        link = f"[{check.name}]({check.engine}/{check.name}.md)"
        assert by_engine.count(link) == 1
        assert by_category.count(link) == 1
        assert by_benchmark.count(link) == max(1, sum(each.startswith("CIS ") for each in check.references))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_link_leads_somewhere(name: str) -> None:
    for link in LINK.finditer(EXPECTED[name]):
        if link["path"].startswith("https://"):
            continue
        path = (FOLDER / name).parent / link["path"] if link["path"] else FOLDER / name
        path = path.resolve()
        assert path.is_relative_to(ROOT)
        assert path.is_file()
        if link["anchor"]:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert link["anchor"] in {anchor(heading.replace("\\", "")) for heading in headings}


def test_the_numbers_of_the_index_are_those_of_the_proofs() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", EXPECTED["README.md"], re.MULTILINE
    )
    assert [row[0] for row in rows] == [*ENGINES.values(), "all"]
    numbers = [[int(number) for number in row[1:]] for row in rows]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    checks, *ways, live, documented = numbers[-1]
    assert (checks, live, documented) == (len(CHECKS), len(LIVE), len(DOCUMENTED))
    on_a_server, by_reply = ({proof.check for proof in some} for some in (LIVE, DOCUMENTED))
    assert ways == [len(on_a_server - by_reply), len(on_a_server & by_reply), len(by_reply - on_a_server)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_page_names_every_severity_that_a_proof_has_seen(check: Check) -> None:
    proofs = tuple(proof for proof in PROOFS if proof.check == check.name)
    assert {proof.severity for proof in proofs} <= set(Proven(check, proofs).severities)


def a_check(**changed: object) -> Check:
    return CHECKS[0].model_copy(
        update={
            "name": "mysql_sample",
            "engine": "mysql",
            "summary": "Accounts with *.* | everything",
            "description": "# Not a heading. <b>Not bold</b>.",
            "remediation": "REVOKE ALL ON *.* FROM {{user}}@{{host}};\n-- ```\n",
            "references": (
                "CIS MySQL Benchmark, section 5: MySQL Permissions",
                "https://example.org/a_b_c",
                "CVE-2018-1058",
            ),
            "script": '{"severity": "error" if row["warning"] else "notice", "labels": {"critical": "x"}}',
            "parameters": {"accepted": Parameter(default=(), description="Names | of users.")},
            "requires": Requirements(
                privileges=("GRANT SELECT ON mysql.user TO watchword",), versions=">=10.4", flavours=("mariadb",)
            ),
        }
        | changed
    )


SOURCE = "https://example.org/manual/, MySQL 8.4"
A_LIVE = Live("mysql_sample", as_started, severity="error", case="one_account")
A_REPLY = Documented("mysql_sample", source=SOURCE, weak=[], good=[], severity="notice")


def page_of(check: Check, *proofs: Live | Documented) -> str:
    return pages([check], proofs)["mysql/mysql_sample.md"]


def test_a_page_tells_what_the_file_says() -> None:
    text = page_of(a_check(), A_LIVE)
    for line in (
        r"Accounts with \*.\* \| everything.",
        r"\# Not a heading. \<b\>Not bold\</b\>.",
        "| severity | `error` or `notice` |",
        "| interval | standard, every 24 hours |",
        "| applies to | MariaDB, 10.4 or newer; elsewhere it is `skipped` |",
        r"| `accepted` | none | Names \| of users. |",
        "GRANT SELECT ON mysql.user TO 'watchword'@'<host>';",
        "````sql",
        "REVOKE ALL ON *.* FROM {{user}}@{{host}};",
        "- <https://example.org/a_b_c>",
        "- CVE-2018-1058",
    ):
        assert line in text.splitlines()


def test_a_page_says_how_its_check_is_proven_and_what_that_does_not_show() -> None:
    live = page_of(a_check(), A_LIVE)
    assert "| live | MariaDB 10.11 | one account | `error` |" in live
    assert "MariaDB stands for" not in live
    assert "Documented:" not in live
    everywhere = page_of(a_check(requires=Requirements()), A_LIVE)
    assert "MariaDB stands for MySQL and Percona Server here, on which no test has run." in everywhere
    reply = page_of(a_check(), A_REPLY)
    assert "| documented | <https://example.org/manual/>, MySQL 8.4 |  | `notice` |" in reply
    assert "No such server has answered the queries of the check." in reply
    assert "Live:" not in reply


@pytest.mark.parametrize(
    ("proofs", "way"),
    [
        ((A_LIVE,), "live"),
        ((A_LIVE, A_REPLY), "live and documented"),
        ((A_REPLY,), "documented alone"),
        ((), "not at all"),
    ],
)
def test_the_index_says_by_which_way(proofs: tuple[Live | Documented, ...], way: str) -> None:
    assert pages([a_check()], proofs)["README.md"].count(f"| {way} |\n") == 1


def test_a_stale_a_missing_and_a_left_over_page_are_put_right(tmp_path: Path) -> None:
    texts = {"README.md": "index\n", "mysql/a.md": "a\n", "mysql/b.md": "b\n"}
    assert write(texts, tmp_path) == sorted(texts)
    (tmp_path / "mysql" / "a.md").write_text("old\n")
    (tmp_path / "mysql" / "b.md").unlink()
    (tmp_path / "mysql" / "c.md").write_text("c\n")
    assert write(texts, tmp_path) == ["mysql/a.md", "mysql/b.md", "mysql/c.md"]
    assert present(tmp_path) == texts
    assert write(texts, tmp_path) == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("pg_hba.conf of user_1", "pg_hba.conf of user_1"),
        ("_emphasis_ and __init__", r"\_emphasis\_ and \_\_init\_\_"),
        ("*.* and [a](b) and <i> and `c` | ~~d~~", r"\*.\* and \[a\](b) and \<i\> and \`c\` \| \~\~d\~\~"),
        ("a & b, &amp;, AT&T", r"a & b, \&amp;, AT&T"),
        ("$where and $x$", r"\$where and \$x\$"),
        ("1. first", r"1\. first"),
        ("0.1.0", "0.1.0"),
        ("- item", r"\- item"),
        ("# heading", r"\# heading"),
        ("two\n\nlines", "two lines"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_a_text_means_nothing_to_markdown(text: str, written: str) -> None:
    assert plain(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://example.org/a_b/, version 1", "<https://example.org/a_b/>, version 1"),
        ("https://example.org/#c: since *2*", r"<https://example.org/#c>: since \*2\*"),
        ("https://a.org/ (8.0) and https://b.org/", "<https://a.org/> (8.0) and <https://b.org/>"),
    ],
)
def test_addresses_become_links_without_what_follows_them(text: str, written: str) -> None:
    assert linked(text) == written


def test_code_may_hold_what_fences_it() -> None:
    assert code("a|b") == r"`a\|b`"
    assert code("a`b") == "`` a`b ``"
    assert list(block("x\n```\ny\n", "sql")) == ["````sql", "x", "```", "y", "````"]
