"""A chat command mutes an alert: `/mute orders-db postgresql_superuser_roles 2h we know, ticket 4711`.

It publishes `mute.requested` and answers with what became of it. Needs nothing but nats-py.

    python mute_from_chat.py --user alice "/mute orders-db postgresql_superuser_roles 2h ticket 4711"
"""

import argparse
import asyncio
import json
import sys
import uuid

import nats


def parse(command: str) -> dict[str, str]:
    """Read `/mute TARGET CHECK FOR COMMENT…`."""
    words = command.split(maxsplit=4)
    if len(words) != 5 or words[0] != "/mute":
        message = "usage: /mute TARGET CHECK FOR COMMENT, for example: /mute orders-db some_check 2h we know"
        raise SystemExit(message)
    return {"target": words[1], "check": words[2], "for": words[3], "comment": words[4]}


async def mute(server: str, user: str, command: str, timeout_seconds: float) -> str:
    """Ask for the mute and return the answer for the chat."""
    mine = str(uuid.uuid4())
    request = {**parse(command), "id": mine, "created_by": user}
    connection = await nats.connect(server, max_reconnect_attempts=2)
    try:
        results = await connection.subscribe("mute.result.*")
        await connection.jetstream().publish("mute.requested", json.dumps(request).encode())
        async with asyncio.timeout(timeout_seconds):
            while True:
                result = json.loads((await results.next_msg(timeout=None)).data)
                # The first result fixes the matchers; a later one has the silences.
                made = [one["silence_id"] for one in result.get("silences", []) if "silence_id" in one]
                if result.get("id") == mine and (result.get("refused") or made):
                    break
    except TimeoutError:
        return "nobody answered; the mute is stored and will be made as soon as a silencer runs"
    finally:
        await connection.close()
    if result.get("refused"):
        return f"refused: {result['refused']}"
    return f"muted until {result['ends_at']} ({', '.join(made)})"


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", default="nats://localhost:4222", help="NATS server")
    parser.add_argument("--user", required=True, help="who asks")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds to wait for the answer")
    parser.add_argument("command", help="/mute TARGET CHECK FOR COMMENT")
    chosen = parser.parse_args()
    answer = asyncio.run(mute(chosen.nats, chosen.user, chosen.command, chosen.timeout))
    print(answer)
    return 1 if answer.startswith("refused") else 0


if __name__ == "__main__":
    sys.exit(main())
