"""Clocks that are 30 s apart, ahead of and behind those of Alertmanager, NATS and everybody else: the most that is
promised. Each stage in turn lives in another time, and nobody can tell by what it does.
"""

import datetime as dt

import pytest

from examples.servers.faketime import clock_off_by
from tests.faults.whole import MUTED, STEADY, Whole
from tests.integration.checker_fleet import eventually

APART = dt.timedelta(seconds=31)
AHEAD_AND_BEHIND = pytest.mark.parametrize("seconds", [30, -30], ids=["ahead", "behind"])


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@AHEAD_AND_BEHIND
async def test_alerts_fire_stay_and_end_whatever_the_time_of_publisher_and_checker(whole: Whole, seconds: int) -> None:
    began = now()
    if seconds < 0:  # two publishers in different times send the same alerts
        whole.start("publisher", "another publisher", **clock_off_by(-seconds))
    await whole.begin(publisher=clock_off_by(seconds), checker=clock_off_by(seconds))
    starts_at = moment((await whole.rows())[STEADY]["startsAt"])
    assert began - APART <= starts_at <= now() + APART
    async with whole.steady() as seen:
        looks = seen.looks
        whole.truth.weaken(3)
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3}, "a weakness")
        await whole.repair(3, timeout_seconds=20)  # sooner than the clocks would have it
        await whole.works()
        await eventually(lambda: seen.looks > looks + 50, "several re-sends", 60)  # one in 2 s
    # The verdicts are in the order in which they were stored, and the last of them stands.
    verdicts = await whole.pipeline.fleet.all_events("check.result.verdict.>")
    assert [len(verdict["findings"]) for verdict in verdicts[-2:]] == [3, 2]


async def test_a_weakness_seen_and_repaired_by_checkers_a_minute_apart_ends_at_once(whole: Whole) -> None:
    """The repair is told by a checker whose clock says that it was before the weakness began."""
    await whole.begin(checker=clock_off_by(30))
    async with whole.steady():
        whole.truth.weaken(3)
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3}, "a weakness that begins in the future")
        whole.stop("checker")
        whole.start("checker", **clock_off_by(-30))
        await whole.repair(3)
        await whole.works()


@AHEAD_AND_BEHIND
async def test_a_mute_counts_from_when_it_was_stored_and_is_active_at_once(whole: Whole, seconds: int) -> None:
    await whole.begin(silencer=clock_off_by(seconds))
    asked = now()
    await whole.unmute(await whole.mute(STEADY, **{"for": "10m"}))  # it was active: its alert was silenced
    mute_id = await whole.mute(STEADY, **{"for": "10m"})
    (silence,) = await whole.silences_of(STEADY)
    assert silence["status"]["state"] == "active"
    assert asked <= moment(silence["endsAt"]) - dt.timedelta(minutes=10) <= now()
    await whole.unmute(mute_id)


@pytest.mark.slow
async def test_schedulers_a_minute_apart_ask_for_each_slot_once(whole: Whole) -> None:
    fleet = whole.pipeline.fleet
    await fleet.put("setting.file.interval.c", b'{"schedule": "3s"}')
    whole.start("scheduler", "another scheduler", **clock_off_by(-30))
    await whole.begin(scheduler=clock_off_by(30))

    async def several() -> bool:
        # If each scheduler asked for each slot, so many would come in half the time, and that is told from all else.
        return len(await fleet.all_events("check.finished.*.*.3s")) >= 10

    await whole.until(several, "several slots", 90)
    ends = await fleet.all_events("check.finished.*.*.3s")
    times = [moment(end["started_at"]) for end in ends]
    # One for each 3 s that passed: the scheduler that is behind finds that each was asked for a minute ago.
    assert len(ends) <= (max(times) - min(times)).total_seconds() / 3 + 2, ends
    assert await fleet.count("DEAD_LETTERS") == 0
