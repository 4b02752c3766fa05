"""The wiring of a silencer: the consumer of requests, the memory, one worker for each Alertmanager that is configured.
Run it with ``watchword serve silencer`` or ``faststream run services.silencer.app:app``.
"""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator

from faststream import FastStream

from services.silencer.handlers import on_message
from services.silencer.memory import Memory
from services.silencer.settings import SilencerSettings
from services.silencer.tending import Tending
from services.silencer.workers import Workers
from shared.configuration import Change
from shared.following import Stored
from shared.stage import Stage, make_application, make_stage
from shared.streams import MUTE_REQUESTS


def make_silencer(settings: SilencerSettings) -> tuple[FastStream, Stage]:
    """Return the application and its stage."""
    stage = make_stage("silencer", settings)
    running: list[tuple[Tending, Workers]] = []

    async def handle(stored: Stored, deliveries: int) -> None:
        await on_message(running[0][0], stored, deliveries)

    def ring() -> None:
        for tending, workers in running:
            tending.bell.set()
            workers.ring()

    def changed(change: Change) -> None:
        for tending, workers in running:
            tending.bell.set()
            if change.kind == "setting" and change.name == "alertmanagers":
                workers.configured.set()

    stage.subscriptions.add(MUTE_REQUESTS, handle, kind="mute", slots=settings.slots)

    @contextlib.asynccontextmanager
    async def ready(stage: Stage) -> AsyncIterator[None]:
        configuration = stage.configuration
        assert configuration is not None
        memory = Memory(stage.jetstream, settings.instance, ring, addressed_only=settings.nats_addressed_only)
        workers = Workers(stage.jetstream, memory, configuration, settings, _now)
        tending = Tending(stage.jetstream, memory, configuration, workers.clusters, _now)
        workers.recovered = tending.bell.set
        await memory.start()
        await workers.follow_configuration()
        running[:] = [(tending, workers)]
        stage.more_problems.append(lambda: [memory.problem] if memory.problem else [])
        stage.more_problems.append(workers.problems)
        stage.closing.append(workers.close)
        stage.spawn(workers.keep(), "compare with the Alertmanagers")
        stage.spawn(tending.keep(settings.round_seconds, settings.waiting_seconds), "tend the mutes")
        try:
            yield
        finally:
            running.clear()
            await workers.close()
            await memory.stop()

    return make_application(stage, ready, changed), stage


def make_app(settings: SilencerSettings | None = None) -> FastStream:
    """Return the application for a process of its own."""
    return make_silencer(settings or SilencerSettings())[0]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


app = make_app()
