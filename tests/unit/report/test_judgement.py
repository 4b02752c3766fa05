"""What a report comes to for a script, and where a person should begin."""

import pytest

from shared.severity import Severity
from tests.unit.report.made import DAY, NOW, Fleet, finding
from watchword.report.judgement import judged, tasks

FAILED, GOOD, BLIND = "failed", "good", "could not look"


def fleet(status: str, severity: Severity = Severity.WARNING) -> Fleet:
    made = Fleet("one")
    if status == "failed":
        made.result("one", "failed", finding(severity))
    elif status:
        made.result("one", status)
    return made


@pytest.mark.parametrize(
    ("made", "fail_on", "judgement"),
    [
        pytest.param(fleet("failed"), Severity.DEBUG, FAILED, id="a finding"),
        pytest.param(fleet("failed"), Severity.WARNING, FAILED, id="as severe as asked for"),
        pytest.param(fleet("failed"), Severity.ERROR, GOOD, id="less severe than asked for"),
        pytest.param(fleet("passed"), Severity.DEBUG, GOOD, id="passed"),
        pytest.param(fleet("skipped"), Severity.DEBUG, GOOD, id="skipped"),
        pytest.param(fleet("error"), Severity.DEBUG, BLIND, id="an error"),
        pytest.param(fleet("error"), Severity.EMERGENCY, BLIND, id="an error, whatever the severity"),
        pytest.param(fleet(""), Severity.DEBUG, BLIND, id="never looked at"),
        pytest.param(Fleet(targets=("orders",)), Severity.DEBUG, BLIND, id="a target without checks"),
        pytest.param(Fleet(targets=()), Severity.DEBUG, BLIND, id="no targets"),
    ],
)
def test_a_script_gets(made: Fleet, fail_on: Severity, judgement: str) -> None:
    assert judged(made.report(), fail_on) == judgement


def test_what_is_accepted_fails_nobody() -> None:
    made = fleet("failed", Severity.EMERGENCY)
    made.accept("one", NOW + DAY)
    assert judged(made.report(), Severity.DEBUG) == GOOD


def test_what_was_found_before_an_error_still_fails() -> None:
    made = fleet("failed")
    made.result("one", "error")
    assert judged(made.report(), Severity.DEBUG) == FAILED


def test_one_begins_with_the_worst_and_then_with_what_is_in_most_places() -> None:
    made = Fleet("a", "b", "c", targets=("orders", "billing"))
    made.result("a", "failed", finding(Severity.WARNING))
    made.result("b", "failed", finding(Severity.WARNING), target="orders")
    made.result("b", "failed", finding(Severity.WARNING), target="billing")
    made.result("c", "failed", finding(Severity.NOTICE), finding(Severity.CRITICAL, role="x"))
    assert [(task.check.name, task.severity, task.places) for task in tasks(made.report())] == [
        ("c", Severity.CRITICAL, 1),
        ("b", Severity.WARNING, 2),
        ("a", Severity.WARNING, 1),
    ]
