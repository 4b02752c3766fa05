"""The wiring of a scheduler: the configuration it follows and the task that keeps the time. It consumes no messages, so
it has no handlers. Run it with ``watchword serve scheduler`` or ``faststream run services.scheduler.app:app``.
"""

import contextlib
from collections.abc import AsyncIterator

from faststream import FastStream

from services.scheduler.loop import Scheduler
from services.scheduler.settings import SchedulerSettings
from shared.configuration import Change
from shared.stage import Stage, make_application, make_stage


def make_scheduler(settings: SchedulerSettings) -> tuple[FastStream, Stage]:
    """Return the application and its stage."""
    stage = make_stage("scheduler", settings)
    running: list[Scheduler] = []

    def changed(change: Change) -> None:
        for scheduler in running:
            scheduler.note_change(change)

    @contextlib.asynccontextmanager
    async def ready(stage: Stage) -> AsyncIterator[None]:
        assert stage.configuration is not None
        scheduler = Scheduler(stage.jetstream, stage.configuration, settings.instance, settings.requests_at_once)
        running[:] = [scheduler]
        stage.more_problems.append(scheduler.problems)
        stage.spawn(scheduler.run(), "the schedule")
        yield

    return make_application(stage, ready, changed), stage


def make_app(settings: SchedulerSettings | None = None) -> FastStream:
    """Return the application for a process of its own."""
    return make_scheduler(settings or SchedulerSettings())[0]


app = make_app()
