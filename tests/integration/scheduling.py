"""Schedulers on a real NATS server of the test's own, and everything that was ever asked for there."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import BaseModel

from services.scheduler.app import make_scheduler
from services.scheduler.settings import SchedulerSettings
from services.scheduler.slot_bucket import encode
from shared import subjects
from shared.checks import Check
from shared.configuration import Disabled, Interval
from shared.events import RunRequested
from shared.stage import Stage, started
from shared.streams import CHECK_RUNS, CONFIGURATION, SLOTS, bucket_stream
from shared.targets import Target
from tests.integration.nats_clients import connected, until
from watchword.embedded import EmbeddedServer


@dataclass(frozen=True)
class Asked:
    """One request as it was sent; JetStream may have known it already."""

    subject: subjects.RunSubject
    event: RunRequested
    headers: dict[str, str]

    @property
    def message_id(self) -> str:
        return self.headers["Nats-Msg-Id"]


@dataclass
class Site:
    """A NATS server with the streams, and what a test does there."""

    client: Client
    jetstream: JetStreamContext
    url: str
    asked: list[Asked] = field(default_factory=list)

    async def put(self, *models: Target | Check) -> None:
        for model in models:
            key = subjects.target_key(model.name) if isinstance(model, Target) else subjects.check_key(model.name)
            await self.write(key, model)

    async def write(self, key: str, model: BaseModel | None) -> None:
        subject = subjects.bucket_subject(CONFIGURATION, key)
        if model is None:
            await self.jetstream.publish(subject, b"", headers={"KV-Operation": "DEL"})
        else:
            await self.jetstream.publish(subject, model.model_dump_json().encode())

    async def schedule(self, schedule: str, check: str, *target: str) -> None:
        await self.write(subjects.setting_key("person", "interval", check, *target), Interval(schedule=schedule))

    async def disable(self, check: str, *target: str, disabled: bool = True) -> None:
        await self.write(subjects.setting_key("person", "disabled", check, *target), Disabled(disabled=disabled))

    async def stored(self) -> int:
        """How many requests CHECK_RUNS ever took."""
        return (await self.jetstream.stream_info(CHECK_RUNS)).state.last_seq

    async def waiting(self) -> list[tuple[subjects.RunSubject, RunRequested]]:
        """The requests that no checker has taken."""
        information = await self.jetstream.stream_info(CHECK_RUNS, subjects_filter=">")
        found = []
        for subject in information.state.subjects or {}:
            message = await self.jetstream.get_last_msg(CHECK_RUNS, subject, direct=True)
            found.append((subjects.parse_run(subject), RunRequested.model_validate_json(message.data or b"")))
        return found

    async def slots(self) -> int:
        return (await self.jetstream.stream_info(bucket_stream(SLOTS))).state.messages

    async def write_slot(self, target: str, schedule: str, slot: Any) -> None:
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key(target, schedule))
        await self.jetstream.publish(subject, slot if isinstance(slot, bytes) else encode(slot))

    async def slot(self, target: str, schedule: str) -> bytes:
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key(target, schedule))
        return (await self.jetstream.get_last_msg(bucket_stream(SLOTS), subject, direct=True)).data or b""

    def ids(self) -> Counter[str]:
        return Counter(asked.message_id for asked in self.asked)

    @contextlib.asynccontextmanager
    async def scheduler(self, **settings: Any) -> AsyncIterator[Stage]:
        """A scheduler in this process, until it is ready."""
        application, stage = make_scheduler(SchedulerSettings(nats_url=self.url, **settings))
        stage.is_health_served_elsewhere = True
        async with started(application):
            await until(lambda: not stage.problems(), "the scheduler is ready")
            yield stage

    @contextlib.asynccontextmanager
    async def scheduler_process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A scheduler as it is run in production, in a process that can be killed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "faststream", "run", "services.scheduler.app:app"),
            env={**os.environ, "WATCHWORD_NATS_URL": self.url, "WATCHWORD_LOG_FORMAT": "json"},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@contextlib.asynccontextmanager
async def site(server: EmbeddedServer, *, is_declared: bool = True) -> AsyncIterator[Site]:
    """Connect to a server, make the streams, and listen to all that is asked for."""
    async with connected(server, is_declared=is_declared) as (client, jetstream):
        here = Site(client, jetstream, server.url)

        async def hear(message: Msg) -> None:
            event = RunRequested.model_validate_json(message.data)
            here.asked.append(Asked(subjects.parse_run(message.subject), event, dict(message.headers or {})))

        await client.subscribe(subjects.CHECK_RUNS, cb=hear)
        yield here
