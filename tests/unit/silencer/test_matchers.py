"""Which matchers make a mute, and which are refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.silencer import matchers
from shared.alert_labels import alert_labels
from shared.alertmanager_api import fingerprint
from shared.events import CheckResult, Finding
from shared.mutes import Matcher, MutedFinding
from shared.severity import Severity
from shared.subjects import ResultSubject

SUBJECT = ResultSubject("verdict", "postgresql", "db1", "weak")


def finding(**labels: str) -> MutedFinding:
    return MutedFinding(engine="postgresql", target="db1", check="weak", severity=Severity.CRITICAL, labels=labels)


def values(made: list[Matcher]) -> dict[str, str]:
    assert all(one.is_equal and not one.is_regex for one in made)
    return {one.name: one.value for one in made}


def verdict(*findings: dict[str, Any]) -> CheckResult:
    shown = [Finding.model_validate({"summary": "s", "severity": "critical", **one}) for one in findings]
    return CheckResult(status="failed", target="db1", engine="postgresql", check="weak", findings=shown)


def alert(labels: dict[str, str], target_labels: dict[str, str], severity: str = "critical") -> dict[str, str]:
    return alert_labels(SUBJECT, Severity(severity), target_labels, labels).together


def test_a_finding_is_muted_by_check_target_severity_and_its_own_labels() -> None:
    assert values(matchers.of_finding(finding(role="app"), {"team": "payments"})) == {
        "alertname": "weak",
        "service_name": "db1",
        "severity": "critical",
        "role": "app",
    }


def test_an_edit_of_the_inventory_keeps_a_findings_matchers() -> None:
    assert matchers.of_finding(finding(role="app"), {"team": "a"}) == matchers.of_finding(
        finding(role="app"), {"team": "b", "zone": "c"}
    )


def test_a_label_of_the_target_with_the_same_name_renames_the_findings_matcher() -> None:
    made = values(matchers.of_finding(finding(role="app"), {"role": "primary"}))
    assert made["finding_role"] == "app"
    assert "role" not in made


@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"])),
    st.dictionaries(st.sampled_from("abc"), st.just("t")),
)
def test_a_findings_matchers_match_its_own_alert(labels: dict[str, str], target_labels: dict[str, str]) -> None:
    shown = alert(labels, target_labels)
    assert values(matchers.of_finding(finding(**labels), target_labels)).items() <= shown.items()
    assert matchers.identity_of(finding(**labels), target_labels) == fingerprint(shown)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("db1", None, None), {"service_name": "db1"}),
        ((None, "weak", None), {"alertname": "weak"}),
        (("db1", "weak", Severity.ERROR), {"alertname": "weak", "service_name": "db1", "severity": "error"}),
    ],
    ids=["target", "check", "all three"],
)
def test_names_are_muted_by_what_was_given(
    asked: tuple[str | None, str | None, Severity | None], expected: dict[str, str]
) -> None:
    assert values(matchers.of_names(*asked)) == expected


class TestTheFindingBehindAnAlert:
    def test_is_the_one_whose_alert_has_the_same_labels(self) -> None:
        shown = verdict({"labels": {"role": "a"}}, {"labels": {"role": "b"}}, {"labels": {}})
        found = matchers.finding_behind(alert({"role": "b"}, {"team": "x"}), SUBJECT, shown, {"team": "x"})
        assert found == finding(role="b")

    def test_is_found_where_a_label_of_the_target_renamed_its_label(self) -> None:
        shown = verdict({"labels": {"role": "b"}})
        found = matchers.finding_behind(alert({"role": "b"}, {"role": "x"}), SUBJECT, shown, {"role": "x"})
        assert found == finding(role="b")

    def test_is_found_for_an_alert_from_before_an_edit_of_the_inventory(self) -> None:
        shown = verdict({"labels": {}}, {"labels": {"role": "b"}}, {"labels": {"role": "b", "more": "c"}})
        found = matchers.finding_behind(alert({"role": "b"}, {"team": "old"}), SUBJECT, shown, {"role": "new"})
        assert found == finding(role="b")

    def test_has_the_alerts_severity(self) -> None:
        shown = verdict({"severity": "warning"}, {"severity": "critical"})
        found = matchers.finding_behind(alert({}, {}, "warning"), SUBJECT, shown, {})
        assert found is not None
        assert found.severity == Severity.WARNING

    def test_is_none_without_a_verdict(self) -> None:
        assert matchers.finding_behind(alert({"role": "b"}, {}), SUBJECT, None, {}) is None

    def test_is_none_when_the_verdict_has_no_such_finding(self) -> None:
        assert (
            matchers.finding_behind(alert({"role": "b"}, {}), SUBJECT, verdict({"labels": {"role": "c"}}), {}) is None
        )


def test_an_alert_of_ours_names_its_subject() -> None:
    assert matchers.subject_of(alert({}, {})) == SUBJECT


def test_an_alert_of_others_names_none() -> None:
    assert matchers.subject_of({"alertname": "DiskFull", "instance": "x"}) is None


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [{"name": "alertname", "value": ""}],
        [{"name": "alertname", "value": ".*", "isRegex": True}],
        [{"name": "alertname", "value": ".+", "isRegex": True}],
        [{"name": "service_name", "value": "db1|", "isRegex": True}],
        [{"name": "service_name", "value": "db1", "isEqual": False}],
        [{"name": "service_name", "value": "db.*", "isRegex": True, "isEqual": False}],
        [{"name": "a", "value": ".+", "isRegex": True}, {"name": "b", "value": "x", "isEqual": False}],
        [{"name": "a-b", "value": "x"}],
        [{"name": "", "value": "x"}],
        [{"name": "a\n", "value": "x"}],
        [{"name": "a", "value": "x\ud800"}],
        [{"name": "a", "value": "x\ny"}],
        [{"name": "a", "value": "(?!x)", "isRegex": True}],
        [{"name": "a", "value": "(", "isRegex": True}, {"name": "service_name", "value": "db1"}],
        [{"name": "a", "value": "x" * 4097}],
        [{"name": "a", "value": "x"}] * 101,
    ],
    ids=[
        "none",
        "empty value",
        "any value",
        "any value but empty",
        "also empty",
        "all but one",
        "all but some",
        "broad and negative",
        "name that 0.25 refuses",
        "no name",
        "name with a newline",
        "half a character",
        "value with a newline",
        "look-ahead",
        "broken expression beside a good matcher",
        "long value",
        "too many",
    ],
)
def test_matchers_that_are_refused(asked: list[dict[str, Any]]) -> None:
    assert matchers.refusal_of([Matcher.model_validate(one) for one in asked])


@pytest.mark.parametrize(
    "asked",
    [
        [{"name": "service_name", "value": "db1"}],
        [{"name": "service_name", "value": "db[0-9]+", "isRegex": True}],
        [{"name": "alertname", "value": ".+", "isRegex": True}, {"name": "service_name", "value": "db1"}],
        [{"name": "severity", "value": "critical", "isEqual": False}, {"name": "service_name", "value": "db1"}],
        [{"name": "owner", "value": ""}, {"name": "service_name", "value": "db1"}],
    ],
    ids=["one name", "an expression", "broad and narrow", "negative and narrow", "empty and narrow"],
)
def test_matchers_that_are_good(asked: list[dict[str, Any]]) -> None:
    assert matchers.refusal_of([Matcher.model_validate(one) for one in asked]) is None
