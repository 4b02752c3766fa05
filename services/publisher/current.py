"""Is what we know current? Asked before every post: it reads the last sequences of CHECK_RESULTS and then of the
configuration, and returns when everything up to them was applied. In this order a verdict is always judged by a
configuration that is not older than it.
"""

import asyncio
from collections.abc import Callable

from nats.errors import Error as NatsError

from services.publisher.errors import BehindTheStreams
from shared.errors import StreamMissing
from shared.following import Follower
from shared.stage import FollowedConfiguration


class Current:
    """The gate that every post passes."""

    def __init__(
        self,
        results: Follower,
        configuration: FollowedConfiguration,
        is_connected: Callable[[], bool],
        patience_seconds: float,
    ) -> None:
        self._results = results
        self._configuration = configuration
        self._is_connected = is_connected
        self._patience_seconds = patience_seconds

    async def catch_up(self) -> None:
        """Apply everything stored before this call. Raises ``BehindTheStreams`` when that can't be done now."""
        if not self._is_connected():
            message = "cut off: no connection to NATS"
            raise BehindTheStreams(message)
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._results.catch_up()
                await self._configuration.catch_up()
        except (StreamMissing, NatsError, TimeoutError) as behind:
            message = f"cut off: {str(behind) or 'NATS does not answer in time'}"
            raise BehindTheStreams(message) from None
