"""Follow what begins and ends to fire: one line for each transition, from where this follower last was.

A durable consumer remembers its place, so nothing is missed while the follower is away; each event comes at least once
and carries an `id`. Needs nothing but nats-py.

    python follow_alerts.py --nats nats://localhost:4222 --name pager [--count 2]
"""

import argparse
import asyncio
import json
import sys

import nats
from nats.errors import TimeoutError as NothingYet
from nats.js.api import ConsumerConfig


async def follow(server: str, name: str, count: int | None) -> None:
    """Print transitions until so many were seen; for ever when no count is given."""
    connection = await nats.connect(server)
    try:
        subscription = await connection.jetstream().pull_subscribe(
            "alert.>", durable=name, stream="ALERT_EVENTS", config=ConsumerConfig(ack_wait=30)
        )
        seen = 0
        while count is None or seen < count:
            try:
                (message,) = await subscription.fetch(1, timeout=5)
            except NothingYet:
                continue
            event = json.loads(message.data)
            print(
                f"{event['transition']:8} {event['severity']:9} {event['target']} {event['check']}: {event['summary']}",
                flush=True,
            )
            await message.ack()
            seen += 1
    finally:
        await connection.close()


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", default="nats://localhost:4222", help="NATS server")
    parser.add_argument("--name", default="follower", help="name that its place is kept under")
    parser.add_argument("--count", type=int, help="end after so many transitions")
    chosen = parser.parse_args()
    asyncio.run(follow(chosen.nats, chosen.name, chosen.count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
