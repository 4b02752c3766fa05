"""What became of messages, and what it cost: everything that a stream holds, the dead letters by the place of what they
came from, the memory of a stage and of all that it started.
"""

import datetime as dt
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nats.js import JetStreamContext

from shared import dead_letters
from shared.careful_client import CarefulClient
from shared.dead_letters import DeadLetter
from shared.following import Stored
from shared.streams import DEAD_LETTERS

_PAGE = 200


@asynccontextmanager
async def careful_client(url: str) -> AsyncIterator[CarefulClient]:
    """A connection that bad headers don't end, for looking at what a test has sent."""
    client = CarefulClient()
    await client.connect(url)
    try:
        yield client
    finally:
        await client.close()


async def everything(client: CarefulClient, stream: str) -> list[Stored]:
    """Return all messages of a stream."""
    found: list[Stored] = []
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, pending_bytes_limit=-1)
    begin = 1
    while True:
        asked = {"seq": begin, "batch": _PAGE, "next_by_subj": ">"}
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(asked).encode(), reply=inbox)
        page: list[Stored] = []
        while True:
            message = await subscription.next_msg(timeout=10)
            headers = message.headers or {}
            if "Status" in headers:
                break
            at = dt.datetime.fromisoformat(headers["Nats-Time-Stamp"])
            page.append(Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers, at))
        found += page
        if not page or headers["Status"] == "404":
            await subscription.unsubscribe()
            return found
        begin = page[-1].sequence + 1


async def letters_of(client: CarefulClient, stream: str) -> dict[int, DeadLetter]:
    """Return the dead letters of what was stored in a stream, by its place there. None is there twice."""
    letters = [dead_letters.read(stored) for stored in await everything(client, DEAD_LETTERS)]
    own = [letter for letter in letters if letter.stream == stream]
    by_place = {letter.sequence: letter for letter in own}
    assert len(own) == len(by_place), "something was buried twice"
    return by_place


async def is_settled(jetstream: JetStreamContext, stream: str, consumer: str) -> bool:
    """Say whether a consumer has nothing left: nothing waits, and nothing is held or to be delivered again."""
    information = await jetstream.consumer_info(stream, consumer)
    return not information.num_pending and not information.num_ack_pending


def memory_mib(process: "subprocess.Popen[bytes]") -> float:
    """Return what a process and all that it started hold in memory."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == process.pid:
                pages += int((folder / "statm").read_text().split()[1])
        except (OSError, IndexError):  # it has just ended
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
