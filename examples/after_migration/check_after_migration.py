"""A deployment job: after a migration, run the checks of one database now and wait for their end.

Needs nothing but nats-py. Exit code 0: no check failed; 1: some did; 3: could not look.

    python check_after_migration.py --nats nats://localhost:4222 --target orders-db
"""

import argparse
import asyncio
import json
import sys
import uuid

import nats


async def check(server: str, target: str, timeout_seconds: float) -> int:
    """Force a run on a target and print how it ended."""
    connection = await nats.connect(server, max_reconnect_attempts=2)
    try:
        # Subscribe first, ask second: nothing can be missed between.
        accepted = await connection.subscribe("check.accepted.*")
        finished = await connection.subscribe("check.finished.>")
        mine = str(uuid.uuid4())
        request = {"id": mine, "targets": [target], "requested_by": "deployment", "reason": "after a migration"}
        await connection.jetstream().publish("check.requested", json.dumps(request).encode())
        async with asyncio.timeout(timeout_seconds):
            answer = await next_event(accepted, lambda event: event.get("id") == mine)
            # A target is done at the first check.finished of that `what` whose `covers` is at or above `first`.
            end = await next_event(
                finished,
                lambda event: event["target"] in answer["targets"] and event["covers"] >= answer["first"],
                lambda subject: subject.endswith(f".{answer['what']}"),
            )
    except TimeoutError:
        print(f"{target}: no answer within {timeout_seconds:g} s; is the name right? See: watchword dead list")
        return 3
    finally:
        await connection.close()
    counts = {status: end[status] for status in ("passed", "failed", "skipped", "error")}
    print(f"{target}: {', '.join(f'{count} {status}' for status, count in counts.items())} in {end['duration_ms']} ms")
    return 1 if end["failed"] else 3 if end["error"] else 0


async def next_event(subscription, is_wanted, is_subject=lambda _: True):
    """Return the next event of a subscription that somebody wants."""
    while True:
        message = await subscription.next_msg(timeout=None)
        event = json.loads(message.data)
        if is_subject(message.subject) and is_wanted(event):
            return event


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", default="nats://localhost:4222", help="NATS server")
    parser.add_argument("--target", required=True, help="target of the inventory")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait")
    chosen = parser.parse_args()
    return asyncio.run(check(chosen.nats, chosen.target, chosen.timeout))


if __name__ == "__main__":
    sys.exit(main())
