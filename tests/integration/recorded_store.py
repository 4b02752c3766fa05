"""What a release leaves on a NATS server: its streams and buckets as files, recorded once for each release and kept in
``tests/data/stores``, so that every later version is shown to read them. Made by real stages on a small installation:

    python -m tests.integration.recorded_store tests/data/stores/0.1.0.tar.gz
"""

import asyncio
import base64
import datetime as dt
import io
import json
import logging
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import nats
import structlog
from nats.js import JetStreamContext
from pydantic import BaseModel

from examples.servers.postgresql import postgresql
from services.checker.app import make_checker
from services.checker.settings import CheckerSettings
from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from services.scheduler.app import make_scheduler
from services.scheduler.settings import SchedulerSettings
from services.silencer.app import make_silencer
from services.silencer.settings import SilencerSettings
from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Alertmanager, Alertmanagers, Disabled, Installation
from shared.declaring import declare
from shared.following import Stored
from shared.stage import started
from shared.streams import ALERT_EVENTS, CHECK_RUNS, CONFIGURATION, MUTES, bucket_stream, streams
from shared.targets import Target
from tests.integration.checker_fleet import eventually
from watchword.embedded import AlertmanagerSettings, NatsSettings, embedded_alertmanager, embedded_nats

STORES = Path(__file__).parents[1] / "data" / "stores"
INSTALLATION = "https://watchword.example/recorded"
SEES = """
def check_context(docs, context):
  return [{"summary": "weak", "severity": "warning", "labels": {"row": str(row["id"])}} for row in docs[0]]
"""
PASSES = "def check_context(docs, context):\n  return []\n"


async def record(target_file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, postgresql() as database:
        nats_server = embedded_nats(NatsSettings(Path(folder) / "nats", port=0))
        alertmanager = embedded_alertmanager(AlertmanagerSettings(Path(folder) / "alertmanager", port=0))
        with nats_server.process, alertmanager.process:
            client = await nats.connect(nats_server.url)
            jetstream = client.jetstream()
            await declare(client, jetstream)
            place = {"host": "127.0.0.1", "port": database.port, "user": database.user, "database": "postgres"}
            await _live(jetstream, nats_server.url, alertmanager.url, place)
            described = await _described(jetstream)
            await client.close()
        store = next((Path(folder) / "nats").rglob("jetstream"))
        with tarfile.open(target_file, "w:gz") as archive:
            archive.add(store, "jetstream", filter=_anonymous)
            data = json.dumps(described, indent=1).encode()
            entry = tarfile.TarInfo("described.json")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


async def _live(jetstream: JetStreamContext, nats_url: str, alertmanager_url: str, place: dict[str, Any]) -> None:
    """Let a small installation live for a moment: a weakness, an error, a mute, a check that is off."""

    async def put(key: str, model: BaseModel) -> None:
        data = model.model_dump_json(exclude_none=True).encode()
        await jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), data)

    def check(name: str, script: str) -> Check:
        queries = (Query(type=QueryType.POSTGRESQL_SELECT, text="1 AS id"),)
        return Check(name=name, engine="postgresql", summary="s", description="d", script=script, queries=queries)

    await put(subjects.setting_key("file", "installation"), Installation(url=INSTALLATION))
    for name, script in (("sees", SEES), ("passes", PASSES), ("off", SEES)):
        await put(subjects.check_key(name), check(name, script))
    await put(subjects.setting_key("person", "disabled", "off"), Disabled(author="ada", reason="not here"))
    named = Alertmanagers(alertmanagers=(Alertmanager(name="am", urls=(alertmanager_url,)),))
    await put(subjects.setting_key("file", "alertmanagers"), named)
    for name, port in (("orders", place["port"]), ("gone", 1)):
        fields = {**place, "port": port, "name": name, "engine": "postgresql", "labels": {"team": "payments"}}
        await put(subjects.target_key(name), Target.model_validate(fields))
    common: dict[str, Any] = {"nats_url": nats_url, "instance": "recorder"}
    applications = [
        make_checker(CheckerSettings(**common, script_workers=1)),
        make_publisher(PublisherSettings(**common)),
        make_silencer(SilencerSettings(**common)),
        make_scheduler(SchedulerSettings(**common)),
    ]
    async with _all([application for application, stage in applications if _quiet(stage)]):

        async def stored(stream: str, number: int) -> bool:
            return (await jetstream.stream_info(stream)).state.messages >= number

        await eventually(lambda: stored("CHECK_RESULTS", 4), "the results", 60)
        await eventually(lambda: stored(ALERT_EVENTS, 1), "an alert", 60)
        mute = {"target": "orders", "check": "sees", "severity": "warning", "created_by": "ada", "comment": "known"}
        request = json.dumps({**mute, "for": "24h"}).encode()
        await jetstream.publish(subjects.MUTE_REQUESTED, request)
        await eventually(lambda: stored(MUTES, 3), "the silence", 60)
    waiting = subjects.run_requested("bulk", "default", "orders", subjects.EVERYTHING)
    await jetstream.publish(waiting, b"{}", stream=CHECK_RUNS)


def _quiet(stage: Any) -> bool:
    stage.is_health_served_elsewhere = True
    return True


class _all:  # noqa: N801 (used like a function)
    """Several applications at once."""

    def __init__(self, applications: list[Any]) -> None:
        self._contexts = [started(application) for application in applications]

    async def __aenter__(self) -> None:
        for context in self._contexts:
            await context.__aenter__()

    async def __aexit__(self, *failure: object) -> None:
        for context in reversed(self._contexts):
            await context.__aexit__(None, None, None)


async def _described(jetstream: JetStreamContext) -> dict[str, Any]:
    """Return what the store holds, for a test to compare; and MUTES whole, for a server forgets it after 400 days."""
    counts = {name: (await jetstream.stream_info(name)).state.messages for one in streams() if (name := one.name)}
    information = await jetstream.stream_info(MUTES)
    mutes = []
    for sequence in range(1, information.state.last_seq + 1):
        raw = await jetstream.get_msg(MUTES, sequence)
        mutes.append(
            {
                "subject": raw.subject,
                "sequence": raw.seq,
                "headers": raw.headers or {},
                "data": base64.b64encode(raw.data or b"").decode(),
                "stored_at": (raw.time or dt.datetime.now(dt.UTC)).isoformat(),
            }
        )
    configuration = await jetstream.stream_info(bucket_stream(CONFIGURATION))
    assert information.created is not None
    return {
        "recorded_at": dt.datetime.now(dt.UTC).isoformat(),
        "messages": counts,
        "configuration": configuration.state.last_seq,
        "mutes_created": information.created.isoformat(),
        "mutes": mutes,
    }


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def unpacked(archive: Path, folder: Path) -> dict[str, Any]:
    """Put a recorded store where a NATS server looks for its own, and return what was said about it."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return dict(json.loads((folder / "described.json").read_text()))


def recorded_mutes(described: dict[str, Any]) -> list[Stored]:
    return [
        Stored(
            one["subject"],
            one["sequence"],
            base64.b64decode(one["data"]),
            one["headers"],
            dt.datetime.fromisoformat(one["stored_at"]),
        )
        for one in described["mutes"]
    ]


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(record(Path(sys.argv[1])))
