"""The wiring of a publisher: the ledger between what comes in (CHECK_RESULTS and the configuration, followed) and what
goes out (a delivery for each Alertmanager), the consumer that turns verdicts into alert events, and the withdrawals.
Run it with ``watchword serve publisher`` or ``faststream run services.publisher.app:app``.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from faststream import FastStream

from services.publisher import telemetry
from services.publisher.current import Current
from services.publisher.delivery import Delivery
from services.publisher.handlers import Events
from services.publisher.intake import Intake
from services.publisher.ledger import Ledger
from services.publisher.members import Member, Members, members_of
from services.publisher.pace import Clock
from services.publisher.settings import PublisherSettings
from services.publisher.withdrawing import Withdrawing
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_settings import alertmanagers_of
from shared.configuration import Change
from shared.following import Follower, Stored
from shared.stage import Stage, make_application, make_stage
from shared.streams import CHECK_RESULTS, TRANSITIONS

SWEEP_SECONDS = 1.0
REBUILD_SECONDS = 900.0
"""What reading the last verdicts at the start may take; 600,000 of them take less than a minute."""

log = structlog.get_logger(__name__)


def make_publisher(settings: PublisherSettings) -> tuple[FastStream, Stage]:
    """Return the application and its stage; nothing happens before the application runs."""
    stage = make_stage("publisher", settings)
    events: list[Events] = []
    changes: list[Intake] = []
    changed_members = asyncio.Event()

    def changed(change: Change) -> None:
        for intake in changes:
            intake.configured(change)
        if (change.kind, change.name) == ("setting", "alertmanagers"):
            changed_members.set()

    async def on_verdict(stored: Stored, deliveries: int) -> None:
        await events[0].on_verdict(stored, deliveries)

    stage.subscriptions.add(TRANSITIONS, on_verdict, kind="verdict")

    @contextlib.asynccontextmanager
    async def running(stage: Stage) -> AsyncIterator[None]:
        configuration = stage.configuration
        assert configuration is not None
        clock = Clock()
        ledger = Ledger(configuration.view, settings.keeping)
        members = Members()
        intake = Intake(ledger, stage.jetstream, clock.now, members.urge)
        results = Follower(
            stage.jetstream, CHECK_RESULTS, intake.result, last_per_subject=True, restarted=intake.stream_restarted
        )
        current = Current(results, configuration, lambda: stage.client.is_connected, settings.patience_seconds)

        def deliver(member: Member) -> Delivery:
            client = AlertmanagerClient(member.url, member.credential, secrets_folder=settings.secrets_folder)
            return Delivery(client, ledger, current, settings.pace, clock, intake.turned)

        async def keep_members() -> None:
            while True:
                changed_members.clear()
                members.be(members_of(alertmanagers_of(configuration.view, settings)), deliver)
                await changed_members.wait()

        async def sweep() -> None:
            while True:
                intake.turned(ledger.sweep(clock.now()))
                telemetry.ALERTS_FIRING.set(ledger.states.firing_count)
                await asyncio.sleep(SWEEP_SECONDS)

        changes[:] = [intake]
        await results.start(REBUILD_SECONDS)
        intake.is_rebuilding = False
        log.info("read the last verdicts", sequence=results.applied, alerts_firing=ledger.states.firing_count)
        events[:] = [Events(stage.client, stage.jetstream, configuration, lambda: results.created, settings.instance)]
        stage.more_problems += [lambda: [results.problem] if results.problem else [], members.problems]
        withdrawing = Withdrawing(stage.jetstream, ledger, current, clock.now, settings.instance)
        stage.spawn(keep_members(), "keep the Alertmanagers")
        stage.spawn(sweep(), "sweep the ledger")
        stage.spawn(intake.settle_broken(lambda: results.created), "settle broken results")
        stage.spawn(withdrawing.run(), "withdraw verdicts")
        try:
            yield
        finally:
            await members.stop()
            await results.stop()

    return make_application(stage, running, changed), stage


def make_app(settings: PublisherSettings | None = None) -> FastStream:
    """Return the application for a process of its own."""
    return make_publisher(settings or PublisherSettings())[0]


app = make_app()
