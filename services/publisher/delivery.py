"""How is one Alertmanager kept in line with the ledger? A sender works off its outbox; a watcher asks how the
Alertmanager is, and compares its alerts with the ledger at the start, now and then, and when it restarted. Neither
stops for a failure: what could not be sent waits, and readiness says why.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Sequence

import structlog

from services.publisher import telemetry
from services.publisher.alert_states import Turn
from services.publisher.current import Current
from services.publisher.cut_off import CutOff
from services.publisher.errors import BehindTheStreams
from services.publisher.ledger import Ledger
from services.publisher.outbox import Outbox
from services.publisher.own_alerts import OURS, compare, ours
from services.publisher.pace import Clock, Pace
from services.publisher.posting import MOST_ALERTS, Poster
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_errors import AlertmanagerError

LONGEST_PAUSE_SECONDS = 5.0
SLOW_SECONDS = 5.0
"""A post that takes longer goes on waiting for its answer, beside the next ones, which are of other alerts."""
MOST_WAITING = 6
"""As many as are begun until the first is given up."""
READ_SECONDS = 30.0
"""What reading all alerts may take; some 100,000 of them take half of it."""

_Failure = BehindTheStreams | AlertmanagerError

log = structlog.get_logger(__name__)


class Delivery:
    """One Alertmanager and what is sent to it."""

    def __init__(
        self,
        poster: AlertmanagerClient,
        reader: AlertmanagerClient,
        ledger: Ledger,
        current: Current,
        pace: Pace,
        clock: Clock,
        announce: Callable[[Sequence[Turn]], None],
    ) -> None:
        self._clients = poster, reader
        self._reader = reader
        self.url = reader.url
        """Where this Alertmanager is, without a login."""
        self._ledger = ledger
        self._current = current
        self._pace = pace
        self._clock = clock
        self._announce = announce
        self._outbox = Outbox(pace.resend_seconds)
        self._outbox.urge(state.alert.fingerprint for state in ledger.states.firing())
        self._poster = Poster(poster, self._outbox, ledger, current, clock, pace.lease_seconds)
        self._cut_off = CutOff(reader, ledger, clock, pace)
        self._news = asyncio.Event()
        self._has_compared = False
        self._compare_at = 0.0
        self._started_at: dt.datetime | None = None
        self._unreachable: str | None = f"{reader.url} has not answered yet"
        self._unsent: str | None = None
        self._is_slow = False
        self._waiting: set[asyncio.Task[_Failure | None]] = set()

    @property
    def problem(self) -> str | None:
        """Return why alerts don't reach this Alertmanager, or None."""
        slow = f"{self.url} takes more than {SLOW_SECONDS:g} s for a post" if self._is_slow else None
        return self._unreachable or self._unsent or slow

    def urge(self, fingerprints: Sequence[str]) -> None:
        """Send these alerts as soon as possible, in this order."""
        telemetry.COALESCED.labels(self.url).inc(self._outbox.urge(fingerprints))
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(), name=f"watch {self.url}")
                tasks.create_task(self._send(), name=f"send to {self.url}")
        finally:
            for client in self._clients:
                await client.close()
            for metric in telemetry.OF_ALERTMANAGER:
                with contextlib.suppress(KeyError):
                    metric.remove(self.url)

    async def _send(self) -> None:
        failures = 0
        async with asyncio.TaskGroup() as posts:
            while True:
                await self._wait_for_work()
                batch = self._outbox.take(self._clock.elapsed(), MOST_ALERTS)
                if not batch:
                    continue
                post = posts.create_task(self._post(batch), name=f"post to {self.url}")
                answered, _ = await asyncio.wait([post], timeout=SLOW_SECONDS)
                self._is_slow = not answered
                if not answered:
                    await self._let_wait(post)
                    continue
                failed = post.result()
                if isinstance(failed, BehindTheStreams):
                    await self._cut_off.keep_alive(failed)
                    await asyncio.sleep(1.0)
                elif failed:
                    await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, 0.2 * 2**failures))
                    failures = min(failures + 1, 10)
                else:
                    failures = 0
                    self._cut_off.over()

    async def _let_wait(self, post: asyncio.Task[_Failure | None]) -> None:
        """Leave a post waiting for its answer; wait for one of them when they have become many."""
        self._waiting.add(post)
        post.add_done_callback(self._waiting.discard)
        post.add_done_callback(lambda _: self._news.set())
        while len(self._waiting) >= MOST_WAITING:
            await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)

    async def _post(self, batch: Sequence[str]) -> _Failure | None:
        """Post one batch, and return what kept it from getting in, having noted it."""
        try:
            await self._poster.post(batch)
        except BehindTheStreams as behind:
            return behind
        except AlertmanagerError as failed:
            if self._unsent is None:
                log.warning("alerts wait", alertmanager=self.url, alerts=len(batch), reason=str(failed))
            self._unsent = str(failed)
            return failed
        self._unsent = None
        return None

    async def _wait_for_work(self) -> None:
        telemetry.QUEUE_LENGTH.labels(self.url).set(len(self._outbox))
        self._news.clear()
        wait_seconds = self._outbox.wait_seconds(self._clock.elapsed())
        if wait_seconds == 0:
            return
        # Not longer than a second: a timer does not count the time that a machine sleeps.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(1.0, wait_seconds or 1.0)):
                await self._news.wait()

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except AlertmanagerError as failed:
                if self._unreachable != str(failed):
                    log.warning("Alertmanager does not answer as it should", reason=str(failed))
                self._unreachable = str(failed)
            except BehindTheStreams as behind:
                log.debug("compared nothing", alertmanager=self.url, reason=str(behind))
            await asyncio.sleep(self._pace.look_seconds)

    async def _look(self) -> None:
        status = await self._reader.get_status()
        has_restarted = self._started_at is not None and status.started_at != self._started_at
        if self._unreachable or has_restarted or self._clock.elapsed() >= self._compare_at:
            await self._compare(has_restarted=has_restarted)
        if self._unreachable:
            log.info("Alertmanager answers", alertmanager=self.url, version=status.version)
        self._unreachable, self._started_at = None, status.started_at

    async def _compare(self, *, has_restarted: bool) -> None:
        await self._current.catch_up()
        shown = ours(self._ledger.prefix, await self._reader.get_alerts(OURS))
        await self._current.catch_up()  # the ledger must not be older than what is shown
        if has_restarted:
            self._outbox.forgive()
        turns, missing, lingering = compare(self._ledger, shown, self._clock.now())
        missing = [key for key in missing if not self._outbox.is_refused(key, self._ledger.states[key].version)]
        telemetry.COMPARISONS.labels(self.url).inc()
        if has_restarted or (self._has_compared and (missing or lingering)):
            telemetry.REFILLED.labels(self.url).inc(len(missing))
            log.info(
                "sending what Alertmanager lacks",
                alertmanager=self.url,
                reason="it restarted" if has_restarted else "it shows something else than the ledger",
                missing=len(missing),
                lingering=len(lingering),
            )
        self._announce(turns)
        self.urge([*missing, *lingering])
        self._compare_at = self._clock.elapsed() + self._pace.compare_seconds
        self._has_compared = True
