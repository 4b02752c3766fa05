"""Which Alertmanagers are there now? As the configuration says: each has a worker that goes its rounds; one that is
taken out, or given another URL or credential, has its worker ended, and a new one begins.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from nats.js import JetStreamContext

from services.silencer.clusters import Cluster
from services.silencer.memory import Memory
from services.silencer.rounds import Rounds
from services.silencer.settings import SilencerSettings
from shared.alertmanager_settings import alertmanagers_of
from shared.configuration import Alertmanager
from shared.ending import end
from shared.stage import FollowedConfiguration

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Worker:
    rounds: Rounds
    task: asyncio.Task[None]


class Workers:
    """The workers, by the Alertmanager that they are for."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        memory: Memory,
        configuration: FollowedConfiguration,
        settings: SilencerSettings,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.configured = asyncio.Event()
        """Set when the configuration names other Alertmanagers."""
        self.recovered: Callable[[], None] = lambda: None
        self._jetstream = jetstream
        self._memory = memory
        self._configuration = configuration
        self._settings = settings
        self._now = now
        self._workers: dict[Alertmanager, _Worker] = {}
        self._following = asyncio.Lock()

    async def clusters(self) -> Sequence[Cluster]:
        """Return the Alertmanagers of the configuration as it is known now, in its order."""
        await self.follow_configuration()
        return [worker.rounds.cluster for worker in self._workers.values()]

    def ring(self) -> None:
        """Have every worker look at once."""
        for worker in self._workers.values():
            worker.rounds.bell.set()

    async def follow_configuration(self) -> None:
        """Begin and end workers, so that there is one for each Alertmanager of the configuration."""
        async with self._following:
            self.configured.clear()
            wanted = alertmanagers_of(self._configuration.view, self._settings)
            for gone in [one for one in self._workers if one not in wanted]:
                await self._end(gone)
                reason = "the configuration says so"
                log.info("an Alertmanager is looked at no more", alertmanager=gone.name, reason=reason)
            for one in wanted:
                if one not in self._workers:
                    self._begin(one)
            self._workers = {one: self._workers[one] for one in wanted}
        if not wanted:
            log.warning("mutes wait: no Alertmanager is configured; name one in watchword.yaml and apply it")

    async def keep(self) -> None:
        """Follow the configuration until cancelled; a worker that breaks is told to whoever asks for readiness."""
        while True:
            changed = asyncio.create_task(self.configured.wait())
            tasks = [worker.task for worker in self._workers.values()]
            try:
                await asyncio.wait([changed, *tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()  # a bug of ours: it ends the stage's task, which readiness and the log tell
            await self.follow_configuration()

    def problems(self) -> list[str]:
        """Return what keeps the Alertmanagers from being looked at, for people."""
        return sorted({worker.rounds.problem for worker in self._workers.values() if worker.rounds.problem})

    async def close(self) -> None:
        """End all workers."""
        for one in list(self._workers):
            await self._end(one)

    def _begin(self, alertmanager: Alertmanager) -> None:
        settings = self._settings
        cluster = Cluster(
            alertmanager,
            secrets_folder=settings.secrets_folder,
            timeout_seconds=settings.alertmanager_timeout_seconds,
        )

        async def is_configured() -> bool:
            await self._configuration.catch_up()
            return alertmanager in alertmanagers_of(self._configuration.view, settings)

        rounds = Rounds(
            self._jetstream,
            self._memory,
            cluster,
            is_configured,
            holder=settings.instance,
            gossip=dt.timedelta(seconds=settings.gossip_seconds),
            overlap=dt.timedelta(seconds=settings.overlap_seconds),
            now=self._now,
        )
        work = rounds.keep(settings.round_seconds, self._recovered)
        task = asyncio.create_task(work, name=f"silences of {alertmanager.name}")
        self._workers[alertmanager] = _Worker(rounds, task)

    def _recovered(self) -> None:
        self.recovered()

    async def _end(self, alertmanager: Alertmanager) -> None:
        worker = self._workers.pop(alertmanager)
        await end(worker.task)
        await worker.rounds.cluster.close()
