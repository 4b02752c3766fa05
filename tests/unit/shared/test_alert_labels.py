"""Which labels does an alert have? The same ones everywhere, each valid, none lost."""

import gc
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alert_labels import LONGEST_VALUE_BYTES, AlertLabels, alert_labels, clean_value
from shared.severity import Severity
from shared.subjects import ResultSubject

SUBJECT = ResultSubject("verdict", "postgresql", "db-1", "pg_superusers")
RESERVED = {
    "alertname": "pg_superusers",
    "check": "pg_superusers",
    "service_name": "db-1",
    "service_type": "postgresql",
    "severity": "critical",
}
VALID_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def labels_of(
    finding: dict[str, str], target: dict[str, str] | None = None, subject: ResultSubject = SUBJECT
) -> AlertLabels:
    return alert_labels(subject, Severity.CRITICAL, target or {}, finding)


def test_an_alert_has_the_reserved_labels_the_targets_and_the_findings() -> None:
    labels = labels_of({"role": "app"}, {"environment": "production"})
    assert labels.together == {**RESERVED, "environment": "production", "role": "app"}


@pytest.mark.parametrize(
    ("finding", "target", "expected"),
    [
        pytest.param({"severity": "low"}, {}, {"finding_severity": "low"}, id="a reserved name wins"),
        pytest.param({"env": "x"}, {"env": "prod"}, {"finding_env": "x"}, id="the target's name wins"),
        pytest.param({"env": "prod"}, {"env": "prod"}, {"finding_env": "prod"}, id="also with the same value"),
        pytest.param({"env": "x"}, {"env": ""}, {"env": "x"}, id="an empty label of the target takes no name"),
        pytest.param({"role": ""}, {}, {}, id="an empty value is dropped"),
        pytest.param({"role": "\x00\n"}, {}, {}, id="a value of control characters alone is dropped"),
        pytest.param({"auth-method": "trust"}, {}, {"auth_method": "trust"}, id="a dash becomes an underscore"),
        pytest.param({"1st": "a"}, {}, {"_1st": "a"}, id="a digit does not come first"),
        pytest.param({"": "a"}, {}, {"_": "a"}, id="the empty name"),
        pytest.param({"größe": "a"}, {}, {"gr__e": "a"}, id="letters beyond ASCII"),
        pytest.param({"r": "line\nbreak\ttab"}, {}, {"r": "line break tab"}, id="control characters become spaces"),
        pytest.param({"r": "half \ud800 pair"}, {}, {"r": "half   pair"}, id="what is no UTF-8 becomes a space"),
    ],
)
def test_labels_of_a_finding(finding: dict[str, str], target: dict[str, str], expected: dict[str, str]) -> None:
    assert dict(labels_of(finding, target).finding) == expected


def test_labels_of_another_programs_target_do_not_displace_reserved_ones() -> None:
    labels = labels_of({}, {"severity": "high", "image": "nginx"})
    assert dict(labels.target) == {"target_severity": "high", "image": "nginx"}
    assert labels.together["severity"] == "critical"


def test_two_names_that_become_one_are_told_apart() -> None:
    together = labels_of({"a-b": "1", "a.b": "2"}).finding
    assert sorted(together.values()) == ["1", "2"]
    assert all(name.startswith("a_b_") for name in together)


def test_a_name_that_is_valid_keeps_it_beside_one_that_becomes_the_same() -> None:
    found = dict(labels_of({"a-b": "2", "a_b": "1"}).finding)
    assert found.pop("a_b") == "1"
    ((told_apart, value),) = found.items()
    assert re.fullmatch(r"a_b_[0-9a-f]{8}", told_apart)
    assert value == "2"


def test_a_clash_that_clashes_again_is_told_apart() -> None:
    found = labels_of({"severity": "1", "finding_severity": "2"}).finding
    assert found["finding_severity"] == "2"
    assert sorted(found.values()) == ["1", "2"]


def test_values_that_differ_only_at_their_ends_stay_different() -> None:
    first, second = clean_value("x" * 5000 + "1"), clean_value("x" * 5000 + "2")
    assert first != second
    assert len(first.encode()) <= LONGEST_VALUE_BYTES


def test_targets_whose_names_look_alike_stay_different() -> None:
    names = ["db\x01", "db\x02", "db", "db ", "\x01", "\x02"]
    seen = {
        labels_of({}, subject=ResultSubject("verdict", "scanner", name, "c")).together["service_name"] for name in names
    }
    assert len(seen) == len(names)
    assert all(seen)


texts = st.text(max_size=12) | st.sampled_from(["severity", "env", "a-b", "a.b", "a_b", "finding_env", "finding_a_b"])
some_labels = st.dictionaries(texts, texts, max_size=8)


@given(target=some_labels, finding=some_labels)
def test_no_label_is_lost_and_every_name_is_valid(target: dict[str, str], finding: dict[str, str]) -> None:
    labels = labels_of(finding, target)
    parts = (labels.reserved, labels.target, labels.finding)
    assert len(labels.together) == sum(len(part) for part in parts)
    assert all(VALID_NAME.fullmatch(name) for name in labels.together)
    assert dict(labels.reserved) == RESERVED
    assert sorted(labels.finding.values()) == sorted(filter(None, map(clean_value, finding.values())))
    assert sorted(labels.target.values()) == sorted(filter(None, map(clean_value, target.values())))


@given(target=some_labels, finding=some_labels, random=st.randoms(use_true_random=False))
def test_the_order_of_labels_does_not_matter(target: dict[str, str], finding: dict[str, str], random) -> None:
    shuffled = list(finding.items())
    random.shuffle(shuffled)
    assert labels_of(dict(shuffled), target) == labels_of(finding, target)


@given(st.text(max_size=3000))
def test_cleaning_a_value_twice_changes_nothing_more(value: str) -> None:
    once = clean_value(value)
    assert clean_value(once) == once
    once.encode()


def test_many_labels_cost_in_proportion_to_their_number() -> None:
    """A message has room for 40,000 of them, and whoever reads it does nothing else meanwhile."""

    def seconds(number: int, round_number: int = 0) -> float:
        labels = {f"l{number}_{round_number}_{one}": "v" for one in range(number)}  # names that were never seen before
        gc.disable()  # what it takes has to do with all that the tests have made
        try:
            began = time.process_time()
            assert len(alert_labels(SUBJECT, Severity.WARNING, {}, labels).finding) == number
            return time.process_time() - began
        finally:
            gc.enable()

    few = min(seconds(1_000, round_number) for round_number in range(5))
    assert seconds(20_000) < 20 * few * 8  # compared with all others, each would take 20 times as long as before
