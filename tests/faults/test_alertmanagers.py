"""Alertmanagers that are away for longer than anything lasts, slow, refuse for a while, lose an answer, come back with
nothing, or take all alerts but one: what they show afterwards is the truth of now, once; what must stay has stayed.
"""

import asyncio
import datetime as dt
from typing import Any

import pytest

from shared import subjects
from shared.configuration import Alertmanager, Alertmanagers
from tests.conftest import StartAlertmanager
from tests.e2e.processes import Pipeline
from tests.faults.links import link_to
from tests.faults.scene import Shows, ask, becomes, finding, forget, no_dead_letters, rows, shown, verdict
from tests.faults.steady import staying
from tests.integration.checker_fleet import eventually

SHORT = {
    "WATCHWORD_RESEND_SECONDS": "1",
    "WATCHWORD_SHORTEST_LEASE_SECONDS": "4",
    "WATCHWORD_RESOLVED_SECONDS": "2",
}
"""An hour away, in seconds: longer than the lease, and longer than a resolved alert is sent again."""
ROUNDS = {"WATCHWORD_ROUND_SECONDS": "1", "WATCHWORD_WAITING_SECONDS": "0.5"}
SINCE = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)).replace(microsecond=0)


def weak(row: str = "1") -> dict[str, Any]:
    return finding(row, failing_since=SINCE.isoformat())


async def mute(pipeline: Pipeline, target: str, **more: str) -> str:
    return await ask(pipeline, subjects.MUTE_REQUESTED, target=target, check="c", severity="warning", **more)


async def has(where: Shows, *wanted: str) -> bool:
    return await where.rows() == set(wanted)


class TestAway:
    @pytest.mark.parametrize("how", ["cut", pytest.param("drop", marks=pytest.mark.slow)])
    async def test_after_long_it_shows_the_truth_of_now(self, pipeline: Pipeline, how: str) -> None:
        for target in ("fires", "fixed", "again", "muted", "unmuted", "briefly"):
            await pipeline.fleet.target(target)
        async with link_to(int(pipeline.alertmanager_url.rpartition(":")[2])) as link:
            pipeline.start("publisher", WATCHWORD_ALERTMANAGER_URL=link.url, **SHORT)
            pipeline.start(
                "silencer",
                WATCHWORD_ALERTMANAGER_URL=link.url,
                WATCHWORD_ALERTMANAGER_TIMEOUT_SECONDS="3",
                **ROUNDS,
            )
            for target in ("fires", "fixed"):
                await verdict(pipeline, "c", weak(), target=target)
                await pipeline.alert("c", target)
            unmuted = await mute(pipeline, "unmuted")
            await becomes(pipeline, unmuted, "active")

            if how == "cut":
                await link.cut()
            else:
                link.drop()
            await verdict(pipeline, "c", target="fixed")
            await verdict(pipeline, "c", weak(), target="again")
            await verdict(pipeline, "c", target="again")
            await verdict(pipeline, "c", weak(), target="muted")
            kept = await mute(pipeline, "muted")
            over = await mute(pipeline, "briefly", **{"for": "3s"})
            await ask(pipeline, subjects.UNMUTE_REQUESTED, id=unmuted)
            await shown(pipeline, 0)  # both leases have run out by now
            await becomes(pipeline, over, "expired")

            if how == "cut":
                await link.join()
            else:
                link.mend()
            await becomes(pipeline, kept, "active")
            await becomes(pipeline, unmuted, "ended")
            alerts = await shown(pipeline, 2)
            async with staying(pipeline.alerts, alerts):
                await asyncio.sleep(6)  # longer than a lease
            found = {one["labels"]["service_name"]: one for one in await pipeline.alerts()}
            assert set(found) == {"fires", "muted"}
            assert {dt.datetime.fromisoformat(one["startsAt"]) for one in found.values()} == {SINCE}
            assert {name: one["status"]["state"] for name, one in found.items()} == {
                "fires": "active",
                "muted": "suppressed",
            }
            here = Shows(pipeline.alertmanager_url)
            assert await here.muted() == ["muted"]
            assert len(await here.silences()) == 2  # the one in force, and the one that was ended
        await no_dead_letters(pipeline)

    async def test_one_of_two_away_each_gets_the_truth_and_the_other_waits_for_nothing(
        self, pipeline: Pipeline, start_alertmanager: StartAlertmanager
    ) -> None:
        second = start_alertmanager().url.rstrip("/")
        async with link_to(int(second.rpartition(":")[2])) as link:
            named = [
                Alertmanager(name="one", urls=(pipeline.alertmanager_url,)),
                Alertmanager(name="two", urls=(link.url,)),
            ]
            here, there = Shows(pipeline.alertmanager_url), Shows(second)
            setting = Alertmanagers(alertmanagers=tuple(named)).model_dump_json().encode()
            await pipeline.fleet.put(subjects.setting_key("file", "alertmanagers"), setting)
            await pipeline.fleet.target("one")
            pipeline.start("publisher")
            # So patient that who waited for the one that hangs would wait longer than this test does.
            pipeline.start("silencer", WATCHWORD_ALERTMANAGER_TIMEOUT_SECONDS="90", **ROUNDS)
            await verdict(pipeline, "c", weak("stays"), weak("ends"))
            stays = [one for one in await shown(pipeline, 2) if one["labels"]["row"] == "stays"]
            await shown(there, 2)
            link.drop()
            await asyncio.sleep(3)  # some rounds: the silencer hangs there by now
            async with staying(pipeline.alerts, stays), staying(there.alerts, stays):
                await verdict(pipeline, "c", weak("stays"), weak("new"))
                mute_id = await mute(pipeline, "elsewhere")
                await eventually(lambda: has(here, "stays", "new"), "the truth in the one that is there")
                await eventually(here.muted, "the silence in the one that is there")
                assert await has(there, "stays", "ends")
                link.mend()
                await eventually(lambda: has(there, "stays", "new"), "the truth in the other", 30)
                await becomes(pipeline, mute_id, "active")
            for where in (here, there):
                assert await where.muted() == ["elsewhere"]
                assert {dt.datetime.fromisoformat(one["startsAt"]) for one in await where.alerts()} == {SINCE}


async def test_one_that_came_back_empty_is_filled_with_alerts_and_silences_at_once(
    pipeline: Pipeline, start_alertmanager: StartAlertmanager
) -> None:
    server = start_alertmanager()
    here = Shows(server.url)
    await pipeline.fleet.target("one")
    # So rare that nothing of it is done by a re-send.
    pipeline.start("publisher", WATCHWORD_ALERTMANAGER_URL=server.url, WATCHWORD_RESEND_SECONDS="600")
    pipeline.start("silencer", WATCHWORD_ALERTMANAGER_URL=server.url, **ROUNDS)
    await verdict(pipeline, "c", *[weak(one["labels"]["row"]) for one in rows(300)])
    await becomes(pipeline, await mute(pipeline, "one"), "active")
    before = await shown(here, 300)
    forget(server)
    server.process.restart()
    after = await shown(here, 300, seconds=20)
    assert {one["fingerprint"]: one["startsAt"] for one in after} == {
        one["fingerprint"]: one["startsAt"] for one in before
    }

    async def is_muted() -> bool:
        return all(one["status"]["state"] == "suppressed" for one in await here.alerts())

    await eventually(is_muted, "the silence is there again", 20)
    assert await here.muted() == ["one"]
