"""Which matchers make a mute? For a finding: alertname, service_name, severity and the finding's labels, never the
target's, so that an edit of the inventory keeps the mute and an escalation breaks it. For an alert that is no finding
of ours: all its labels. For names: those that were given. And which matchers are refused: those that are not valid on
every Alertmanager, and those that would silence about everything. Nothing here knows of time, silences or who asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from services.silencer.regular_expressions import fault_of, matches, matches_about_everything
from shared.alert_labels import AlertLabels, alert_labels
from shared.alertmanager_api import fingerprint
from shared.events import CheckResult
from shared.mutes import Matcher, MutedFinding
from shared.severity import Severity
from shared.subjects import ResultSubject
from shared.targets import LABEL_NAME, RESERVED_LABELS

MOST_MATCHERS = 100
LONGEST_VALUE = 4096

MatcherSet: TypeAlias = frozenset[tuple[str, str, bool, bool]]
"""Matchers without an order: Alertmanager gives them back sorted."""


def as_set(matchers: Iterable[Matcher]) -> MatcherSet:
    """Return matchers so that they can be compared."""
    return frozenset((one.name, one.value, one.is_regex, one.is_equal) for one in matchers)


def of_finding(finding: MutedFinding, target_labels: Mapping[str, str]) -> list[Matcher]:
    """Return the matchers for a finding. The target's labels only decide how clashing labels of it are called."""
    labels = _labels_of(finding, target_labels)
    reserved = {name: labels.reserved[name] for name in ("alertname", "service_name", "severity")}
    return _equal_to({**reserved, **dict(sorted(labels.finding.items()))})


def identity_of(finding: MutedFinding, target_labels: Mapping[str, str]) -> str:
    """Return the fingerprint that the alert of a finding has beside these labels of its target."""
    return fingerprint(_labels_of(finding, target_labels).together)


def of_alert(labels: Mapping[str, str]) -> list[Matcher]:
    """Return the matchers for exactly one alert, whosever it is."""
    return _equal_to(dict(sorted(labels.items())))


def of_names(target: str | None, check: str | None, severity: Severity | None) -> list[Matcher]:
    """Return the matchers for whatever a check says about a target; what is not given may be anything."""
    names = reserved_labels(target or "-", check or "-", severity or Severity.DEBUG)
    given = {"alertname": check, "service_name": target, "severity": severity}
    return _equal_to({label: names[label] for label, asked in given.items() if asked})


def reserved_labels(target: str, check: str, severity: Severity) -> Mapping[str, str]:
    """Return the values under which alerts have these names."""
    return alert_labels(ResultSubject("verdict", "-", target, check), severity, {}, {}).reserved


def subject_of(labels: Mapping[str, str]) -> ResultSubject | None:
    """Return which check on which target an alert is of, or None when its labels do not say."""
    engine, target, check = (labels.get(name) for name in ("service_type", "service_name", "check"))
    return ResultSubject("verdict", engine, target, check) if engine and target and check else None


def finding_behind(
    labels: Mapping[str, str], subject: ResultSubject, verdict: CheckResult | None, target_labels: Mapping[str, str]
) -> MutedFinding | None:
    """Return the finding of a verdict that an alert stands for, or None when there is none.

    It is the one whose alert has the same labels. An alert from before an edit of the inventory has other labels of its
    target; then it is the finding with the most labels of those that the alert has all of.
    """
    findings = [
        MutedFinding(
            engine=subject.engine,
            target=subject.target,
            check=subject.check,
            severity=one.severity,
            labels=one.labels,
        )
        for one in (verdict.findings if verdict else [])
        if one.severity.value == labels.get("severity")
    ]
    for finding in findings:
        if _labels_of(finding, target_labels).together == dict(labels):
            return finding
    others = {name: value for name, value in labels.items() if name not in RESERVED_LABELS}
    contained = [finding for finding in findings if _is_contained(finding, others)]
    return max(contained, key=lambda finding: (len(finding.labels), sorted(finding.labels.items())), default=None)


def _is_contained(finding: MutedFinding, alert: Mapping[str, str]) -> bool:
    own = _labels_of(finding, {}).finding
    return all(value in {alert.get(name), alert.get(f"finding_{name}")} for name, value in own.items())


def refusal_of(matchers: Sequence[Matcher]) -> str | None:
    """Return why these matchers are refused, for people, or None when they are good."""
    if not matchers:
        return "matchers is empty: name at least one"
    if len(matchers) > MOST_MATCHERS:
        return f"there are {len(matchers)} matchers, at most {MOST_MATCHERS} are taken"
    for one in matchers:
        if not LABEL_NAME.fullmatch(one.name):
            return f"matcher name {one.name[:100]!r} is not [a-zA-Z_][a-zA-Z0-9_]*"
        if len(one.value) > LONGEST_VALUE:
            return f"the value of matcher {one.name} is longer than {LONGEST_VALUE} characters"
        if not one.value.isprintable():
            return f"the value of matcher {one.name} has characters that can't be printed; no label of an alert has"
        fault = fault_of(one.value) if one.is_regex else None
        if fault:
            return f"the regular expression of matcher {one.name} can't be used: {fault}"
    if not any(_is_narrow(one) for one in matchers):
        return (
            "these matchers would silence about everything: give at least one that names what it means, such as "
            'service_name="orders-db"; a negative one, an empty one or one like .+ is not enough'
        )
    return None


def _is_narrow(matcher: Matcher) -> bool:
    if not matcher.is_equal:
        return False
    if not matcher.is_regex:
        return matcher.value != ""
    return not matches(matcher.value, "") and not matches_about_everything(matcher.value)


def _labels_of(finding: MutedFinding, target_labels: Mapping[str, str]) -> AlertLabels:
    subject = ResultSubject("verdict", finding.engine, finding.target, finding.check)
    return alert_labels(subject, finding.severity, target_labels, finding.labels)


def _equal_to(labels: Mapping[str, str]) -> list[Matcher]:
    return [Matcher(name=name, value=value) for name, value in labels.items()]
