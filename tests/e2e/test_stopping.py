"""Each stage is told to stop in the middle of its work: it ends soon, and what it held is another's at once."""

import asyncio
import contextlib
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from typing import Any

from examples.servers.database import DatabaseServer
from shared import subjects
from shared.reading import last_messages
from shared.streams import LEASES, bucket_stream, lane_consumer
from tests.e2e.processes import Pipeline
from tests.integration.checker_fleet import eventually

SEES = "def check_context(docs, context):\n  return []\n"
LONG_AFTER_SECONDS = 300.0
"""Nothing of these tests waits so long, so what comes again was handed back."""


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Tell a stage to stop, and wait for its end; a loaded machine may take longer than the ten seconds promised."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    print(f"ended after {time.monotonic() - began:.1f} s")


async def no_lease_is_held(pipeline: Pipeline) -> bool:
    stored = await last_messages(pipeline.fleet.client, bucket_stream(LEASES), [subjects.bucket_subject(LEASES, ">")])
    return all(message.headers.get("KV-Operation") == "PURGE" for message in stored)


@contextlib.asynccontextmanager
async def swallowing(port: int, word: bytes) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server in front of a database that never passes on what contains a word, nor anything after it, until it is
    told to: whoever asks so waits for his statement's time limit.
    """
    is_over = asyncio.Event()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_question: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if is_question and word in data and not is_over.is_set():
                    await is_over.wait()
                writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, far_writer, is_question=True), copy(far_reader, writer, is_question=False))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], is_over
        is_over.set()


async def comes_again_only_when_handed_back(pipeline: Pipeline) -> None:
    """Let the lanes wait for minutes before they give a message to another by themselves."""
    for lane in subjects.LANES:
        wanted = lane_consumer(lane, "default")

        async def is_made(name: str = wanted.name) -> Any:
            return name in [one.name for one in await pipeline.fleet.jetstream.consumers_info("CHECK_RUNS")]

        await eventually(is_made, f"the consumer {wanted.name}", 30)
        configuration = wanted.config()
        configuration.ack_wait = LONG_AFTER_SECONDS
        await pipeline.fleet.jetstream.add_consumer(wanted.stream, configuration)


async def test_a_checker_in_a_long_query_hands_its_run_and_its_target_to_another(
    pipeline: Pipeline, postgresql: DatabaseServer
) -> None:
    async with swallowing(postgresql.port, b"never_answered") as (port, is_over):
        await pipeline.fleet.target("one", host="127.0.0.1", port=port, user=postgresql.user, database="postgres")
        query = {"type": "POSTGRESQL_SELECT", "text": "1 AS never_answered"}
        await pipeline.fleet.check("slow", SEES, queries=[query])
        checkers = {f"checker-{number}": pipeline.start("checker") for number in (1, 2)}
        await comes_again_only_when_handed_back(pipeline)
        await pipeline.fleet.request()
        (start,) = await eventually(lambda: pipeline.fleet.all_events("check.started.>"), "the run to begin", 30)
        await asyncio.to_thread(stop, checkers.pop(start["checker"]))
        is_over.set()

        async def began_again() -> Any:
            starts = await pipeline.fleet.all_events("check.started.>")
            return starts if len(starts) > 1 else None

        _, again = await eventually(began_again, "another checker to begin", 30)
        assert again["checker"] in checkers
        await pipeline.fleet.status("one", "slow", "passed")


async def test_a_publisher_whose_alertmanager_hangs_ends_soon(pipeline: Pipeline) -> None:
    await pipeline.fleet.target("one")
    process = pipeline.start("publisher", WATCHWORD_RESEND_SECONDS="0.5")
    body = {"status": "failed", "engine": "postgresql", "target": "one", "check": "c"}
    finding = {"summary": "weak", "severity": "warning"}
    verdict = json.dumps({**body, "findings": [finding]}).encode()
    await pipeline.fleet.jetstream.publish(subjects.verdict("postgresql", "one", "c"), verdict)
    await pipeline.alert("c", "one")
    with pipeline.paused_alertmanager():
        await eventually(lambda: "alerts wait" in pipeline.logs(), "a post to fail", 60)
        await asyncio.to_thread(stop, process)


async def test_a_silencer_whose_alertmanager_hangs_leaves_no_lease_behind(pipeline: Pipeline) -> None:
    process = pipeline.start("silencer")
    with pipeline.paused_alertmanager():
        request = {"target": "one", "check": "c", "severity": "warning", "created_by": "ada", "comment": "stopping"}
        await pipeline.fleet.jetstream.publish(subjects.MUTE_REQUESTED, json.dumps(request).encode())

        async def is_at_work() -> bool:
            return not await no_lease_is_held(pipeline)

        await eventually(is_at_work, "a round to begin", 30)
        await asyncio.to_thread(stop, process)
        assert await no_lease_is_held(pipeline)
