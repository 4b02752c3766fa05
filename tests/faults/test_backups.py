"""NATS is put back from a backup of before: everything that was stored since is gone, and numbers are given out again
that were in use. The alerts that fire stay, silences stay, and new runs, verdicts and mutes are what they are about.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import subjects
from shared.streams import CHECK_EVENTS
from tests.faults.whole import MUTED, STEADY, Whole
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer

PutBack = Callable[[], None]


@pytest.fixture
def backup(nats: EmbeddedServer, tmp_path: Path) -> tuple[Callable[[], None], PutBack]:
    """What an operator does with NATS stopped: copy its store, and later put the copy in its place."""
    store, copy = nats.log_path.parent / "jetstream", tmp_path / "backup"

    def save() -> None:
        nats.process.stop()
        shutil.copytree(store, copy)
        nats.process.start()

    def put_back() -> None:
        nats.process.stop()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        nats.process.start()

    return save, put_back


async def test_alerts_and_silences_stay_and_new_runs_and_mutes_are_about_what_they_say(
    whole: Whole, backup: tuple[Callable[[], None], PutBack]
) -> None:
    save, put_back = backup
    await whole.begin()
    async with whole.steady():
        save()
        await whole.ready()
        # What the backup does not know: two weaknesses, a mute of one of them, and many runs.
        whole.truth.weaken(3)
        whole.truth.weaken(4)
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3, 4}, "what the backup does not know")
        lost_mute = await whole.mute(3)
        (lost_silence,) = await whole.silences_of(3)
        put_back()
        await whole.ready()
        # What the backup says of them was overtaken before.
        assert set(await whole.rows()) == {STEADY, MUTED, 3, 4}
        # The mute that gets the lost one's number is another one, about another alert.
        new_mute = await whole.mute(4)
        assert new_mute == lost_mute
        (new_silence,) = await whole.silences_of(4)
        assert new_silence["id"] != lost_silence["id"]
        assert [one["id"] for one in await whole.silences_of(3)] == [lost_silence["id"]]
        await whole.publish(subjects.UNMUTE_REQUESTED, {"id": new_mute, "requested_by": "bob", "reason": "done"})

        async def is_heard() -> bool:
            return not await whole.silences_of(4)

        await whole.until(is_heard, "the alert of row 4 is heard again")
        assert [one["id"] for one in await whole.silences_of(3)] == [lost_silence["id"]]
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3, 4}, "all weaknesses after a run")
        await whole.repair(4)
        await whole.works()


async def another_run(whole: Whole) -> None:
    fleet = whole.pipeline.fleet
    before = await fleet.count(CHECK_EVENTS, "check.finished.>")
    await fleet.request(targets=["one"])

    async def has_ended() -> bool:
        return await fleet.count(CHECK_EVENTS, "check.finished.>") > before

    await eventually(has_ended, "another run", 60)


async def test_what_was_removed_since_the_backup_is_removed_again_by_saying_so(
    whole: Whole, backup: tuple[Callable[[], None], PutBack]
) -> None:
    save, put_back = backup
    await whole.begin()
    save()
    await whole.ready()
    await whole.pipeline.fleet.remove(subjects.target_key("one"))
    await whole.until_rows(set(), "no alerts of a target that was removed")
    put_back()
    await whole.ready()
    # The backup has the target. Who saw its removal knows better than the verdicts of before, so somebody asks for a
    # run, as docs/guarantees.md has it. Its verdict may get the place of the one that was lost, before the publisher
    # has looked.
    await another_run(whole)
    await whole.until_rows({STEADY, MUTED}, "the alerts of a target that is there again")
    await whole.pipeline.fleet.remove(subjects.target_key("one"))
    await whole.until_rows(set(), "no alerts of a target that was removed again")
