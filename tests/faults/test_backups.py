"""NATS is put back from a backup of before: everything that was stored since is gone, and numbers are given out again
that were in use. The alerts that fire stay, silences stay, and new runs, verdicts and mutes are what they are about.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from services.silencer.tending import HANDLER_FIRST
from shared import subjects
from shared.streams import CHECK_EVENTS
from tests.faults.snapshots import Snapshot, put_all_back, save_all
from tests.faults.whole import MUTED, ROUND_SECONDS, STEADY, Whole
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer

Act: TypeAlias = Callable[[], Awaitable[None]]
COPIED, RESTORED = "copied with NATS stopped", "restored while it runs"


@pytest.fixture(params=[COPIED, RESTORED])
def backup(request: pytest.FixtureRequest, whole: Whole, nats: EmbeddedServer, tmp_path: Path) -> tuple[Act, Act]:
    """What an operator does: save everything, and later put it back. A stream that ``nats stream restore`` makes tells
    that it was made just now.
    """
    store, copy = nats.log_path.parent / "jetstream", tmp_path / "backup"
    client = whole.pipeline.fleet.client
    snapshots: list[Snapshot] = []

    async def save_a_copy() -> None:
        nats.process.stop()
        shutil.copytree(store, copy)
        await whole.restarted(nats)

    async def put_the_copy_back() -> None:
        nats.process.stop()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        await whole.restarted(nats)

    async def save_each() -> None:
        snapshots.extend(await save_all(client))

    async def restore_each() -> None:
        await put_all_back(client, snapshots)

    return (save_a_copy, put_the_copy_back) if request.param == COPIED else (save_each, restore_each)


async def test_alerts_and_silences_stay_and_new_runs_and_mutes_are_about_what_they_say(
    whole: Whole, backup: tuple[Act, Act], request: pytest.FixtureRequest
) -> None:
    save, put_back = backup
    await whole.begin()
    async with whole.steady():
        await save()
        await whole.ready()
        # What the backup does not know: two weaknesses, a mute of one of them, and many runs.
        whole.truth.weaken(3)
        whole.truth.weaken(4)
        await whole.check()
        await whole.until_rows({STEADY, MUTED, 3, 4}, "what the backup does not know")
        lost_mute = await whole.mute(3)
        (lost_silence,) = await whole.silences_of(3)
        await put_back()
        await whole.ready()
        # What the backup says of them was overtaken before.
        assert set(await whole.rows()) == {STEADY, MUTED, 3, 4}
        # The mute that gets the lost one's number is another one, about another alert.
        new_mute = await whole.mute(4)
        assert new_mute.partition("-")[2] == lost_mute.partition("-")[2]
        assert (new_mute == lost_mute) == (request.node.callspec.params["backup"] == COPIED)
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


@pytest.mark.parametrize("backup", [RESTORED], indirect=True)
async def test_mutes_of_before_are_what_they_were(whole: Whole, backup: tuple[Act, Act]) -> None:
    """One that was ended stays so, one in force is one silence and ends by the id that it always had, though the stream
    tells that it was made just now.
    """
    save, put_back = backup
    await whole.begin()
    whole.truth.weaken(3)
    await whole.check()
    await whole.until_rows({STEADY, MUTED, 3}, "a weakness to be muted for a moment")
    await whole.unmute(await whole.mute(3))
    (silence,) = await whole.silences_of(MUTED)
    await save()
    await whole.ready()
    await put_back()
    await whole.ready()
    # By then whoever goes round settles what nobody has.
    await asyncio.sleep(HANDLER_FIRST.total_seconds() + 3 * ROUND_SECONDS)
    assert [one["id"] for one in await whole.silences()] == [silence["id"]]
    await whole.unmute(silence["comment"].partition("[watchword:")[2].removesuffix("]"))
    assert await whole.silences() == []
    await whole.works()


async def another_run(whole: Whole) -> None:
    fleet = whole.pipeline.fleet
    before = await fleet.count(CHECK_EVENTS, "check.finished.>")
    await fleet.request(targets=["one"])

    async def has_ended() -> bool:
        return await fleet.count(CHECK_EVENTS, "check.finished.>") > before

    await eventually(has_ended, "another run", 60)


async def test_what_was_removed_since_the_backup_is_removed_again_by_saying_so(
    whole: Whole, backup: tuple[Act, Act]
) -> None:
    save, put_back = backup
    await whole.begin()
    await save()
    await whole.ready()
    await whole.pipeline.fleet.remove(subjects.target_key("one"))
    await whole.until_rows(set(), "no alerts of a target that was removed")
    await put_back()
    await whole.ready()
    # The backup has the target. Who saw its removal knows better than the verdicts of before, so somebody asks for a
    # run, as docs/guarantees.md has it. Its verdict may get the place of the one that was lost, before the publisher
    # has looked.
    await another_run(whole)
    await whole.until_rows({STEADY, MUTED}, "the alerts of a target that is there again")
    await whole.pipeline.fleet.remove(subjects.target_key("one"))
    await whole.until_rows(set(), "no alerts of a target that was removed again")
