"""What tests of processes tell the pipeline and ask of it: results as others store them, mutes, and whether all is as
if nothing had happened: each alert once, each transition told once, nothing left in any queue, no dead letters.
"""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from shared import subjects
from shared.reading import last_messages
from shared.streams import LEASES, bucket_stream
from tests.e2e.processes import Pipeline
from tests.faults.http_faults import Proxy
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer

ENGINE = "postgresql"


def finding(row: str = "1", **more: Any) -> dict[str, Any]:
    return {"summary": "weak", "severity": "warning", "labels": {"row": row}, **more}


def rows(count: int, begin: int = 0) -> list[dict[str, Any]]:
    """Return so many findings."""
    return [finding(f"{number:04}") for number in range(begin, begin + count)]


async def verdict(pipeline: Pipeline, check: str, *findings: dict[str, Any], target: str = "one") -> int:
    """Store a verdict and return its sequence."""
    status = "failed" if findings else "passed"
    body = {"status": status, "engine": ENGINE, "target": target, "check": check, "findings": findings}
    place = subjects.verdict(ENGINE, target, check)
    return (await pipeline.fleet.jetstream.publish(place, json.dumps(body).encode())).seq


async def ask(pipeline: Pipeline, subject: str, **request: Any) -> str:
    """Ask for a mute or an unmute, and return the id that it has in its stream."""
    said = {"created_by": "ada", "requested_by": "ada", "comment": "known", "reason": "done", **request}
    stored = await pipeline.fleet.jetstream.publish(subject, json.dumps(said).encode())
    created = (await pipeline.fleet.jetstream.stream_info("MUTES")).created
    assert created is not None
    return subjects.sequence_id(created, stored.seq)


async def silences_result(pipeline: Pipeline, mute_id: str) -> dict[str, str]:
    """Return what became of a mute, by Alertmanager, as its last result says."""
    found = await pipeline.fleet.all_events(subjects.mute_result(mute_id))
    return {one["alertmanager"]: one["state"] for one in found[-1]["silences"]} if found else {}


async def becomes(pipeline: Pipeline, mute_id: str, state: str, seconds: float = 60.0) -> None:
    """Wait until a mute is in one state in all Alertmanagers."""

    async def look() -> bool:
        states = await silences_result(pipeline, mute_id)
        return bool(states) and set(states.values()) == {state}

    await eventually(look, f"mute {mute_id} {state}", seconds)


async def told(pipeline: Pipeline) -> Counter[tuple[str, str, str, str]]:
    """Return how often each transition was told."""
    events = await pipeline.fleet.all_events("alert.>")
    return Counter((one["transition"], one["target"], one["check"], one["labels"].get("row", "")) for one in events)


async def at_rest(pipeline: Pipeline, *streams: str, seconds: float = 60.0) -> None:
    """Wait until nobody has anything left to do in these streams, and no lease is held."""

    async def look() -> bool:
        for stream in streams:
            for consumer in await pipeline.fleet.jetstream.consumers_info(stream):
                is_shared = consumer.config.durable_name is not None  # the others are readers, of the dead, too
                if is_shared and (consumer.num_pending or consumer.num_ack_pending):
                    return False
        leases = [subjects.bucket_subject(LEASES, ">")]
        held = await last_messages(pipeline.fleet.client, bucket_stream(LEASES), leases)
        return all(one.headers.get("KV-Operation") == "PURGE" for one in held)

    await eventually(look, f"{streams} are at rest", seconds)


async def no_dead_letters(pipeline: Pipeline) -> None:
    assert (await pipeline.fleet.jetstream.stream_info("DEAD_LETTERS")).state.messages == 0


@dataclass(frozen=True)
class Shows:
    """One Alertmanager, as anybody sees it."""

    url: str

    async def ask(self, resource: str) -> list[dict[str, Any]]:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{self.url.rstrip('/')}/api/v2/{resource}")
            response.raise_for_status()
            return list(response.json())

    async def alerts(self) -> list[dict[str, Any]]:
        return await self.ask("alerts")

    async def silences(self) -> list[dict[str, Any]]:
        return await self.ask("silences")

    async def muted(self) -> list[str]:
        """Return which targets the living silences are about."""
        return sorted(
            matcher["value"]
            for silence in await self.silences()
            for matcher in silence["matchers"]
            if matcher["name"] == "service_name" and silence["status"]["state"] != "expired"
        )

    async def rows(self) -> set[str]:
        """Return the rows that the alerts are about."""
        return {one["labels"]["row"] for one in await self.alerts()}


async def shown(where: Pipeline | Shows, count: int, seconds: float = 60.0) -> list[dict[str, Any]]:
    """Wait until so many alerts fire, and return them."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        found[:] = await where.alerts()
        return len(found) == count

    await eventually(look, f"{count} alerts", seconds)
    return found


def forget(server: EmbeddedServer) -> None:
    """Kill an Alertmanager and take its memory away."""
    server.process.kill()
    shutil.rmtree(server.log_path.parent / "state")


def rows_posted(proxy: Proxy) -> list[set[str]]:
    """Return for each post of alerts that came which rows were in it."""
    return [{alert["labels"].get("row", "") for alert in post.content} for post in proxy.asked("POST", "alerts")]
