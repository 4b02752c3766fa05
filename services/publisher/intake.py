"""How does news reach the ledger? Results and changes of the configuration come from followers, one at a time and
without a pause; each turn that an alert takes is logged with its reason and announced to every Alertmanager. Broken
results are set aside and settled one after the other, for that takes a while.
"""

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from nats.js import JetStreamContext

from services.publisher import broken, telemetry
from services.publisher.alert_states import Turn
from services.publisher.errors import ResultBroken
from services.publisher.ledger import Ledger
from services.publisher.received import read_result
from shared.addressed import require
from shared.configuration import Change
from shared.errors import MessageRefused
from shared.following import Stored
from shared.handling import AWAY, reason_of
from shared.reading import message_at, present_message
from shared.streams import CHECK_RESULTS

_SAID = {"fires": "alert fires", "changed": "alert changed", "resolved": "alert resolved"}

MOST_BROKEN_BYTES = 32 * 1024 * 1024
"""Of broken results that wait to be settled; of those beyond it only the place is kept, and they are read again."""
MOST_LEFT_OUT = 1_000_000
_BYTES_EACH = 1024
"""About what a message takes beside its body."""

log = structlog.get_logger(__name__)


class _Broken(NamedTuple):
    stored: Stored
    reason: str


class Intake:
    """What the followers call. None of these calls awaits anything."""

    def __init__(
        self,
        ledger: Ledger,
        jetstream: JetStreamContext,
        now: Callable[[], dt.datetime],
        announce: Callable[[Sequence[str]], None],
        *,
        addressed_only: bool = False,
    ) -> None:
        self._ledger = ledger
        self._jetstream = jetstream
        self._now = now
        self._announce = announce
        self._addressed_only = addressed_only
        self._broken: deque[_Broken] = deque()
        self._broken_bytes = 0
        self._left_out: deque[int] = deque()
        self._is_something_broken = asyncio.Event()
        self.is_rebuilding = True
        """While the last verdicts are read at the start, single turns are not worth a line in the log."""

    def result(self, stored: Stored) -> None:
        """Take in a message of CHECK_RESULTS."""
        try:
            require(CHECK_RESULTS, stored.headers, addressed_only=self._addressed_only)
            received = read_result(stored)
        except (ResultBroken, MessageRefused) as reason:
            self._set_aside(stored, str(reason))
            return
        self.turned(self._ledger.take(received, self._now()))

    def _set_aside(self, stored: Stored, reason: str) -> None:
        size = len(stored.data) + len(reason) + _BYTES_EACH
        if self._broken_bytes + size > MOST_BROKEN_BYTES:
            # It stays in the stream, and is read again when there is room. Beyond even that, whoever handles verdicts
            # or reads the stream anew comes upon it.
            telemetry.BROKEN_NOT_SET_ASIDE.inc()
            if len(self._left_out) < MOST_LEFT_OUT:
                self._left_out.append(stored.sequence)
            return
        self._broken_bytes += size
        self._broken.append(_Broken(stored, reason))
        self._is_something_broken.set()

    def _taken(self, one: _Broken) -> None:
        self._broken.popleft()
        self._broken_bytes -= len(one.stored.data) + len(one.reason) + _BYTES_EACH

    def configured(self, change: Change) -> None:
        """Take in a change of the configuration."""
        self.turned(self._ledger.configured(change, self._now()))

    def stream_restarted(self) -> None:
        """Note that CHECK_RESULTS is another stream than before."""
        log.warning("CHECK_RESULTS is another stream now; alerts are kept until a verdict decides")
        self.turned(self._ledger.stream_restarted(self._now()))

    def turned(self, turns: Sequence[Turn]) -> None:
        """Log what happened to alerts, and let every Alertmanager hear of it."""
        if not turns:
            return
        for turn in turns:
            telemetry.TURNS.labels(turn.what).inc()
            if not self.is_rebuilding:
                state = self._ledger.states[turn.fingerprint]
                # A text that changed is no news: it may hold a number that moves with each run.
                say = log.debug if turn.what == "changed" else log.info
                say(
                    _SAID[turn.what],
                    reason=turn.reason,
                    target=state.subject.target,
                    check=state.subject.check,
                    engine=state.subject.engine,
                    severity=state.alert.labels.get("severity", ""),
                    fingerprint=turn.fingerprint,
                )
        self._announce([turn.fingerprint for turn in turns])

    async def settle_broken(self, created: Callable[[], dt.datetime | None]) -> None:
        """Settle broken results as they come; ``created`` tells the stream's creation."""
        while True:
            await self._is_something_broken.wait()
            while self._broken:
                stored, reason = one = self._broken[0]
                try:
                    await broken.settle(self._jetstream, stored, reason, created())
                    before = await present_message(self._jetstream, CHECK_RESULTS, stored.subject)
                except AWAY as away:
                    log.warning("a broken result waits", subject=stored.subject, reason=reason_of(away))
                    await asyncio.sleep(1.0)
                    continue
                self._taken(one)
                # What came after it arrives by itself, and may be broken, too.
                if before is not None and before.sequence < stored.sequence:
                    self.result(before)
                if not self._broken:
                    await self._read_left_out()
            self._is_something_broken.clear()

    async def _read_left_out(self) -> None:
        """Take in what there was no room for, until there is none again. While NATS is away, it waits."""
        while self._left_out and self._broken_bytes < MOST_BROKEN_BYTES / 2:
            try:
                stored = await message_at(self._jetstream, CHECK_RESULTS, self._left_out[0])
            except AWAY as away:
                log.warning("broken results wait", results=len(self._left_out), reason=reason_of(away))
                await asyncio.sleep(1.0)
                continue
            self._left_out.popleft()
            if stored is not None:
                self.result(stored)
