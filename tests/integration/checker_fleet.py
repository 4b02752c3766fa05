"""A checker in this process on a real NATS server of its own, for tests of its promises."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.checker.app import make_checker
from services.checker.settings import CheckerSettings
from services.checker.turns import Turns
from shared import subjects
from shared.checks import Check
from shared.declaring import declare
from shared.events import CheckResult
from shared.reading import last_message
from shared.stage import Stage, started
from shared.streams import CHECK_RESULTS, CONFIGURATION
from shared.targets import Target


async def eventually(look: Callable[[], Any], what: str, timeout_seconds: float = 60.0) -> Any:
    """Look again and again until something is there; awaits what is awaitable."""
    async with asyncio.timeout(timeout_seconds):
        while True:
            seen = look()
            if asyncio.iscoroutine(seen):
                seen = await seen
            if seen:
                return seen
            await asyncio.sleep(0.02)
    raise AssertionError(what)


@dataclass
class Fleet:
    """What a test does to the pipeline's streams."""

    client: Client
    jetstream: JetStreamContext
    url: str
    stages: list[Stage] = field(default_factory=list)

    async def put(self, key: str, value: bytes) -> None:
        await self.jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), value)

    async def remove(self, key: str) -> None:
        headers = {"KV-Operation": "DEL"}
        await self.jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), b"", headers=headers)

    async def target(self, name: str, **fields: Any) -> Target:
        target = Target.model_validate({"name": name, "engine": "postgresql", **fields})
        await self.put(subjects.target_key(name), target.model_dump_json().encode())
        return target

    async def check(self, name: str, script: str, **fields: Any) -> Check:
        shown = {"queries": [{"type": "POSTGRESQL_SELECT", "text": "1 AS one"}], "engine": "postgresql"}
        check = Check.model_validate(
            {"name": name, "summary": "s", "description": "d", "script": script, **shown, **fields}
        )
        await self.put(subjects.check_key(name), check.model_dump_json().encode())
        return check

    async def request(self, **fields: Any) -> int:
        return (await self.jetstream.publish("check.requested", json.dumps(fields).encode())).seq

    async def result(self, target: str, check: str, kind: str = "verdict") -> CheckResult | None:
        subject = (subjects.verdict if kind == "verdict" else subjects.error)("postgresql", target, check)
        stored = await last_message(self.jetstream, CHECK_RESULTS, subject)
        return CheckResult.model_validate_json(stored.data) if stored else None

    async def status(self, target: str, check: str, status: str) -> CheckResult:
        kind = "error" if status == "error" else "verdict"

        async def look() -> CheckResult | None:
            result = await self.result(target, check, kind)
            return result if result and result.status == status else None

        return await eventually(look, f"{status} of {check} on {target}")

    async def count(self, stream: str, subject: str = ">") -> int:
        information = await self.jetstream.stream_info(stream, subjects_filter=subject)
        return sum((information.state.subjects or {}).values())

    async def all_events(self, subject: str) -> list[dict[str, Any]]:
        """Return every message of a stream under a subject, in order."""
        stream = await self.jetstream.find_stream_name_by_subject(subject)
        last = (await self.jetstream.stream_info(stream)).state.last_seq
        found = []
        for sequence in range(1, last + 1):
            with contextlib.suppress(nats.js.errors.NotFoundError):
                message = await self.jetstream.get_msg(stream, sequence, direct=True)
                if nats_matches(subject, message.subject or ""):
                    found.append({"subject": message.subject, **json.loads(message.data or b"{}")})
        return found

    @contextlib.asynccontextmanager
    async def checker(self, turns: Turns | None = None, **settings: Any) -> AsyncIterator[Stage]:
        chosen = CheckerSettings(nats_url=self.url, script_workers=1, **settings)
        application, stage = make_checker(chosen, turns=turns)
        stage.is_health_served_elsewhere = True
        async with started(application):
            yield stage


def nats_matches(pattern: str, subject: str) -> bool:
    """Say whether a subject matches a pattern of NATS."""
    wanted, parts = pattern.split("."), subject.split(".")
    for at, word in enumerate(wanted):
        if word == ">":
            return True
        if at >= len(parts) or word not in {"*", parts[at]}:
            return False
    return len(wanted) == len(parts)


@contextlib.asynccontextmanager
async def fleet_on(url: str) -> AsyncIterator[Fleet]:
    """Connect to a NATS server and declare the streams."""
    client = await nats.connect(url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
    try:
        jetstream = client.jetstream()
        await declare(client, jetstream)
        yield Fleet(client, jetstream, url)
    finally:
        await client.close()
