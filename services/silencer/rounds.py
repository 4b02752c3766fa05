"""Who compares, and when? One worker for each Alertmanager, so that one that hangs delays no other. At each event and
at least every minute it takes the lease on that Alertmanager, catches up with MUTES, lists the silences, and does what
``reconcile.py`` says, with one line in the log for each thing done. The lease keeps two silencers from making the same
silence at the same moment; where it fails them, the double is ended in the next round.
"""

import asyncio
import contextlib
import datetime as dt
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.silencer import telemetry
from services.silencer.clusters import Cluster
from services.silencer.errors import ResultContested
from services.silencer.memory import Memory
from services.silencer.reconcile import End, Make, Plan, Record, reconcile, unavailable
from services.silencer.results import with_silence
from services.silencer.wanted import Mute
from shared import leases
from shared.alertmanager_errors import AlertmanagerError, SilenceRefused
from shared.ending import end
from shared.errors import LeaseLost, PublishUnconfirmed, StreamMissing
from shared.handling import AWAY, reason_of
from shared.leases import Lease
from shared.mutes import SilenceMade

log = structlog.get_logger(__name__)

LEASE_POLL_SECONDS = 0.1
PASSING = (*AWAY, ResultContested, LeaseLost)
"""NATS is away, or another silencer was quicker: the round is gone through again."""


class Rounds:
    """What one worker needs."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        memory: Memory,
        cluster: Cluster,
        is_configured: Callable[[], Awaitable[bool]],
        *,
        holder: str,
        gossip: dt.timedelta,
        overlap: dt.timedelta,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.cluster = cluster
        self.bell = asyncio.Event()
        """Rung when something changed."""
        self.problem: str | None = None
        """Why no round can be made, when that will not pass by itself; None when all is well."""
        self._jetstream = jetstream
        self._memory = memory
        self._is_configured = is_configured
        self._holder = holder
        self._gossip = gossip if cluster.has_several_members else dt.timedelta(0)
        self._overlap = overlap
        self._now = now

    async def keep(self, every_seconds: float, recovered: Callable[[], None]) -> None:
        """Go round until cancelled. ``recovered`` is called when the Alertmanager answers after it had not."""
        failures = 0
        while True:
            self.bell.clear()
            is_good = await self.go_round()
            if is_good and failures:
                recovered()
            failures = 0 if is_good else failures + 1
            pause_seconds = every_seconds if is_good else min(every_seconds, 0.5 * 2 ** min(failures, 10))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self.bell.wait()

    async def go_round(self) -> bool:
        """Compare once and act. Returns False when something has to be tried again soon."""
        try:
            async with _leased(self._jetstream, f"silencer/{self.cluster.name}", self._holder) as lease:
                is_good = await self._compare(lease)
        except PASSING as passing:
            reason = reason_of(passing)
            self.problem = reason if isinstance(passing, StreamMissing | PublishUnconfirmed) else self.problem
            log.warning("a round was given up", alertmanager=self.cluster.name, reason=reason)
            return False
        self.problem = None
        return is_good

    async def _compare(self, lease: Lease) -> bool:
        wanted = await self._memory.catch_up()
        if not await self._is_configured():
            # Asked after the mutes were read: one that was asked for since this Alertmanager was taken out is not for
            # it. Whoever follows the configuration ends this worker.
            return True
        try:
            # Listed after catching up: whatever is written as made in there can be seen, unless it is gone.
            existing = await self.cluster.silences()
        except AlertmanagerError as failed:
            self._failed(failed)
            plans = unavailable(wanted.mutes, alertmanager=self.cluster.name, reason=str(failed), now=self._now())
            await self._carry_out(plans, lease)
            return False
        plans = reconcile(
            wanted.mutes,
            existing,
            alertmanager=self.cluster.name,
            now=self._now(),
            gossip=self._gossip,
            overlap=self._overlap,
        )
        is_good = await self._carry_out(plans, lease)
        telemetry.LAST_ROUND.labels(self.cluster.name).set_to_current_time()
        return is_good

    async def _carry_out(self, plans: Iterable[Plan], lease: Lease) -> bool:
        is_good = True
        for plan in plans:
            try:
                for action in plan.actions:
                    lease.require()
                    await self._act(plan.mute, action)
            except AlertmanagerError as failed:
                self._failed(failed, mute=plan.mute.id)
                is_good = False
        return is_good

    async def _act(self, mute: Mute, action: Make | End | Record) -> None:
        match action:
            case Make():
                await self._make(mute, action)
            case End():
                await self.cluster.end(action.silence_id)
                telemetry.ENDED.labels(self.cluster.name).inc()
                self._say("ended a silence", mute, action.reason, silence=action.silence_id)
            case Record():
                await self._record(mute, action.made)
                if action.made.by_person:
                    telemetry.ENDED_BY_PERSONS.labels(self.cluster.name).inc()
                silence = action.made.silence_id
                self._say("noted a silence", mute, action.reason, silence=silence, state=action.made.state)

    async def _make(self, mute: Mute, action: Make) -> None:
        name = self.cluster.name
        try:
            silence_id = await self.cluster.make(action.silence)
        except AlertmanagerError as failed:
            # What is active elsewhere in its result stays: this is about a silence that is not there.
            is_refused = isinstance(failed, SilenceRefused)
            state = SilenceMade(alertmanager=name, state="failed" if is_refused else "waiting", error=str(failed))
            await self._record(mute, state)
            raise
        telemetry.MADE.labels(name).inc()
        self._say("made a silence", mute, action.reason, silence=silence_id, ends_at=action.silence.ends_at.isoformat())
        await self._record(mute, SilenceMade(alertmanager=name, silence_id=silence_id, state="active"))

    async def _record(self, mute: Mute, made: SilenceMade) -> None:
        await self._memory.update(mute.id, lambda current: with_silence(current, made), self._now())

    def _say(self, event: str, mute: Mute, reason: str, **more: str | None) -> None:
        log.info(event, mute=mute.id, alertmanager=self.cluster.name, reason=reason, **more)

    def _failed(self, failed: AlertmanagerError, **more: str) -> None:
        telemetry.FAILED.labels(self.cluster.name).inc()
        log.warning("an Alertmanager failed", alertmanager=self.cluster.name, reason=str(failed), **more)


@contextlib.asynccontextmanager
async def _leased(jetstream: JetStreamContext, what: str, holder: str) -> AsyncIterator[Lease]:
    """Hold a lease while the block runs; another silencer's is waited for. Raises ``LeaseLost`` after long."""
    # Leases are kept under the names of targets; nobody calls a target like this.
    name = f"silencer/{hashlib.sha256(what.encode()).hexdigest()[:32]}"
    patience_ends = time.monotonic() + 2 * leases.LEASE_SECONDS
    while (lease := await leases.take(jetstream, name, holder)) is None:
        if time.monotonic() > patience_ends:
            message = f"the lease on {what} does not come free: another silencer holds it, or NATS stores nothing"
            raise LeaseLost(message)
        await asyncio.sleep(LEASE_POLL_SECONDS)
    held = lease

    def lost() -> None:
        held.deadline = 0.0

    keeper = asyncio.create_task(leases.keep(jetstream, held, lost), name=f"keep the lease on {what}")
    try:
        yield held
    finally:
        await end(keeper)
        with contextlib.suppress(NatsError, TimeoutError, asyncio.CancelledError):
            # Shielded: whoever ends a round cancels it until it has ended, and the lease must not stay behind.
            await asyncio.shield(leases.release(jetstream, held))
