"""When does the watcher look? About once a second, with everything that is stored known, and never while we are cut off
from the streams: who can't read them can't say that nobody looks. Now and then it asks NATS for signs of checkers.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.publisher import telemetry
from services.publisher.about_ourselves import KINDS
from services.publisher.alert_states import Turn
from services.publisher.current import Current
from services.publisher.errors import BehindTheStreams
from services.publisher.pace import Clock
from services.publisher.signs import sign_of
from services.publisher.watcher import Watcher
from shared.handling import reason_of

LOOK_SECONDS = 1.0
GO_ON_SECONDS = 0.1
"""After a look that did not get to all targets."""
ASK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Watching:
    """Lets the watcher look."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        watcher: Watcher,
        current: Current,
        clock: Clock,
        results_created: Callable[[], dt.datetime | None],
        alertmanagers: Callable[[], Mapping[str, str | None]],
        announce: Callable[[Sequence[Turn]], None],
    ) -> None:
        self._jetstream = jetstream
        self._watcher = watcher
        self._current = current
        self._clock = clock
        self._results_created = results_created
        self._alertmanagers = alertmanagers
        self._announce = announce
        self._ask_at = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self._ask()
                await self._current.catch_up()
            except BehindTheStreams as behind:
                log.debug("not looking after ourselves now", reason=str(behind))
            else:
                self._look()
            await asyncio.sleep(GO_ON_SECONDS if self._watcher.has_more else LOOK_SECONDS)

    async def _ask(self) -> None:
        elapsed = self._clock.elapsed()
        if elapsed < self._ask_at:
            return
        self._ask_at = elapsed + min(ASK_SECONDS, self._watcher.gone_after.total_seconds() / 5)
        try:
            signs = {pool: await sign_of(self._jetstream, pool, self._clock.now()) for pool in self._watcher.pools}
        except (NatsError, TimeoutError) as away:  # what is not known of a pool is never told
            log.warning("can't see whether checkers are there", reason=reason_of(away))
        else:
            self._watcher.signs(signs, self._clock.now())

    def _look(self) -> None:
        created = self._results_created()
        if created is not None:
            self._watcher.not_before = created
        now = self._clock.now()
        self._watcher.alertmanagers(self._alertmanagers(), now)
        self._announce(self._watcher.look(now))
        counted = Counter(self._watcher.firing)
        for kind in KINDS:
            telemetry.ABOUT_OURSELVES.labels(kind).set(counted[kind])
