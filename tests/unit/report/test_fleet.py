"""What a report says of events: which check stands how, and what counts as new and fixed."""

from shared.severity import Severity
from tests.unit.report.made import DAY, NOW, Fleet, finding
from watchword.report.model import Status


def states(fleet: Fleet) -> dict[str, Status]:
    return {state.check: state.status for state in fleet.report().states}


def test_a_check_that_nobody_ran_is_listed_as_never_looked_at() -> None:
    fleet = Fleet("one", "two")
    fleet.result("one", "passed")
    assert states(fleet) == {"one": Status.PASSED, "two": Status.UNKNOWN}


def test_an_error_that_is_newer_than_the_verdict_keeps_what_was_found_before() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding())
    fleet.result("one", "error", reason="no answer")
    (state,) = fleet.report().states
    assert (state.status, state.reason) == (Status.ERROR, "no answer")
    assert [found.summary for found in state.findings] == ["Role app may do anything"]


def test_a_verdict_that_is_newer_than_the_error_counts() -> None:
    fleet = Fleet("one")
    fleet.result("one", "error", reason="no answer")
    fleet.result("one", "passed")
    assert states(fleet) == {"one": Status.PASSED}


def test_what_was_withdrawn_and_runs_here_still_is_never_looked_at() -> None:
    fleet = Fleet("one")
    fleet.result("one", "withdrawn", reason="disabled")
    assert states(fleet) == {"one": Status.UNKNOWN}


def test_a_check_that_is_switched_off_is_named_and_not_counted() -> None:
    fleet = Fleet("one", "two")
    fleet.result("one", "failed", finding())
    fleet.switch_off("one")
    (target,) = fleet.report().targets
    assert target.switched_off == ("one",)
    assert [state.check for state in target.checks] == ["two"]


def test_a_check_is_accepted_when_somebody_accepts_all_that_it_found() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding())
    fleet.accept("one", NOW + DAY)
    (state,) = fleet.report().states
    assert state.status is Status.ACCEPTED
    (found,) = state.findings
    assert found.accepted is not None
    assert (found.accepted.until, found.accepted.by) == (NOW + DAY, "Grace")


def test_an_exception_whose_time_is_over_accepts_nothing() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding())
    fleet.accept("one", NOW - DAY)
    assert states(fleet) == {"one": Status.FAILED}


def test_new_is_what_was_first_seen_since_then() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding(role="old", days=8), finding(role="young", days=6))
    assert {found.labels["role"]: found.is_new for found in fleet.report().findings} == {"old": False, "young": True}


def test_fixed_is_what_was_resolved_since_then_by_another_look() -> None:
    fleet = Fleet("one", "two", "never")
    fleet.result("one", "passed")
    fleet.result("two", "failed", finding(role="back"))
    fleet.resolve("one", finding(role="gone"), NOW - DAY)
    fleet.resolve("one", finding(role="long ago"), NOW - 8 * DAY)
    fleet.resolve("two", finding(role="back"), NOW - DAY)
    fleet.resolve("never", finding(role="removed with its check"), NOW - DAY)
    (fixed,) = fleet.report().fixed
    assert (fixed.check, dict(fixed.labels), fixed.at) == ("one", {"role": "gone"}, NOW - DAY)


def test_results_of_other_programs_are_there_without_an_inventory() -> None:
    fleet = Fleet("one", targets=())
    fleet.result("leak", "failed", finding(), target="repository", engine="ci")
    (target,) = fleet.report().targets
    assert (target.engine, target.name, target.counts()[Status.FAILED]) == ("ci", "repository", 1)


def test_what_is_less_severe_is_left_out_and_counted_but_fails_all_the_same() -> None:
    fleet = Fleet("one")
    fleet.result("one", "failed", finding(Severity.ERROR), finding(Severity.INFO))
    shown = fleet.report().only(Severity.WARNING)
    assert [found.severity for found in shown.findings] == [Severity.ERROR]
    assert shown.hidden == 1
    assert shown.only(Severity.EMERGENCY).counts()[Status.FAILED] == 1


def test_some_targets_and_checks_can_be_chosen_by_globs() -> None:
    fleet = Fleet("one", "two", targets=("orders", "billing"))
    chosen = fleet.report().on(["ord*"], ["o*"])
    assert [(state.target, state.check) for state in chosen.states] == [("orders", "one")]
