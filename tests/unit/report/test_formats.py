"""Every format of one report: read by what reads it elsewhere, with texts from a hostile database in it."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import junitparser
import pytest

from shared.severity import Severity
from tests.unit.report.made import DAY, HOSTILE, NOW, Fleet, every_kind, finding
from watchword.report import as_csv, as_html, as_json, as_junit, as_markdown, as_sarif, as_table
from watchword.report.formats import Format, format_of, render
from watchword.report.model import Status

SCHEMA = json.loads(Path("tests/data/sarif/sarif-2.1.0.json").read_text())
REPORT = every_kind()
STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@pytest.mark.parametrize("form", list(Format))
def test_no_format_lets_a_text_steer_a_terminal_or_grow_without_bound(form: Format) -> None:
    text = render(REPORT, form)
    assert not STEERING.search(text)
    text.encode()
    assert len(text) < 200_000
    assert "alert(1)" in text  # it is there, as text


@pytest.mark.parametrize("form", list(Format))
def test_the_same_report_is_written_the_same_each_time(form: Format) -> None:
    assert render(every_kind(), form) == render(REPORT, form)


@pytest.mark.parametrize("form", list(Format))
def test_a_report_of_nothing_can_be_written(form: Format) -> None:
    assert render(Fleet(targets=()).report(since=False), form)


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.html", "html"), ("a.sarif", "sarif"), ("a.sarif.json", "sarif"), ("a.xml", "junit"), ("a.MD", "markdown")],
)
def test_a_file_s_name_says_its_format(name: str, form: str) -> None:
    assert format_of(Path(name)) == form
    assert format_of(Path("a.doc")) is None


# JSON


def test_json_has_every_status_and_who_accepts_what_until_when() -> None:
    document = json.loads(as_json.render(REPORT))
    assert document["counts"] == {
        "failed": 3, "accepted": 1, "error": 1, "unknown": 6, "skipped": 1, "passed": 1
    }  # fmt: skip
    (orders,) = [target for target in document["targets"] if target["target"] == "orders"]
    checks = {state["check"]: state for state in orders["checks"]}
    assert checks["accepted"]["findings"][0]["accepted"] == {
        "until": "2026-12-24T12:00:00Z",
        "by": "Grace",
        "reason": "moves in January",
    }
    assert checks["never"]["status"] == "unknown"
    assert orders["switched_off"] == ["off"]
    assert document["fixed"][0]["labels"] == {"role": HOSTILE}
    assert document["judgement"] == "failed"


# SARIF


def run_of(report: Any = REPORT) -> Any:
    return as_sarif.document(report)["runs"][0]  # type: ignore[index]


def test_sarif_is_valid_by_its_published_schema() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(as_sarif.render(REPORT)))


def test_the_schema_would_notice() -> None:
    broken = json.loads(as_sarif.render(REPORT))
    broken["runs"][0]["results"][0]["level"] = "bad"
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(broken)


def test_sarif_has_a_rule_for_each_check_and_a_result_for_each_finding() -> None:
    run = run_of()
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({state.check for state in REPORT.states})
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%._~-]+/[A-Za-z0-9%._~-]+", uri)
    weak = next(rule for rule in rules if rule["id"] == "weak")
    assert weak["properties"]["security-severity"] == "9.0"
    assert weak["properties"]["tags"] == ["security", "roles", "postgresql", "database"]
    assert weak["helpUri"] == "https://example.org/why"


def test_fingerprints_stay_when_measured_texts_change() -> None:
    def prints(summary: str, days: float) -> list[Any]:
        fleet = Fleet("one")
        fleet.result("one", "failed", finding(summary=summary, days=days))
        return [result["partialFingerprints"] for result in run_of(fleet.report())["results"]]

    assert prints("3 days left", 3) == prints("2 days left", 2)
    assert len(prints("x", 1)[0]) == 2


def test_sarif_suppresses_what_is_accepted_and_tells_what_is_new() -> None:
    results = {result["ruleId"]: result for result in run_of()["results"] if result["level"] != "error"}
    (suppression,) = results["accepted"]["suppressions"]
    assert suppression["status"] == "accepted"
    assert "until 2026-12-24 12:00 UTC by Grace: moves in January" in suppression["justification"]
    assert {result["baselineState"] for result in run_of()["results"]} == {"new", "unchanged"}
    assert all(result["suppressions"] == [] for result in run_of()["results"] if result["ruleId"] != "accepted")


def test_sarif_says_what_could_not_be_looked_at_and_that_it_did_not_succeed() -> None:
    (invocation,) = run_of()["invocations"]
    assert not invocation["executionSuccessful"]
    levels = {note["associatedRule"]["id"]: note["level"] for note in invocation["toolExecutionNotifications"]}
    assert (levels["blind"], levels["never"], levels["skipped"]) == ("error", "error", "note")
    fine = Fleet("one")
    fine.result("one", "passed")
    assert run_of(fine.report())["invocations"][0]["executionSuccessful"]


# JUnit


def test_junit_is_read_by_a_usual_reader_and_counts_nothing_unseen_as_passed(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    file.write_text(as_junit.render(REPORT), encoding="utf-8")
    suites = junitparser.JUnitXml.fromfile(str(file))
    (orders,) = [suite for suite in suites if suite.name == "orders"]
    kinds = {case.name: [type(result).__name__ for result in case.result] for case in orders}
    assert kinds == {
        "accepted": ["Skipped"],
        "blind": ["Error"],
        "fine": [],
        "never": ["Error"],
        "skipped": ["Skipped"],
        "weak": ["Failure"],
    }
    assert (orders.tests, orders.failures, orders.errors, orders.skipped) == (6, 1, 2, 2)
    assert (suites.tests, suites.failures, suites.errors) == (13, 3, 7)
    text = next(case.result[0].text for case in orders if case.name == "weak")
    assert HOSTILE in text


# CSV


def test_csv_is_read_back_and_no_cell_is_a_formula() -> None:
    text = as_csv.render(REPORT)
    assert all(line.endswith("\r\n") for line in [text[-2:]])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["status"] for row in rows} == {
        "failed", "accepted", "error", "unknown", "skipped", "passed", "fixed"
    }  # fmt: skip
    for row in rows:
        assert None not in row
        for cell in row.values():
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert any(row["summary"].startswith("'=cmd") for row in rows)
    assert any(row["engine"] == "'=ci" for row in rows)


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "'x", "\t=1", " =1"])
def test_a_cell_that_begins_like_a_formula_becomes_text(cell: str) -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding(remediation=cell))
    (row,) = csv.DictReader(io.StringIO(as_csv.render(fleet.report()), newline=""))
    assert row["remediation"] == f"'{cell}"


# Markdown


def test_markdown_makes_no_html_mention_link_or_cell_of_a_text() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding(role="a|b", summary="<b> @all # [x](http://y) `c` a|b"))
    fleet.accept("one", NOW + DAY)
    text = as_markdown.render(fleet.report())
    assert "<b>" not in text.replace("<!-- -->", "")
    assert "@all" not in text
    assert "](http" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| critical")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_a_block_of_code_ends_where_it_should() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding(remediation="```\n# heading"))
    assert "   ````\n   ```\n   # heading\n   ````" in as_markdown.render(fleet.report())


# HTML


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_but_itself_and_runs_nothing_but_its_own() -> None:
    page = Page(as_html.render(REPORT))
    names = [name for name, _ in page.tags]
    assert names.count("script") == 1
    assert not {"link", "img", "iframe", "object", "form", "base", "audio", "video"} & set(names)
    for name, attributes in page.tags:
        assert not any(attribute.startswith("on") or attribute in {"style", "src"} for attribute in attributes), name
        assert (attributes.get("href") or "https://").startswith("https://")
    (policy,) = [about["content"] or "" for name, about in page.tags if name == "meta" and "http-equiv" in about]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_shows_texts_as_they_are() -> None:
    page = Page(as_html.render(REPORT))
    assert f"role={HOSTILE}" in page.text
    assert "javascript:" not in str(page.tags)


def test_the_page_has_what_readers_of_screens_need() -> None:
    page = Page(as_html.render(REPORT))
    names = {name for name, _ in page.tags}
    assert {"header", "main", "footer", "h1", "h2", "caption"} <= names
    assert ("html", {"lang": "en"}) in page.tags
    headings = [about for name, about in page.tags if name == "th"]
    assert all("scope" in about for about in headings)
    identifiers = [about["id"] for _, about in page.tags if "id" in about]
    assert len(identifiers) == len(set(identifiers))
    assert {about["aria-labelledby"] for _, about in page.tags if "aria-labelledby" in about} <= set(identifiers)


@pytest.mark.parametrize(
    ("status", "headline"),
    [("passed", "Nothing to fix"), ("error", "1 check could not look"), ("failed", "1 critical finding to fix")],
)
def test_the_page_begins_with_what_matters(status: str, headline: str) -> None:
    fleet = Fleet("one")
    fleet.result("one", status, *([finding()] if status == "failed" else []))
    assert f'<h1 id="verdict">{headline}</h1>' in as_html.render(fleet.report())


# The terminal


def test_the_table_is_the_worst_first_and_says_where_to_begin() -> None:
    fleet = Fleet("a", "b", "c", "d")
    fleet.result("a", "failed", finding(Severity.NOTICE, role="quiet"))
    fleet.result("b", "failed", finding(Severity.CRITICAL, role="loud", days=1))
    fleet.result("c", "passed")
    text = as_table.render(fleet.report(since=False))
    assert text.index("Role loud") < text.index("Role quiet") < text.index("Begin here")
    assert "1. critical  What b is about" in text
    assert "       DROP ROLE loud;" in text
    assert text.splitlines()[-1] == "1 target, 4 checks: 2 failed, 1 never looked at, 1 passed"


def test_a_server_that_is_away_is_one_line_and_not_one_for_each_check() -> None:
    names = [f"check_{number}" for number in range(30)]
    fleet = Fleet(*names)
    for name in names:
        fleet.result(name, "error", reason="nobody answers")
    assert as_table.render(fleet.report(since=False)).count("nobody answers") == 1


def test_the_table_says_how_far_back_the_past_is_known() -> None:
    text = as_table.render(REPORT)
    assert "What was fixed before 2026-11-22 12:00 UTC is not known any more." in text
    assert "1 new, 1 fixed" in text
    assert REPORT.counts()[Status.UNKNOWN] == 6


def test_a_link_that_is_no_address_of_the_web_is_no_link_on_the_page() -> None:
    fleet = Fleet(targets=())
    fleet.result("leak", "failed", finding(read_more_url="javascript:alert(1)"), engine="ci")
    fleet.result("hole", "failed", finding(read_more_url="https://example.org/why"), engine="ci")
    page = Page(as_html.render(fleet.report()))
    assert [about["href"] for name, about in page.tags if name == "a"] == ["https://example.org/why"]
    assert "javascript:alert(1)" in page.text
