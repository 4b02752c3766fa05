import datetime as dt

import pytest

from services.checker.examine import Outcome
from services.checker.results import Previous, after_refusal, previous_of, results_of
from services.checker.script import ScriptFinding
from shared.accepted import exception_names
from shared.configuration import RiskAccepted
from shared.events import Accepted, CheckResult
from shared.following import Stored
from shared.subjects import setting_key

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
LATER = dt.datetime(2026, 12, 23, tzinfo=dt.UTC)
EARLIER = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def finding(user):
    return ScriptFinding(summary=user, description="", severity="warning", labels={"user": user}, read_more_url="")


@pytest.fixture
def publish(inventory):
    target, check = inventory.target("t"), inventory.check("c")

    def make(status, found=(), previous=None, now=NOW, **more):
        outcome = Outcome(check, status, tuple(found), **more)
        return results_of(
            outcome,
            target,
            previous or Previous(),
            inventory.view,
            run="1-5",
            checker="checker-1",
            started_at=now,
            now=now,
        )

    return make


@pytest.mark.parametrize(("status", "found"), [("passed", []), ("failed", [finding("a")]), ("skipped", [])])
def test_verdict_goes_to_the_verdicts_and_nothing_to_the_errors(publish, status, found):
    made = publish(status, found, reason="because" if status == "skipped" else None)
    assert made.error is None
    assert (made.verdict.status, made.verdict.run, made.verdict.check_digest) == (
        status,
        "1-5",
        made.verdict.check_digest,
    )


def test_error_never_becomes_a_verdict(publish):
    made = publish("error", reason="connection refused")
    assert made.verdict is None
    assert (made.error.status, made.error.reason) == ("error", "connection refused")


def test_when_some_databases_failed_nothing_found_before_is_called_fixed(publish):
    before = publish("failed", [finding("a"), finding("b")], now=EARLIER).verdict
    made = publish("error", [finding("a")], Previous(3, before), reason="db2: timeout", is_partial=True)
    assert made.error.reason == "db2: timeout"
    assert {one.labels["user"]: one.failing_since for one in made.verdict.findings} == {"a": EARLIER, "b": EARLIER}


def test_when_some_databases_failed_and_nothing_was_found_there_is_no_verdict(publish):
    before = publish("failed", [finding("a")]).verdict
    assert publish("error", [], Previous(3, before), reason="db2: timeout", is_partial=True).verdict is None


def stored(data):
    return Stored("check.result.verdict.postgresql.t.c", 7, data, {}, NOW)


def test_unreadable_last_verdict_still_has_its_place():
    assert previous_of(stored(b"\xff")) == Previous(7, None)
    assert previous_of(None) == Previous(0, None)


def test_last_verdict_that_is_about_something_else_has_its_place_alone(publish):
    body = publish("failed", [finding("a")]).verdict.model_copy(update={"target": "another"}).to_bytes()
    assert previous_of(stored(body)) == Previous(7, None)


def verdict(status="passed", run="1-4"):
    return Previous(9, CheckResult(status=status, target="t", engine="postgresql", check="c", run=run))


@pytest.mark.parametrize(
    ("last", "is_wanted", "holds_lease", "expected"),
    [
        pytest.param(verdict(run="1-4"), True, True, "write", id="a lower run"),
        pytest.param(verdict(run="1-9"), True, True, "drop", id="a higher run"),
        pytest.param(verdict(run="2-1"), True, True, "drop", id="a run of a younger bucket"),
        pytest.param(verdict(run="1-10"), True, True, "drop", id="ids compare as numbers"),
        pytest.param(verdict(run=None), True, True, "write", id="no run at all"),
        pytest.param(verdict("withdrawn", run=None), True, True, "write", id="withdrawn, but wanted again"),
        pytest.param(verdict("withdrawn", run=None), False, True, "drop", id="withdrawn, and gone"),
        pytest.param(verdict(run="1-4"), True, False, "drop", id="a lower run, but the lease is lost"),
    ],
)
def test_late_verdict_never_overwrites_a_fresher_one(last, is_wanted, holds_lease, expected):
    assert after_refusal(last, "1-5", is_wanted=is_wanted, holds_lease=holds_lease) == expected


def test_severities_and_exceptions_of_the_settings_are_in_the_verdict(publish, inventory):
    severity, exception = setting_key("file", "severity", "c", "t"), setting_key("file", *exception_names("c", "t", {}))
    word = RiskAccepted(check="c", target="t", until=LATER, by="ada", reason="lab", labels={"user": "a"})
    inventory.view.apply(severity, b'{"severity": "critical"}', 90)
    inventory.view.apply(exception, word.model_dump_json().encode(), 91)
    made = publish("failed", [finding("a"), finding("b")])
    said = {one.labels["user"]: one.accepted for one in made.verdict.findings}
    assert {one.severity for one in made.verdict.findings} == {"critical"}
    assert said == {"a": Accepted(until=LATER, by="ada", reason="lab"), "b": None}


def test_a_finding_of_a_database_that_could_not_be_looked_at_keeps_up_with_the_exceptions(publish, inventory):
    before = publish("failed", [finding("a"), finding("b")], now=EARLIER).verdict
    word = RiskAccepted(check="c", target="t", until=LATER, by="ada")
    key = setting_key("file", *exception_names("c", "t", {}))
    inventory.view.apply(key, word.model_dump_json().encode(), 91)
    made = publish("error", [finding("a")], Previous(3, before), reason="db2: timeout", is_partial=True)
    assert [one.accepted.by for one in made.verdict.findings] == ["ada", "ada"]
