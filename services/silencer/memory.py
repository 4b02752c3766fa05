"""The silencer's memory is the stream MUTES: this follows it, keeps the fold of it, and writes results. A result is
written on condition that the one that it was made from is still the last; when it is not, it is made again from what
is there by now. So however many silencers write, the results of a mute are one line of history.
"""

import asyncio
import datetime as dt
import random
import secrets
from collections.abc import Callable

import structlog
from nats.js import JetStreamContext

from services.silencer.errors import ResultContested
from services.silencer.wanted import Mute, Wanted
from shared import subjects
from shared.addressed import refusal
from shared.cloudevents import headers_of
from shared.errors import PublishRefused
from shared.following import Follower, Stored
from shared.mutes import MuteResult
from shared.publishing import publish
from shared.streams import MUTES

log = structlog.get_logger(__name__)

_TRIES = 20
_LONG_AGO = dt.datetime.fromtimestamp(0, dt.UTC)


class Memory:
    """The fold of MUTES, as far as it was read. ``changed`` is called after each message and must not await."""

    def __init__(
        self, jetstream: JetStreamContext, name: str, changed: Callable[[], None], *, addressed_only: bool = False
    ) -> None:
        self._jetstream = jetstream
        self._name = name
        self._changed = changed
        self._addressed_only = addressed_only
        self._follower = Follower(jetstream, MUTES, self._apply, last_per_subject=False, restarted=self._begin_anew)
        self._wanted: Wanted | None = None

    async def start(self) -> None:
        """Read everything, then follow. Raises ``StreamMissing``."""
        await self._follower.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    async def catch_up(self) -> Wanted:
        """Apply everything that was stored before this call, and return the fold."""
        await self._follower.catch_up()
        return self._current()

    @property
    def problem(self) -> str | None:
        """Return why the fold may be behind, or None."""
        return self._follower.problem

    async def update(self, mute_id: str, change: Callable[[Mute], MuteResult | None], now: dt.datetime) -> Mute | None:
        """Write what ``change`` makes of a mute, unless that is None, and return the mute as it is then, or None when
        there is none with this id. When somebody else writes meanwhile, ``change`` is asked again.

        Raises ``ResultContested`` after many tries.
        """
        for attempt in range(_TRIES):
            mute = (await self.catch_up()).mutes.get(mute_id)
            result = change(mute) if mute else None
            if mute is None or result is None:
                return mute
            try:
                await self._write(mute, result, now)
            except PublishRefused:
                # Two that write at the same moment would do so again; no secret hangs on who waits how long.
                await asyncio.sleep(random.uniform(0, 0.005 * (attempt + 1)))  # noqa: S311
            else:
                return (await self.catch_up()).mutes.get(mute_id)
        message = f"the result of mute {mute_id} was written by others {_TRIES} times in a row"
        raise ResultContested(message)

    async def _write(self, mute: Mute, result: MuteResult, now: dt.datetime) -> None:
        # Twice the same words may be right, an hour apart or a second: the id is for telling a lost answer alone.
        identifier = f"{mute.id}/{mute.result_sequence}/{secrets.token_hex(8)}"
        await publish(
            self._jetstream,
            subjects.mute_result(mute.id),
            result.to_bytes(),
            headers=headers_of("mute.result", source=f"/silencer/{self._name}", identifier=identifier, at=now),
            message_id=f"mute.result/{identifier}",
            expected_last=mute.result_sequence,
            stream=MUTES,
        )

    def _apply(self, stored: Stored) -> None:
        reason = refusal(MUTES, stored.headers, addressed_only=self._addressed_only)
        if reason is not None:
            log.error("a message is not acted on", subject=stored.subject, sequence=stored.sequence, reason=reason)
            return
        self._current().apply(stored)
        self._changed()

    def _begin_anew(self) -> None:
        self._wanted = None

    def _current(self) -> Wanted:
        if self._wanted is None:
            self._wanted = Wanted(self._follower.created or _LONG_AGO)
        return self._wanted
