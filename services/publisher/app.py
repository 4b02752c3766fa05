"""The wiring of a publisher: the ledger between what comes in (CHECK_RESULTS and the configuration, followed) and what
goes out (a delivery for each Alertmanager), the consumer that turns verdicts into alert events, and the withdrawals.
Run it with ``watchword serve publisher`` or ``faststream run services.publisher.app:app``.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator

import structlog
from faststream import FastStream

from services.publisher import telemetry
from services.publisher.current import Current
from services.publisher.delivery import READ_SECONDS, Delivery
from services.publisher.handlers import Events
from services.publisher.intake import Intake
from services.publisher.ledger import Ledger
from services.publisher.members import Member, Members, members_of
from services.publisher.pace import Clock
from services.publisher.posting import ANSWER_SECONDS
from services.publisher.settings import PublisherSettings
from services.publisher.watching import Watching
from services.publisher.withdrawing import Withdrawing
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_settings import alertmanagers_of
from shared.configuration import Change
from shared.following import Follower, Stored
from shared.stage import FollowedConfiguration, Stage, make_application, make_stage
from shared.streams import CHECK_RESULTS, TRANSITIONS

SWEEP_SECONDS = 1.0
REBUILD_SECONDS = 900.0
"""What reading the last verdicts at the start may take; 600,000 of them take a quarter of a minute."""

log = structlog.get_logger(__name__)


class Publisher:
    """The parts of a running publisher, put together."""

    def __init__(self, stage: Stage, configuration: FollowedConfiguration, settings: PublisherSettings) -> None:
        self._stage = stage
        self._settings = settings
        self._configuration = configuration
        self._clock = Clock()
        self._members = Members()
        self._are_others_named = asyncio.Event()
        client, now = stage.client, self._clock.now
        self._ledger = Ledger(configuration.view, settings.keeping, settings.instance)
        self._intake = Intake(
            self._ledger,
            stage.jetstream,
            now,
            self._members.urge,
            addressed_only=settings.nats_addressed_only,
        )
        self._results = Follower(
            stage.jetstream,
            CHECK_RESULTS,
            self._intake.result,
            last_per_subject=True,
            restarted=self._intake.stream_restarted,
        )
        self._current = Current(self._results, configuration, lambda: client.is_connected, settings.patience_seconds)
        self._withdrawing = Withdrawing(stage.jetstream, self._ledger, self._current, now, settings.instance)
        self._watching = Watching(
            stage.jetstream,
            self._ledger.watcher,
            self._current,
            self._clock,
            lambda: self._results.created,
            self._members.problems_by_url,
            self._intake.turned,
        )
        self.events = Events(client, stage.jetstream, configuration, lambda: self._results.created, settings.instance)

    def changed(self, change: Change) -> None:
        """Take in a change of the configuration."""
        self._intake.configured(change)
        if (change.kind, change.name) == ("setting", "alertmanagers"):
            self._are_others_named.set()

    def problems(self) -> list[str]:
        """Return what keeps alerts from being right and arriving, for people."""
        behind = [self._results.problem] if self._results.problem else []
        return behind + self._members.problems()

    async def start(self) -> None:
        """Read the last verdicts, then begin to deliver."""
        with _without_collector():
            await self._results.start(REBUILD_SECONDS)
        self._intake.is_rebuilding = False
        firing = self._ledger.states.firing_count
        log.info("read the last verdicts", sequence=self._results.applied, alerts_firing=firing)
        self._stage.spawn(self._keep_members(), "keep the Alertmanagers")
        self._stage.spawn(self._sweep(), "sweep the ledger")
        self._stage.spawn(self._intake.settle_broken(lambda: self._results.created), "settle broken results")
        self._stage.spawn(self._withdrawing.run(), "withdraw verdicts")
        self._stage.spawn(self._watching.run(), "watch over ourselves")

    async def stop(self) -> None:
        """End what goes out, then what comes in."""
        await self._members.stop()
        await self._results.stop()

    async def _keep_members(self) -> None:
        while True:
            self._are_others_named.clear()
            named = alertmanagers_of(self._configuration.view, self._settings)
            self._members.be(members_of(named), self._deliver)
            await self._are_others_named.wait()

    async def _sweep(self) -> None:
        while True:
            self._intake.turned(self._ledger.sweep(self._clock.now()))
            telemetry.ALERTS_FIRING.set(self._ledger.states.firing_count)
            await asyncio.sleep(SWEEP_SECONDS)

    def _deliver(self, member: Member) -> Delivery:
        pace = self._settings.pace
        poster, reader = (
            AlertmanagerClient(
                member.url,
                member.credential,
                secrets_folder=self._settings.secrets_folder,
                timeout_seconds=timeout_seconds,
            )
            for timeout_seconds in (min(ANSWER_SECONDS, pace.lease_seconds / 2), READ_SECONDS)
        )
        return Delivery(poster, reader, self._ledger, self._current, pace, self._clock, self._intake.turned)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from what is read in this block, now and later. It looks for cycles, and there are
    none in the last verdicts: looking through 600,000 of them again and again is a fifth of the time that reading them
    takes, and later each time a second in which nothing is sent.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def make_publisher(settings: PublisherSettings) -> tuple[FastStream, Stage]:
    """Return the application and its stage; nothing happens before the application runs."""
    stage = make_stage("publisher", settings)
    publishers: list[Publisher] = []

    def changed(change: Change) -> None:
        for publisher in publishers:
            publisher.changed(change)

    async def on_verdict(stored: Stored, deliveries: int) -> None:
        await publishers[0].events.on_verdict(stored, deliveries)

    stage.subscriptions.add(TRANSITIONS, on_verdict, kind="verdict")

    @contextlib.asynccontextmanager
    async def running(stage: Stage) -> AsyncIterator[None]:
        assert stage.configuration is not None
        publisher = Publisher(stage, stage.configuration, settings)
        publishers[:] = [publisher]
        stage.more_problems.append(publisher.problems)
        try:
            await publisher.start()
            yield
        finally:
            await publisher.stop()

    return make_application(stage, running, changed), stage


def make_app(settings: PublisherSettings | None = None) -> FastStream:
    """Return the application for a process of its own."""
    return make_publisher(settings or PublisherSettings())[0]


app = make_app()
