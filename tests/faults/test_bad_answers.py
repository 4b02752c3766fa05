"""Alertmanagers that answer with anything at all: the client makes a named error of it in time, the stages say why and
go on with the other one, and what waited arrives when the mad one is well again.
"""

import datetime as dt
import json
import time

import httpx

from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, PostedSilence
from shared.alertmanager_errors import AlertmanagerError
from shared.mutes import Matcher
from tests.faults.mad_answers import mad_server
from tests.faults.truth import SEES
from tests.integration.checker_fleet import eventually

SEED = 20261129
TIMEOUT_SECONDS = 1.0


async def test_any_answer_is_understood_or_a_named_error_in_time():
    now = dt.datetime.now(dt.UTC)
    silence = PostedSilence.model_validate(
        {
            "matchers": (Matcher(name="a", value="b"),),
            "starts_at": now,
            "ends_at": now + dt.timedelta(hours=1),
            "created_by": "ann",
            "comment": "why",
        }
    )
    understood = errors = 0
    async with mad_server(SEED) as mad, AlertmanagerClient(mad.url, timeout_seconds=TIMEOUT_SECONDS) as client:
        asks = (
            client.get_status,
            client.get_alerts,
            client.get_silences,
            lambda: client.post_alerts([PostedAlert(labels={"alertname": "x"})]),
            lambda: client.post_silence(silence),
            lambda: client.delete_silence("x"),
        )
        for number in range(600):
            began = time.monotonic()
            said = ""
            try:
                await asks[number % len(asks)]()
            except AlertmanagerError as error:
                said = str(error)
            understood, errors = understood + (not said), errors + bool(said)
            # Twenty times what it may take: the machine may be busy, but nothing goes on for ever.
            assert time.monotonic() - began < 20 * TIMEOUT_SECONDS
            assert not said or (mad.url in said and len(said.encode()) < 5000), said
        assert mad.answers >= 600
    assert understood
    assert errors > understood


async def test_mad_alertmanager_keeps_nothing_from_the_other_and_gets_all_when_it_is_well(
    pipeline, place, truth, start_alertmanager
):
    fleet = pipeline.fleet
    second = start_alertmanager().url.rstrip("/")
    async with mad_server(SEED + 1, second) as mad:
        both = [{"name": "real", "urls": [pipeline.alertmanager_url]}, {"name": "mad", "urls": [mad.url]}]
        await fleet.put(subjects.setting_key("file", "alertmanagers"), json.dumps({"alertmanagers": both}).encode())
        await fleet.target("one", **place)
        await fleet.check("c", SEES, queries=[truth.query()])
        truth.weaken(1)
        stages = [pipeline.start(stage) for stage in ("checker", "publisher", "silencer")]
        await fleet.request()
        before = await pipeline.alert("c", "one", timeout_seconds=60)
        await eventually(lambda: mad.answers >= 20, "the mad one to be asked", 60)
        mute = {"target": "one", "check": "c", "for": "1h", "created_by": "ann", "comment": "why"}
        await fleet.jetstream.publish("mute.requested", json.dumps(mute).encode())
        await pipeline.no_alert("c", "one", timeout_seconds=30)
        shown = await pipeline.alerts()
        assert [(one["fingerprint"], one["startsAt"]) for one in shown] == [(before["fingerprint"], before["startsAt"])]
        assert [process.poll() for process in stages] == [None] * 3
        logs = pipeline.logs()
        assert "Traceback" not in logs
        assert logs.count(mad.url) > 1
        mad.is_mad = False

        async def is_there() -> bool:
            async with httpx.AsyncClient() as client:
                alerts = (await client.get(f"{second}/api/v2/alerts")).json()
            return [(one["labels"]["alertname"], one["status"]["state"]) for one in alerts] == [("c", "suppressed")]

        await eventually(is_there, "alert and silence in the second", 90)
