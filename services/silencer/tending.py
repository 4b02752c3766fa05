"""What happens to mutes besides silences? Each is settled once (refused, waiting, or its matchers fixed), and tended
until it is over: an unmute is answered, a muted finding whose label is called otherwise gets other matchers, and what
ran out is noted. Any silencer may do any of it at any time, for every result is written on condition.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from nats.js import JetStreamContext

from services.silencer import telemetry
from services.silencer.clusters import Cluster
from services.silencer.errors import ResultContested
from services.silencer.lookup import labels_of_target, look_up
from services.silencer.memory import Memory
from services.silencer.results import needs_lookup, settled, tended
from services.silencer.wanted import Mute, Wanted
from shared.configuration import Configuration, Muting
from shared.errors import ScheduleRefused
from shared.handling import AWAY, reason_of
from shared.mutes import DEFAULT_MUTE, LONGEST_MUTE, MuteResult
from shared.schedules import parse_duration
from shared.stage import FollowedConfiguration

log = structlog.get_logger(__name__)

HANDLER_FIRST = dt.timedelta(seconds=10)
"""So long a request is left to the silencer that takes it from the stream, before any other settles it."""


class Tending:
    """What settling and tending need."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        memory: Memory,
        configuration: FollowedConfiguration,
        clusters: Callable[[], Awaitable[Sequence[Cluster]]],
        now: Callable[[], dt.datetime],
    ) -> None:
        self.bell = asyncio.Event()
        """Rung when something changed."""
        self.memory = memory
        self._jetstream = jetstream
        self._configuration = configuration
        self._clusters = clusters
        self._now = now

    async def settle(self, mute: Mute) -> Mute | None:
        """Decide what a mute is and write it, unless that was done, and return it as it is then."""
        configuration = await self._configuration.catch_up()
        default = default_length(configuration)
        clusters = await self._clusters()
        fingerprint = needs_lookup(mute, default, self._now())
        found = None
        if fingerprint is not None:
            found = await look_up(fingerprint, clusters, self._jetstream, configuration, self._now())
        names = [cluster.name for cluster in clusters]

        def decide(current: Mute) -> MuteResult | None:
            return settled(current, found, default=default, alertmanagers=names, now=self._now())

        before = mute.result_sequence
        after = await self.memory.update(mute.id, decide, self._now())
        if after is not None and after.result is not None and after.result_sequence != before:
            _say(after)
        return after

    async def keep(self, every_seconds: float, waiting_seconds: float) -> None:
        """Tend until cancelled: at each event, at least this often, more often while mutes wait."""
        while True:
            self.bell.clear()
            pause_seconds = waiting_seconds
            try:
                if not await self.go_round():
                    pause_seconds = every_seconds
            except (*AWAY, ResultContested) as passing:
                log.warning("tending was given up", reason=reason_of(passing))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self.bell.wait()

    async def go_round(self) -> bool:
        """Settle and tend every mute that needs it. Returns True while some wait to be settled."""
        wanted = await self.memory.catch_up()
        configuration = await self._configuration.catch_up()
        some_wait = False
        for mute in list(wanted.mutes.values()):
            if not mute.is_settled:
                some_wait = True
                if mute.result is not None or self._now() - mute.stored_at > HANDLER_FIRST:
                    await self.settle(mute)
            else:
                await self._tend(mute, configuration)
        self._count(wanted)
        return some_wait

    async def _tend(self, mute: Mute, configuration: Configuration) -> None:
        labels: Mapping[str, str] | None = None
        finding = mute.result.finding if mute.result else None
        if finding is not None and mute.is_in_force(self._now()):
            labels = await labels_of_target(
                finding.engine, finding.target, finding.check, self._jetstream, configuration
            )

        def decide(current: Mute) -> MuteResult | None:
            return tended(current, labels, self._now())

        if decide(mute) is None:
            return
        after = await self.memory.update(mute.id, decide, self._now())
        if after is not None and after.result is not None and after.result_sequence != mute.result_sequence:
            _say(after)

    def _count(self, wanted: Wanted) -> None:
        now = self._now()
        telemetry.MUTES.labels("in_force").set(sum(1 for _ in wanted.in_force(now)))
        waiting = sum(1 for mute in wanted.mutes.values() if not mute.is_settled)
        telemetry.MUTES.labels("waiting").set(waiting)


def default_length(configuration: Configuration) -> dt.timedelta:
    """Return how long a mute lasts whose request does not say."""
    muting = configuration.setting(Muting, "muting")
    if muting is None:
        return DEFAULT_MUTE
    try:
        length = parse_duration(muting.default)
    except ScheduleRefused as refused:
        log.warning("the default length of mutes can't be read; 24 h are used", reason=str(refused))
        return DEFAULT_MUTE
    return length if dt.timedelta(0) < length <= LONGEST_MUTE else DEFAULT_MUTE


def _say(mute: Mute) -> None:
    result = mute.result
    if result is None:
        return
    matchers = [f"{one.name}{_sign(one.is_equal, one.is_regex)}{one.value}" for one in result.matchers]
    if result.refused:
        log.info("refused a mute", mute=mute.id, by=result.created_by, reason=result.refused)
    elif result.ended_by:
        log.info("a mute was ended", mute=mute.id, reason=result.ended_by)
    elif not result.matchers:
        log.info("a mute waits", mute=mute.id, by=result.created_by, reason=result.waiting)
    elif mute.ends_at is not None and all(one.state == "expired" for one in result.silences) and result.silences:
        log.info("a mute is over", mute=mute.id, reason=f"its time was until {mute.ends_at.isoformat()}")
    else:
        log.info("fixed the matchers of a mute", mute=mute.id, by=result.created_by, matchers=matchers)


def _sign(is_equal: bool, is_regex: bool) -> str:
    return {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}[is_equal, is_regex]
