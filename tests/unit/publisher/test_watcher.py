"""What Watchword says about itself, and when it stops saying so."""

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from services.publisher.alerts import Alert
from services.publisher.own_alerts import compare, lapsing
from services.publisher.received import read_result
from services.publisher.watcher import MOST_OF_A_POOL, Watcher
from shared import subjects
from shared.alertmanager_api import ShownAlert
from shared.errors import MessageRefused
from shared.following import Stored
from shared.subjects import ResultSubject
from tests.unit.publisher.news import NOON, Book, after, error, said, verdict

A_LATER_DAY = {"days": 3}
DUE = dt.timedelta(days=2)


class Fleet(Book):
    """A book in which time goes by, with a checker in the pool as long as it is said to be there."""

    def __init__(
        self, *targets: str, checks: tuple[str, ...] = ("superusers",), publisher: str = "publisher-1"
    ) -> None:
        super().__init__(publisher=publisher)
        self.now = NOON
        self.is_served = True
        self.sequence = 0
        for check in checks:
            self.check(check)
        for target in targets:
            self.target(target, team="payments")
        self.pass_time(minutes=6)

    def pass_time(self, **time: float) -> list[str]:
        """Let time pass by steps of half a minute at most, looking at each; long times jump to their last ten minutes,
        as nothing but the time changes.
        """
        end = self.now + dt.timedelta(**time)
        turns = []
        for at in moments(self.now, end):
            self.now = at
            signs = dict.fromkeys(self.watcher.pools, at if self.is_served else None)
            self.watcher.signs(signs, at)
            turns += self.look()
        return turns

    def look(self) -> list[str]:
        turns = said(self.watcher.look(self.now))
        while self.watcher.has_more:
            turns += said(self.watcher.look(self.now))
        return turns

    @property
    def watcher(self) -> Watcher:
        return self.ledger.watcher

    @property
    def said(self) -> list[tuple[str, str]]:
        """All that fires: its name, and what it is about."""
        return [(one["alertname"], one["service_name"]) for one in self.firing]

    def look_at(self, target: str, check: str = "superusers") -> list[str]:
        return self._stored(verdict, target, check)

    def fail_at(self, target: str, check: str = "superusers", reason: str = "password refused") -> list[str]:
        return self._stored(error, target, check, reason=reason)

    def _stored(self, make: object, target: str, check: str, **more: str) -> list[str]:
        self.sequence += 1
        subject = ResultSubject("verdict", "postgresql", target, check)
        received = make(self.sequence, subject=subject, stored_at=self.now, **more)  # type: ignore[operator]  # verdict, error
        return self.take(received, self.now)

    def switch(self, **fields: object) -> None:
        key = subjects.setting_key("file", "dead-mans-switch")
        self.configure(key, json.dumps(fields).encode(), self.now)

    def alert(self, name: str) -> Alert:
        (found,) = (one.alert for one in self.ledger.states.firing() if one.alert.labels["alertname"] == name)
        return found


def moments(begin: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    at = max(begin, end - dt.timedelta(minutes=10))
    while at < end:
        at = min(end, at + dt.timedelta(seconds=30))
        yield at


def test_a_target_that_nobody_looks_at_is_told_after_twice_its_interval() -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(hours=47, minutes=53)
    assert fleet.said == []
    assert fleet.pass_time(minutes=2) == ["fires"]
    alert = fleet.alert("WatchwordStaleTarget")
    assert alert.labels == {
        "alertname": "WatchwordStaleTarget",
        "check": "WatchwordStaleTarget",
        "service_name": "db-1",
        "service_type": "postgresql",
        "severity": "error",
        "team": "payments",
    }
    assert alert.starts_at == NOON + DUE
    assert alert.generator_url == "https://watchword.example/check/watchword/db-1/WatchwordStaleTarget"
    assert "1 of 1 checks of db-1" in alert.annotations["summary"]
    assert "watchword run --target db-1 --wait" in alert.annotations["description"]


def test_a_look_ends_it_at_once() -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(**A_LATER_DAY)
    assert fleet.look_at("db-1") == ["resolved"]


def test_who_looked_in_vain_says_why_instead() -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(**A_LATER_DAY)
    turns = fleet.fail_at("db-1")
    assert turns + fleet.look() == ["resolved", "fires"]
    assert fleet.said == [("WatchwordBlindTarget", "db-1")]


@pytest.mark.parametrize("how", ["removed", "disabled"])
def test_what_is_removed_or_disabled_is_not_missed(how: str) -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(**A_LATER_DAY)
    turns = fleet.remove_target("db-1", now=fleet.now) if how == "removed" else fleet.disable()
    assert turns + fleet.look() == ["resolved"]
    assert fleet.said == []


def test_an_inventory_edit_keeps_it_until_somebody_looked() -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(**A_LATER_DAY)
    fleet.target("db-1", now=fleet.now, team="payments", host="elsewhere")
    fleet.pass_time(minutes=1)
    assert fleet.said == [("WatchwordStaleTarget", "db-1")]


def test_a_pool_without_checkers_is_one_alert_and_its_targets_none() -> None:
    fleet = Fleet(*(f"db-{number}" for number in range(200)))
    fleet.is_served = False
    assert fleet.pass_time(days=9) == ["fires"]
    assert fleet.said == [("WatchwordBlindPool", "default")]
    assert "200 targets" in fleet.alert("WatchwordBlindPool").annotations["summary"]
    assert "WATCHWORD_POOLS=default" in fleet.alert("WatchwordBlindPool").annotations["description"]


def test_a_pool_that_is_back_has_time_to_catch_up() -> None:
    fleet = Fleet(*(f"db-{number}" for number in range(200)))
    fleet.is_served = False
    fleet.pass_time(days=9)
    fleet.is_served = True
    assert fleet.pass_time(minutes=4) == ["resolved"]
    for number in range(200):
        fleet.look_at(f"db-{number}")
    assert fleet.pass_time(minutes=30) == []


def test_a_pool_that_lost_its_last_target_is_missed_no_more() -> None:
    fleet = Fleet("db-1")
    fleet.is_served = False
    fleet.pass_time(minutes=20)
    assert fleet.said == [("WatchwordBlindPool", "default")]
    fleet.remove_target("db-1", now=fleet.now)
    assert fleet.look() == ["resolved"]


def test_results_are_signs_of_a_checker() -> None:
    fleet = Fleet("db-1")
    fleet.is_served = False
    for _ in range(20):
        fleet.look_at("db-1")
        fleet.pass_time(minutes=4)
    assert fleet.said == []


def test_too_many_late_targets_are_one_alert() -> None:
    fleet = Fleet(*(f"db-{number:03}" for number in range(MOST_OF_A_POOL + 1)))
    fleet.pass_time(**A_LATER_DAY)
    assert fleet.said == [("WatchwordStaleManyTargets", "default")]
    assert fleet.alert("WatchwordStaleManyTargets").starts_at == NOON + DUE


def test_catching_up_with_many_tells_no_one_by_one() -> None:
    number = MOST_OF_A_POOL + 20
    fleet = Fleet(*(f"db-{one:03}" for one in range(number)))
    fleet.pass_time(**A_LATER_DAY)
    began = [turn for one in range(20 - 1) for turn in (*fleet.look_at(f"db-{one:03}"), *fleet.look())]
    assert "fires" not in began


def test_what_was_late_before_there_were_too_many_goes_on() -> None:
    fleet = Fleet("old")
    fleet.pass_time(days=1)
    for number in range(MOST_OF_A_POOL + 5):
        fleet.target(f"db-{number:03}", now=fleet.now)
    fleet.pass_time(days=1)
    assert fleet.said == [("WatchwordStaleTarget", "old")]
    fleet.pass_time(days=2)
    assert sorted(fleet.said) == [("WatchwordStaleManyTargets", "default"), ("WatchwordStaleTarget", "old")]
    assert fleet.look_at("old") == ["resolved", "changed"]  # and the number in the other one's text
    assert fleet.said == [("WatchwordStaleManyTargets", "default")]


def test_an_error_that_lasts_is_told_with_its_reason() -> None:
    fleet = Fleet("db-1", checks=("superusers", "tls"))
    for check in ("superusers", "tls"):
        fleet.look_at("db-1", check)
    fleet.pass_time(days=1)
    for check in ("superusers", "tls"):
        fleet.fail_at("db-1", check)
    assert fleet.pass_time(minutes=59) == []
    assert fleet.pass_time(minutes=2) == ["fires"]
    alert = fleet.alert("WatchwordBlindTarget")
    assert alert.annotations["summary"] == "no check can look into db-1"
    assert alert.annotations["description"].count("password refused") == 1
    assert alert.labels["team"] == "payments"
    assert fleet.look_at("db-1", "tls") == ["changed"]
    assert fleet.look_at("db-1") == ["resolved"]


def test_different_reasons_are_told_for_each_check() -> None:
    fleet = Fleet("db-1", checks=("superusers", "tls", "version"))
    fleet.look_at("db-1", "version")
    fleet.fail_at("db-1", "superusers", "no privilege")
    fleet.fail_at("db-1", "tls", "too slow")
    fleet.pass_time(hours=2)
    alert = fleet.alert("WatchwordBlindTarget")
    assert alert.annotations["summary"] == "2 of 3 checks can't look into db-1"
    assert "- superusers: no privilege\n- tls: too slow\n" in alert.annotations["description"]


def test_an_error_that_passes_is_never_told() -> None:
    fleet = Fleet("db-1")
    fleet.fail_at("db-1")
    fleet.pass_time(minutes=30)
    fleet.look_at("db-1")
    assert fleet.pass_time(hours=23) == []


def test_many_blind_targets_are_one_alert_with_the_common_reason() -> None:
    fleet = Fleet(*(f"db-{number:03}" for number in range(MOST_OF_A_POOL + 1)))
    for number in range(MOST_OF_A_POOL + 1):
        fleet.fail_at(f"db-{number:03}", reason="nobody answers")
    fleet.pass_time(hours=2)
    assert fleet.said == [("WatchwordBlindManyTargets", "default")]
    assert "nobody answers (51 targets)" in fleet.alert("WatchwordBlindManyTargets").annotations["description"]
    for number in range(MOST_OF_A_POOL + 1):
        fleet.look_at(f"db-{number:03}")
    fleet.look()
    assert fleet.said == []


def test_an_alertmanager_out_of_reach_is_told_by_who_can_not_reach_it() -> None:
    fleet = Fleet()
    problems = {"http://am1:9093": "connection refused", "http://am2:9093": None}
    fleet.watcher.alertmanagers(problems, fleet.now)
    fleet.pass_time(minutes=4)
    assert fleet.said == []
    fleet.pass_time(minutes=2)
    alert = fleet.alert("WatchwordBlindAlertmanager")
    assert alert.labels["service_name"] == "http://am1:9093"
    assert alert.labels["publisher"] == "publisher-1"
    assert "connection refused" in alert.annotations["description"]
    fleet.watcher.alertmanagers({"http://am1:9093": None}, fleet.now)
    assert fleet.look() == ["resolved"]


def test_the_alert_that_always_fires_is_off_until_it_is_switched_on() -> None:
    fleet = Fleet("db-1")
    assert fleet.said == []
    fleet.switch(always_firing=True)
    assert fleet.look() == ["fires"]
    assert fleet.alert("WatchwordAlive").starts_at == fleet.now
    fleet.switch(always_firing=False)
    assert fleet.look() == ["resolved"]


def test_all_of_it_can_be_switched_off_and_on_again() -> None:
    fleet = Fleet("db-1")
    fleet.pass_time(**A_LATER_DAY)
    fleet.switch(enabled=False)
    assert fleet.look() == ["resolved"]
    assert fleet.pass_time(days=9) == []
    fleet.switch(enabled=True)
    assert fleet.look() == ["fires"]


def test_its_times_can_be_set() -> None:
    fleet = Fleet("db-1")
    fleet.switch(gone_after="1h", error_lasts="5m")
    fleet.is_served = False
    fleet.fail_at("db-1")
    fleet.pass_time(minutes=20)
    assert fleet.said == [("WatchwordBlindTarget", "db-1")]
    fleet.pass_time(hours=2)
    assert sorted(fleet.said) == [("WatchwordBlindTarget", "db-1")]
    for _ in range(7):
        fleet.pass_time(minutes=10)
    assert sorted(fleet.said) == [("WatchwordBlindPool", "default"), ("WatchwordBlindTarget", "db-1")]


def test_two_publishers_say_the_same() -> None:
    fleets = [Fleet("db-1", "db-2") for _ in range(2)]
    for fleet in fleets:
        fleet.fail_at("db-2")
        fleet.pass_time(**A_LATER_DAY)
    first, second = ([(one.alert, one.starts_at) for one in fleet.ledger.states.firing()] for fleet in fleets)
    assert first == second
    assert len(first) == 2 + 1  # both are late by now, and one is blind


# A publisher that starts anew finds in Alertmanager what it said before.


def as_shown(fleet: Fleet) -> list[ShownAlert]:
    return [
        ShownAlert(
            fingerprint=state.alert.fingerprint,
            labels=dict(state.alert.labels),
            annotations=dict(state.alert.annotations),
            starts_at=state.starts_at,
            ends_at=after(days=30),
            generator_url=state.alert.generator_url,
        )
        for state in fleet.ledger.states.firing()
    ]


def late(*, is_served: bool = True) -> Fleet:
    fleet = Fleet("db-1")
    fleet.is_served = is_served
    fleet.pass_time(**A_LATER_DAY)
    return fleet


@pytest.mark.parametrize("is_served", [True, False], ids=["late", "no-checker"])
def test_a_publisher_that_starts_anew_goes_on_with_it(is_served: bool) -> None:
    before = late(is_served=is_served)
    anew = Book()
    anew.check()
    anew.target(team="payments")
    turns = compare(anew.ledger, as_shown(before), before.now).turns
    assert said(turns) == ["fires"]
    turns = anew.ledger.watcher.look(before.now)
    assert [state.alert.labels for state in anew.ledger.states.firing()] == [
        state.alert.labels for state in before.ledger.states.firing()
    ]


def test_a_publisher_that_starts_anew_ends_what_is_over() -> None:
    before = late()
    shown = as_shown(before)
    before.look_at("db-1")
    anew = Book()
    anew.check()
    anew.target(team="payments")
    compare(anew.ledger, shown, before.now)
    subject = ResultSubject("verdict", "postgresql", "db-1", "superusers")
    anew.take(verdict(1, subject=subject, stored_at=before.now), before.now)
    assert said(anew.ledger.watcher.look(before.now)) == ["resolved"]


def test_one_that_began_a_moment_ago_is_left_to_the_other_publisher() -> None:
    before = late()
    shown = [one.model_copy(update={"starts_at": before.now}) for one in as_shown(before)]
    fleet = Fleet("db-1")
    fleet.now = before.now
    fleet.look_at("db-1")
    assert compare(fleet.ledger, shown, fleet.now) == ([], [], [])


def test_what_only_another_publisher_can_see_is_left_to_it() -> None:
    other = Fleet(publisher="publisher-2")
    other.watcher.alertmanagers({"http://am1:9093": "gone"}, other.now)
    other.pass_time(hours=1)
    fleet = Fleet()
    assert compare(fleet.ledger, as_shown(other), other.now) == ([], [], [])


def test_what_we_said_before_we_were_started_anew_goes_on() -> None:
    before = Fleet()
    before.watcher.alertmanagers({"http://am1:9093": "gone"}, before.now)
    before.pass_time(hours=1)
    anew = Fleet()
    anew.now = before.now
    anew.watcher.alertmanagers({"http://am1:9093": "still gone"}, anew.now)
    assert said(compare(anew.ledger, as_shown(before), anew.now).turns) == ["fires"]
    assert anew.firing == before.firing


def test_who_is_cut_off_does_not_say_that_it_is_well() -> None:
    fleet = late()
    fleet.switch(always_firing=True)
    fleet.look()
    kept = lapsing(fleet.ledger, as_shown(fleet), fleet.now, dt.timedelta(days=99))
    assert [one.alert.labels["alertname"] for one in kept] == ["WatchwordStaleTarget"]


def test_nobody_else_can_say_so_in_our_name() -> None:
    forged = b'{"status":"passed","engine":"watchword","target":"db-1","check":"WatchwordStaleTarget"}'
    subject = subjects.verdict("watchword", "db-1", "WatchwordStaleTarget")
    with pytest.raises(MessageRefused, match="publish under a name of your own"):
        read_result(Stored(subject, 1, forged, {}, NOON))


def test_names_are_shown_as_they_are_typed() -> None:
    fleet = Fleet("two words; rm")
    fleet.pass_time(**A_LATER_DAY)
    assert "--target 'two words; rm' --wait" in fleet.alert("WatchwordStaleTarget").annotations["description"]
