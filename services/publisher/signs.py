"""When was there last a sign of a checker in a pool? NATS knows: who has a free slot waits at a lane's consumer at this
moment, and whoever took a message took it at a time that the consumer remembers. A lane whose consumer was never made
was never served.
"""

import datetime as dt

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.streams import lane_consumer
from shared.subjects import LANES


async def sign_of(jetstream: JetStreamContext, pool: str, now: dt.datetime) -> dt.datetime | None:
    """Return when there was last a sign of a checker in a pool, None when there never was. Raises what NATS raises."""
    newest: dt.datetime | None = None
    for lane in LANES:
        consumer = lane_consumer(lane, pool)
        try:
            information = await jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            continue
        if information.num_waiting:
            return now
        taken_at = information.delivered.last_active if information.delivered else None
        if taken_at is not None and (newest is None or taken_at > newest):
            newest = min(taken_at, now)
    return newest
