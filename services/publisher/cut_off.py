"""What does a publisher do that can't read the streams? It neither lets alerts lapse nor brings back what another
replica resolved: once in each re-send it extends what is about to end, for then nobody else does; and it refills only
an Alertmanager that shows none of our alerts twice in a row, for then it has lost them and nobody else refills it.
"""

import datetime as dt

import structlog

from services.publisher.about_ourselves import ALIVE
from services.publisher.errors import BehindTheStreams
from services.publisher.ledger import Ledger
from services.publisher.own_alerts import OURS, Kept, lapsing, ours
from services.publisher.pace import Clock, Pace
from services.publisher.posting import MOST_ALERTS, posted
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_errors import AlertmanagerError

ROUNDS_WITHOUT_ALERTS = 2

log = structlog.get_logger(__name__)


class CutOff:
    """Keeps the alerts of one Alertmanager alive."""

    def __init__(self, client: AlertmanagerClient, ledger: Ledger, clock: Clock, pace: Pace) -> None:
        self._client = client
        self._ledger = ledger
        self._clock = clock
        self._pace = pace
        self._next_at = 0.0
        self._rounds_without_alerts = 0

    def over(self) -> None:
        """Note that the streams can be read again."""
        self._rounds_without_alerts = 0

    async def keep_alive(self, behind: BehindTheStreams) -> None:
        """Do one round, unless the last one is less than a re-send ago."""
        elapsed = self._clock.elapsed()
        if elapsed < self._next_at:
            return
        self._next_at = elapsed + self._pace.resend_seconds
        try:
            kept = await self._kept()
            log.warning(
                "posting nothing but what would lapse",
                alertmanager=self._client.url,
                alerts=len(kept),
                reason=str(behind),
            )
            for begin in range(0, len(kept), MOST_ALERTS):
                ends_at = self._clock.now() + dt.timedelta(seconds=self._pace.lease_seconds)
                batch = kept[begin : begin + MOST_ALERTS]
                await self._client.post_alerts([posted(alert, starts_at, ends_at) for alert, starts_at in batch])
        except AlertmanagerError as failed:
            log.warning("can't keep alerts alive", alertmanager=self._client.url, reason=str(failed))

    async def _kept(self) -> list[Kept]:
        shown = ours(self._ledger.prefix, await self._client.get_alerts(OURS))
        self._rounds_without_alerts = 0 if shown else self._rounds_without_alerts + 1
        if self._rounds_without_alerts >= ROUNDS_WITHOUT_ALERTS:
            firing = self._ledger.states.firing()
            return [Kept(one.alert, one.starts_at) for one in firing if one.subject.check != ALIVE]
        within = dt.timedelta(seconds=2 * self._pace.resend_seconds)
        return lapsing(self._ledger, shown, self._clock.now(), within)
