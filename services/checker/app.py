"""The wiring of a checker: the front door, one consumer for each lane of each pool, the worker processes for scripts.
Run it with ``watchword serve checker`` or ``faststream run services.checker.app:app``.
"""

import contextlib
import functools
import os
from collections.abc import AsyncIterator, Mapping

from faststream import FastStream

from services.checker import secrets
from services.checker.engines import CONNECTS, load_all
from services.checker.handlers import on_request, on_run
from services.checker.metrics import Metrics
from services.checker.run import Checker
from services.checker.sandbox import Sandbox
from services.checker.settings import CheckerSettings
from services.checker.turns import Turns
from shared.following import Stored
from shared.stage import Stage, make_application, make_stage
from shared.streams import FRONT_DOOR, lane_consumer
from shared.subjects import LANES


def make_checker(
    settings: CheckerSettings, private_passwords: Mapping[str, str] | None = None, turns: Turns | None = None
) -> tuple[FastStream, Stage]:
    """Return the application and its stage. ``private_passwords`` are those that ``watchword up`` read in clear."""
    load_all()
    stage = make_stage("checker", settings)
    running: list[Checker] = []
    turns = turns or Turns()

    async def request(stored: Stored, deliveries: int) -> None:
        await on_request(running[0], stored, deliveries)

    async def run(stored: Stored, deliveries: int) -> None:
        await on_run(running[0], stored, deliveries)

    async def run_first(stored: Stored, deliveries: int) -> None:
        async with turns.first():
            await run(stored, deliveries)

    stage.subscriptions.add(FRONT_DOOR, request, kind="request", slots=settings.slots_requests)
    for pool in settings.pool_names:
        for lane in LANES:
            stage.subscriptions.add(
                lane_consumer(lane, pool),
                run_first if lane == "now" else run,
                kind=f"run_{lane}",
                slots=settings.slots(lane),
                most_deliveries=None,
                before_taking=None if lane == "now" else turns.give_way,
            )

    @contextlib.asynccontextmanager
    async def ready(stage: Stage) -> AsyncIterator[None]:
        assert stage.configuration is not None
        metrics = Metrics(settings.secrets_folder, os.environ)
        async with Sandbox(workers=settings.script_workers) as scripts, contextlib.aclosing(metrics):
            running[:] = [
                Checker(
                    name=settings.instance,
                    client=stage.client,
                    jetstream=stage.jetstream,
                    configuration=stage.configuration,
                    scripts=scripts,
                    connects=CONNECTS,
                    login=functools.partial(
                        secrets.resolve,
                        secrets_folder=settings.secrets_folder,
                        environment=os.environ,
                        private=private_passwords or {},
                    ),
                    metrics=metrics,
                    signatures=settings.signatures,
                    limits=settings.limits,
                    turns=turns,
                )
            ]
            yield

    return make_application(stage, ready), stage


def make_app(settings: CheckerSettings | None = None) -> FastStream:
    """Return the application for a process of its own."""
    return make_checker(settings or CheckerSettings())[0]


app = make_app()
