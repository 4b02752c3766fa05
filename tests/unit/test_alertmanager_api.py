"""What Alertmanager's API takes and shows, and how it names an alert."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alertmanager_api import AlertmanagerStatus, PostedAlert, PostedSilence, ShownAlert, Silence, fingerprint
from shared.mutes import Matcher

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"alertname": "x", "a": "b"}, "c5688262826c92f9"),
        ({"a": "b", "alertname": "x", "empty": ""}, "c5688262826c92f9"),
    ],
    ids=["none", "as an Alertmanager had it", "empty ones do not count"],
)
def test_the_fingerprint_is_alertmanagers(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5)))
def test_the_fingerprint_does_not_depend_on_the_order(labels: dict[str, str]) -> None:
    assert fingerprint(labels) == fingerprint(dict(reversed(labels.items())))


def test_an_alert_is_sent_as_the_api_spells_it() -> None:
    alert = PostedAlert(labels={"a": "b"}, starts_at=NOON, generator_url="http://x/")
    assert json.loads(alert.model_dump_json(exclude_none=True)) == {
        "labels": {"a": "b"},
        "annotations": {},
        "startsAt": "2026-03-01T12:00:00Z",
        "generatorURL": "http://x/",
    }


def test_a_silence_is_sent_as_the_api_spells_it() -> None:
    silence = PostedSilence(
        matchers=(Matcher(name="a", value="b", is_regex=True),),
        starts_at=NOON,
        ends_at=NOON + dt.timedelta(hours=1),
        created_by="ann",
        comment="known",
    )
    assert json.loads(silence.model_dump_json(exclude_none=True)) == {
        "matchers": [{"name": "a", "value": "b", "isRegex": True, "isEqual": True}],
        "startsAt": "2026-03-01T12:00:00Z",
        "endsAt": "2026-03-01T13:00:00Z",
        "createdBy": "ann",
        "comment": "known",
    }


def test_an_alert_with_fields_of_a_later_version_and_null_lists_is_read() -> None:
    shown = ShownAlert.model_validate(
        {
            "fingerprint": "c5688262826c92f9",
            "labels": {"a": "b"},
            "startsAt": "2026-03-01T12:00:00.123456789+02:00",
            "endsAt": "0001-01-01T00:00:00.000Z",
            "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": None, "new": 1},
            "new": {},
        }
    )
    assert shown.starts_at == dt.datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=dt.UTC)
    assert shown.status.silenced_by == ["s1"]
    assert shown.status.inhibited_by == shown.status.muted_by == []


@pytest.mark.parametrize(("state", "is_living"), [("active", True), ("pending", True), ("expired", False)])
def test_a_silence_lives_until_it_expires(state: str, is_living: bool) -> None:
    silence = Silence.model_validate(
        {
            "id": "s",
            "matchers": [{"name": "a", "value": "x" * 10_000, "isRegex": False}],
            "startsAt": NOON,
            "endsAt": NOON,
            "status": {"state": state},
            "annotations": {"later": "version"},
        }
    )
    assert silence.is_living is is_living
    assert silence.matchers[0].is_equal


def test_a_status_says_version_start_and_peers() -> None:
    status = AlertmanagerStatus.model_validate(
        {
            "cluster": {"name": "01", "status": "ready", "peers": [{"name": "01", "address": "10.0.0.1:9094"}]},
            "versionInfo": {"version": "0.28.1", "branch": "HEAD"},
            "uptime": "2026-03-01T12:00:00.000Z",
            "config": {"original": ""},
        }
    )
    assert (status.version, status.started_at, status.cluster_state) == ("0.28.1", NOON, "ready")
    assert [peer.address for peer in status.peers] == ["10.0.0.1:9094"]


def test_a_status_without_a_cluster_is_read() -> None:
    status = AlertmanagerStatus.model_validate(
        {"cluster": {"status": "disabled", "peers": None}, "versionInfo": {"version": "0.25.0"}, "uptime": NOON}
    )
    assert status.peers == ()
