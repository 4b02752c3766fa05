"""Who ends what was removed, disabled, or never repeated? Any replica: it writes a ``withdrawn`` verdict on condition
that the verdict it ends is still the last, with the configuration caught up after that verdict was read; the loser of
two goes on. A day later the subject is emptied up to that verdict, so what was newer meanwhile stays. What ends, and
when, is for ``endings.py`` and the ledger.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.publisher import telemetry
from services.publisher.current import Current
from services.publisher.endings import Ending
from services.publisher.errors import BehindTheStreams
from services.publisher.ledger import Ledger
from shared import subjects
from shared.cloudevents import headers_of
from shared.errors import PublishRefused, PublishUnconfirmed
from shared.events import CheckResult
from shared.handling import reason_of
from shared.publishing import publish
from shared.streams import CHECK_RESULTS

TICK_SECONDS = 0.25
AT_A_TIME = 64

log = structlog.get_logger(__name__)


class Withdrawing:
    """Writes the endings that the ledger says are due."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        ledger: Ledger,
        current: Current,
        now: Callable[[], dt.datetime],
        instance: str,
    ) -> None:
        self._jetstream = jetstream
        self._ledger = ledger
        self._current = current
        self._now = now
        self._instance = instance

    async def run(self) -> None:
        """Write endings until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            endings = self._ledger.endings(self._now())
            try:
                await self.write(endings)
            except (BehindTheStreams, PublishUnconfirmed, NatsError, TimeoutError) as away:
                log.warning("withdrawals wait", waiting=len(endings), reason=reason_of(away))
                await asyncio.sleep(1.0)

    async def write(self, endings: Sequence[Ending]) -> None:
        """Write these, as far as they are still due when everything that is stored is known."""
        for begin in range(0, len(endings), AT_A_TIME):
            await self._current.catch_up()
            some = endings[begin : begin + AT_A_TIME]
            still = [self._ledger.ending_of(ending.subject, self._now()) for ending in some]
            await asyncio.gather(*(self._write(ending) for ending in still if ending))

    async def _write(self, ending: Ending) -> None:
        if ending.what == "withdraw":
            await self._withdraw(ending)
        else:
            await self._purge(ending)

    async def _withdraw(self, ending: Ending) -> None:
        engine, target, check = ending.subject.engine, ending.subject.target, ending.subject.check
        now = self._now()
        verdict = CheckResult(
            status="withdrawn", engine=engine, target=target, check=check, reason=ending.reason, started_at=now
        )
        subject = subjects.verdict(engine, target, check)
        headers = headers_of(
            "check.result",
            source=f"/publisher/{self._instance}",
            identifier=f"withdrawn/{engine}/{target}/{check}/{ending.sequence}",
            at=now,
        )
        try:
            await publish(
                self._jetstream,
                subject,
                verdict.to_bytes(),
                headers=headers,
                expected_last=ending.sequence,
                stream=CHECK_RESULTS,
            )
        except PublishRefused:
            log.info("left a verdict alone: a newer one stands there", subject=subject, reason=ending.reason)
            return
        telemetry.WITHDRAWN.labels("withdraw").inc()
        log.info("withdrew a verdict", target=target, check=check, engine=engine, reason=ending.reason)

    async def _purge(self, ending: Ending) -> None:
        engine, target, check = ending.subject.engine, ending.subject.target, ending.subject.check
        verdict, error = subjects.verdict(engine, target, check), subjects.error(engine, target, check)
        # JetStream purges up to a sequence without it.
        await self._jetstream.purge_stream(CHECK_RESULTS, subject=verdict, seq=ending.sequence + 1)
        if ending.error_sequence:
            await self._jetstream.purge_stream(CHECK_RESULTS, subject=error, seq=ending.error_sequence + 1)
        self._ledger.forget(ending)
        telemetry.WITHDRAWN.labels("purge").inc()
        log.info("emptied a subject", target=target, check=check, engine=engine, reason=ending.reason)
