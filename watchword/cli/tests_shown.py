"""The report of a check's tests: for people, for programs, and as JUnit's XML for CI servers."""

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from rich.text import Text

from watchword.cli.output import clean, note, say

if TYPE_CHECKING:
    from watchword.check_files.testing import BranchSeen, Report, Suite, Tested


_NEVER = {
    "called": "the function is never called",
    "true": "the condition is never true",
    "false": "the condition is never false",
    "items": "the loop never has items",
    "no items": "the loop is never without items",
}


def show(report: "Report") -> None:
    """Print a report for people."""
    for suite in report.suites:
        say(Text.assemble((suite.check, "bold"), f"  ({suite.file})"))
        for test in suite.tests:
            _show(test)
        say(f"  {suite.ran} of {len(suite.branches)} branches of the script ran")
        for branch in suite.branches:
            if not branch.times:
                where = f"{suite.file}:{branch.place.line}:{branch.place.column}"
                say(Text(f"    {where}: {_NEVER[branch.way]}", style="yellow"))
    for name, file in report.untested:
        note(f"{name} ({file}) has no tests")
    failed = sum(bool(test.differences) for test in report.tests)
    say(f"{len(report.tests) - failed} passed, {failed} failed")


def _show(test: "Tested") -> None:
    name = clean(test.case.name)
    if not test.differences:
        say(Text.assemble("  ", ("ok", "green"), f"      {name}"))
        return
    say(Text.assemble("  ", ("FAILED", "red"), f"  {name}  ({test.fixture}:{test.case.line})"))
    for difference in test.differences:
        say(f"          {clean(difference, keep_lines=True)}")


def as_json(report: "Report") -> dict[str, object]:
    """Return a report for programs."""
    return {
        "checks": [_suite_as_json(suite) for suite in report.suites],
        "untested": [{"check": name, "file": str(file)} for name, file in report.untested],
        "problems": [str(problem) for problem in report.problems],
    }


def _suite_as_json(suite: "Suite") -> dict[str, object]:
    return {
        "check": suite.check,
        "file": str(suite.file),
        "tests": [
            {
                "name": test.case.name,
                "file": str(test.fixture),
                "line": test.case.line,
                "is_passed": not test.differences,
                "differences": list(test.differences),
                "duration_ms": round(test.duration_ms, 3),
            }
            for test in suite.tests
        ],
        "branches": [_branch_as_json(branch) for branch in suite.branches],
    }


def _branch_as_json(branch: "BranchSeen") -> dict[str, object]:
    return {"line": branch.place.line, "column": branch.place.column, "way": branch.way, "times": branch.times}


def as_junit(report: "Report") -> str:
    """Return a report as JUnit writes it."""
    root = ET.Element("testsuites")
    for suite in report.suites:
        failures = sum(bool(test.differences) for test in suite.tests)
        element = ET.SubElement(
            root, "testsuite", name=suite.check, tests=str(len(suite.tests)), failures=str(failures)
        )
        for test in suite.tests:
            case = ET.SubElement(
                element,
                "testcase",
                classname=suite.check,
                name=clean(test.case.name),
                file=str(test.fixture),
                line=str(test.case.line),
                time=f"{test.duration_ms / 1000:.6f}",
            )
            if test.differences:
                text = clean("\n".join(test.differences), keep_lines=True)
                ET.SubElement(case, "failure", message=clean(test.differences[0])).text = text
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)
