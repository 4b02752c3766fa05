"""What ``mute.result`` says next."""

import datetime as dt

import pytest

from services.silencer.results import (
    NOBODY_ANSWERS,
    NONE_CONFIGURED,
    MutedAlert,
    Unanswered,
    Unknown,
    needs_lookup,
    settled,
    tended,
    with_silence,
)
from shared.mutes import Matcher, MutedFinding, MuteResult, SilenceMade
from shared.severity import Severity
from tests.unit.silencer.stream import AM, DAY, NOON, Mutes

FINGERPRINT = "0123456789abcdef"
FINDING = MutedFinding(engine="e", target="db1", check="weak", severity=Severity.ERROR, labels={"role": "app"})


@pytest.fixture
def mutes() -> Mutes:
    return Mutes()


def by_fingerprint(mutes: Mutes) -> str:
    return mutes.ask(target=None, check=None, fingerprint=FINGERPRINT, id="chat-7")


def result_of(mutes: Mutes, mute_id: str) -> MuteResult:
    result = mutes[mute_id].result
    assert result is not None
    return result


def test_the_first_result_fixes_matchers_and_end_and_names_every_alertmanager(mutes: Mutes) -> None:
    mute_id = mutes.ask(id="chat-7", severity="error")
    mutes.settle(mute_id, alertmanagers=("a", "b"))
    result = result_of(mutes, mute_id)
    assert result.request_id == mute_id
    assert result.id == "chat-7"
    assert {(one.name, one.value) for one in result.matchers} == {
        ("alertname", "weak"),
        ("service_name", "db1"),
        ("severity", "error"),
    }
    assert (result.starts_at, result.ends_at) == (NOON, NOON + DAY)
    assert [(one.alertmanager, one.state) for one in result.silences] == [("a", "waiting"), ("b", "waiting")]


def test_it_says_so_when_no_alertmanager_is_configured(mutes: Mutes) -> None:
    mute_id = mutes.ask()
    mutes.settle(mute_id, alertmanagers=())
    assert result_of(mutes, mute_id).waiting == NONE_CONFIGURED
    assert mutes[mute_id].is_in_force(NOON)
    mutes.record(mute_id, SilenceMade(alertmanager="new", silence_id="s", state="active"))
    assert result_of(mutes, mute_id).waiting is None


def test_matchers_of_the_request_are_taken_as_they_are(mutes: Mutes) -> None:
    asked = {"name": "service_name", "value": "db.+", "isRegex": True}
    mute_id = mutes.muted(target=None, check=None, matchers=[asked])
    assert result_of(mutes, mute_id).matchers == [Matcher(name="service_name", value="db.+", is_regex=True)]


def test_a_result_is_written_as_alertmanager_spells_matchers(mutes: Mutes) -> None:
    mute_id = mutes.muted()
    assert b'"isRegex":false' in mutes.stored[-1].data
    assert b"is_regex" not in mutes.stored[-1].data
    assert result_of(mutes, mute_id).matchers


def test_a_settled_mute_is_not_settled_again(mutes: Mutes) -> None:
    mute = mutes[mutes.muted()]
    assert settled(mute, None, default=2 * DAY, alertmanagers=("other",), now=NOON) is None


class TestAFingerprint:
    def test_is_looked_for_until_it_is_settled(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        assert needs_lookup(mutes[mute_id], DAY, NOON) == FINGERPRINT
        mutes.settle(mute_id, MutedAlert({"alertname": "x"}, None, {}))
        assert needs_lookup(mutes[mute_id], DAY, NOON) is None

    def test_is_not_looked_for_when_the_request_is_refused_anyway(self, mutes: Mutes) -> None:
        mute_id = mutes.ask(target=None, check=None, fingerprint=FINGERPRINT, comment=" ")
        assert needs_lookup(mutes[mute_id], DAY, NOON) is None

    def test_of_a_finding_is_muted_by_the_findings_labels(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, MutedAlert({"team": "payments"}, FINDING, {"team": "payments"}))
        result = result_of(mutes, mute_id)
        assert {one.name for one in result.matchers} == {"alertname", "service_name", "severity", "role"}
        assert result.finding == FINDING
        assert result.fingerprints[0] == FINGERPRINT

    def test_of_an_alert_without_a_verdict_is_muted_by_all_its_labels(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, MutedAlert({"alertname": "DiskFull", "instance": "x"}, None, {}))
        result = result_of(mutes, mute_id)
        assert {(one.name, one.value) for one in result.matchers} == {("alertname", "DiskFull"), ("instance", "x")}

    def test_that_no_alert_has_is_refused(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, Unknown(("main",)))
        refused = result_of(mutes, mute_id).refused
        assert refused is not None
        assert FINGERPRINT in refused
        assert "main" in refused

    def test_waits_and_says_so_while_nobody_can_be_asked(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, Unanswered({"a": "away", "b": "broken"}))
        result = result_of(mutes, mute_id)
        assert result.waiting == NOBODY_ANSWERS
        assert [(one.alertmanager, one.state, one.error) for one in result.silences] == [
            ("a", "waiting", "away"),
            ("b", "waiting", "broken"),
        ]
        assert not mutes[mute_id].is_settled
        before = len(mutes.stored)
        mutes.settle(mute_id, Unanswered({"a": "away", "b": "broken"}))
        assert len(mutes.stored) == before
        mutes.settle(mute_id, Unanswered({}))
        assert result_of(mutes, mute_id).waiting == NONE_CONFIGURED

    def test_keeps_its_end_while_it_waits(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, Unanswered({"a": "away"}))
        found = MutedAlert({"alertname": "x"}, None, {})
        later = settled(mutes[mute_id], found, default=3 * DAY, alertmanagers=(AM,), now=NOON + DAY / 2)
        assert later is not None
        assert later.ends_at == NOON + DAY
        too_late = settled(mutes[mute_id], found, default=3 * DAY, alertmanagers=(AM,), now=NOON + DAY)
        assert too_late is not None
        assert too_late.refused is not None
        assert "before any Alertmanager could be asked" in too_late.refused


def test_a_mute_that_was_unmuted_before_it_was_settled_has_no_matchers(mutes: Mutes) -> None:
    mute_id = by_fingerprint(mutes)
    mutes.unmute(id=mute_id)
    assert needs_lookup(mutes[mute_id], DAY, NOON) is None
    mutes.settle(mute_id)
    result = result_of(mutes, mute_id)
    assert result.ended_by == "bob: fixed"
    assert not result.matchers
    assert mutes[mute_id].is_settled


class TestTending:
    def test_answers_an_unmute_once(self, mutes: Mutes) -> None:
        mute_id = mutes.muted()
        mutes.unmute(id=mute_id)
        assert result_of(mutes, mute_id).ended_by is None
        mutes.tend(mute_id)
        assert result_of(mutes, mute_id).ended_by == "bob: fixed"
        assert tended(mutes[mute_id], None, mutes.now) is None

    def test_notes_that_the_time_is_over(self, mutes: Mutes) -> None:
        mute_id = mutes.muted()
        mutes.record(mute_id, SilenceMade(alertmanager=AM, silence_id="s", state="active"))
        assert tended(mutes[mute_id], None, NOON + DAY - dt.timedelta(seconds=1)) is None
        mutes.now += DAY
        mutes.tend(mute_id)
        assert result_of(mutes, mute_id).silences == [SilenceMade(alertmanager=AM, silence_id="s", state="expired")]
        assert tended(mutes[mute_id], None, mutes.now) is None

    def test_leaves_what_a_person_ended(self, mutes: Mutes) -> None:
        mute_id = mutes.muted()
        ended = SilenceMade(alertmanager=AM, silence_id="s", state="ended", by_person=True)
        mutes.record(mute_id, ended)
        mutes.now += DAY
        assert tended(mutes[mute_id], None, mutes.now) is None

    def test_gives_a_renamed_finding_other_matchers(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, MutedAlert({}, FINDING, {}))
        mutes.tend(mute_id, {"role": "primary"})
        assert ("finding_role", "app") in {(one.name, one.value) for one in result_of(mutes, mute_id).matchers}
        assert tended(mutes[mute_id], {"role": "primary"}, NOON) is None

    def test_keeps_the_matchers_when_another_label_of_the_target_changes(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        before = mutes.settle(mute_id, MutedAlert({}, FINDING, {})).result
        after = mutes.tend(mute_id, {"team": "payments"}).result
        assert before is not None
        assert after is not None
        assert after.matchers == before.matchers
        assert len(after.fingerprints) == len(before.fingerprints) + 1

    def test_leaves_the_matchers_when_the_target_is_gone(self, mutes: Mutes) -> None:
        mute_id = by_fingerprint(mutes)
        mutes.settle(mute_id, MutedAlert({}, FINDING, {"role": "x"}))
        assert tended(mutes[mute_id], None, NOON) is None

    def test_does_nothing_to_what_was_refused(self, mutes: Mutes) -> None:
        mute_id = mutes.ask(comment="")
        mutes.settle(mute_id)
        assert tended(mutes[mute_id], {}, NOON + 100 * DAY) is None


def test_what_happens_in_one_alertmanager_leaves_the_others_in_their_order(mutes: Mutes) -> None:
    mute_id = mutes.ask()
    mutes.settle(mute_id, alertmanagers=("a", "b", "c"))
    mutes.record(mute_id, SilenceMade(alertmanager="b", silence_id="s", state="active"))
    assert [(one.alertmanager, one.state) for one in result_of(mutes, mute_id).silences] == [
        ("a", "waiting"),
        ("b", "active"),
        ("c", "waiting"),
    ]
    assert with_silence(mutes[mute_id], SilenceMade(alertmanager="b", silence_id="s", state="active")) is None
