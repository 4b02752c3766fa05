"""What alerts does a verdict stand for? Tables for each part of an alert."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.publisher.alerts import (
    LONGEST_SUMMARY_BYTES,
    LONGEST_TEXT_BYTES,
    Alert,
    alerts_of,
    as_unconfirmed,
    generator_url,
    own_prefix,
    subject_of,
    unconfirmed_since,
)
from shared.alertmanager_api import fingerprint
from shared.events import Finding
from shared.subjects import ResultSubject
from tests.unit.publisher.news import NOON, SUBJECT, after, finding, verdict

PREFIX = own_prefix("https://watchword.example")


def alerts(*findings: Finding, target_labels: dict[str, str] | None = None, check_summary: str = "") -> list[Alert]:
    result = verdict(1, *findings).result
    found = alerts_of(SUBJECT, result, target_labels=target_labels or {}, prefix=PREFIX, check_summary=check_summary)
    assert all(key == alert.fingerprint == fingerprint(alert.labels) for key, alert in found.items())
    return list(found.values())


def test_an_alert_is_complete() -> None:
    (alert,) = alerts(
        finding(
            "app is a superuser",
            "critical",
            description="The role app may do anything.",
            labels={"role": "app"},
            read_more_url="https://docs.example/superusers",
            remediation='ALTER ROLE "app" NOSUPERUSER;',
            failing_since=NOON,
        ),
        target_labels={"environment": "production"},
        check_summary="Superusers",
    )
    assert alert.labels == {
        "alertname": "superusers",
        "check": "superusers",
        "service_name": "db-1",
        "service_type": "postgresql",
        "severity": "critical",
        "environment": "production",
        "role": "app",
    }
    assert alert.annotations == {
        "summary": "app is a superuser",
        "description": "The role app may do anything.",
        "read_more_url": "https://docs.example/superusers",
        "remediation": 'ALTER ROLE "app" NOSUPERUSER;',
        "check_summary": "Superusers",
    }
    assert alert.generator_url == "https://watchword.example/check/postgresql/db-1/superusers"
    assert alert.starts_at == NOON


def test_summary_and_description_are_there_also_when_empty_and_the_others_are_not() -> None:
    (alert,) = alerts(finding("s"))
    assert alert.annotations == {"summary": "s", "description": ""}


@pytest.mark.parametrize("status", ["passed", "skipped", "withdrawn"])
def test_a_verdict_that_did_not_fail_stands_for_no_alert(status: str) -> None:
    assert alerts_of(SUBJECT, verdict(1, status=status).result, target_labels={}, prefix=PREFIX) == {}


def test_findings_with_different_labels_are_different_alerts() -> None:
    assert len(alerts(finding(labels={"role": "a"}), finding(labels={"role": "b"}))) == 2


def test_findings_that_differ_in_severity_are_different_alerts() -> None:
    assert len(alerts(finding(severity="warning"), finding(severity="critical"))) == 2


def test_findings_with_equal_labels_are_one_alert_that_lists_them_all() -> None:
    (alert,) = alerts(
        finding("first", description="one", remediation="DROP ROLE a;", failing_since=after(hours=2)),
        finding("second", remediation="DROP ROLE a;", failing_since=after(hours=1), read_more_url="https://x.example"),
        finding("third", description="three", remediation="DROP ROLE c;"),
    )
    assert alert.annotations == {
        "summary": "first (and 2 more)",
        "description": "- first: one\n- second\n- third: three",
        "read_more_url": "https://x.example",
        "remediation": "DROP ROLE a;\nDROP ROLE c;",
    }
    assert alert.starts_at == after(hours=1)


def test_text_and_measured_values_are_no_identity() -> None:
    (before,) = alerts(finding("used 81 %", description="81", labels={"disk": "a"}))
    (later,) = alerts(finding("used 97 %", description="97", labels={"disk": "a"}))
    assert before.fingerprint == later.fingerprint
    assert before != later


def test_texts_are_capped() -> None:
    (alert,) = alerts(finding("s" * 10_000, description="d" * 100_000, remediation="é" * 50_000))
    assert len(alert.annotations["summary"].encode()) <= LONGEST_SUMMARY_BYTES
    assert len(alert.annotations["description"].encode()) <= LONGEST_TEXT_BYTES
    assert len(alert.annotations["remediation"].encode()) <= LONGEST_TEXT_BYTES
    assert all(alert.annotations[name].endswith("…") for name in ("summary", "description", "remediation"))


def test_texts_lose_control_characters_but_keep_their_lines() -> None:
    (alert,) = alerts(finding("a\x00b\x1b[31m", description="one\r\ntwo\n\ud800three"))
    assert alert.annotations == {"summary": "a b [31m", "description": "one\ntwo\n three"}


@pytest.mark.parametrize(
    ("installation", "prefix"),
    [
        pytest.param("https://watchword.example/", "https://watchword.example/check/", id="an address"),
        pytest.param("http://[::1]:9000/w", "http://[::1]:9000/w/check/", id="an address with port and path"),
        pytest.param("urn:watchword:12ab", "urn:watchword:12ab/check/", id="the name that init gives"),
        pytest.param("my site", None, id="no URL"),
        pytest.param("", None, id="nothing"),
        pytest.param("https://ada:secret@watchword.example", None, id="with a password"),
        pytest.param("https://watchword.example/%zz", None, id="a URL that Alertmanager can't parse"),
        pytest.param("https://watchword.example/\nx", None, id="two lines"),
    ],
)
def test_every_installation_has_a_prefix_that_alertmanager_takes(installation: str, prefix: str | None) -> None:
    made = own_prefix(installation)
    if prefix is None:
        assert re.fullmatch(r"urn:watchword:installation-[0-9a-f]{16}/check/", made)
    else:
        assert made == prefix


def test_an_installation_whose_url_begins_like_anothers_is_told_apart() -> None:
    url = generator_url(own_prefix("urn:watchword:ab"), SUBJECT)
    assert subject_of(own_prefix("urn:watchword:a"), url) is None


names = st.text(min_size=1, max_size=20)


@given(engine=names, target=names, check=names)
def test_the_url_of_an_alert_tells_which_check_on_which_target(engine: str, target: str, check: str) -> None:
    subject = ResultSubject("verdict", engine, target, check)
    url = generator_url(PREFIX, subject)
    assert url.isascii()
    assert subject_of(PREFIX, url) == subject


@pytest.mark.parametrize(
    "url", ["", "https://elsewhere.example/check/a/b/c", f"{PREFIX}a/b", f"{PREFIX}a/b/c/d", f"{PREFIX}a/b/%FF"]
)
def test_what_is_not_ours_is_left_alone(url: str) -> None:
    assert subject_of(PREFIX, url) is None


def test_an_unconfirmed_alert_says_since_when() -> None:
    (alert,) = alerts(finding())
    assert unconfirmed_since(alert) is None
    assert unconfirmed_since(as_unconfirmed(alert, NOON)) == NOON
    assert as_unconfirmed(alert, NOON).fingerprint == alert.fingerprint
