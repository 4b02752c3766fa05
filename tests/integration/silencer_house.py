"""A silencer in this process, on a real NATS server of its own and real Alertmanagers, for tests of its promises."""

import asyncio
import contextlib
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.silencer.app import make_silencer
from services.silencer.reconcile import mute_id_of
from services.silencer.settings import SilencerSettings
from shared import subjects
from shared.alert_labels import alert_labels
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, ShownAlert, Silence, fingerprint
from shared.configuration import Alertmanager, Alertmanagers
from shared.dead_letters import DeadLetter, read
from shared.declaring import declare
from shared.events import CheckResult, Finding
from shared.following import Stored
from shared.mutes import MuteResult
from shared.reading import last_message
from shared.severity import Severity
from shared.stage import Stage, started
from shared.streams import CONFIGURATION, DEAD_LETTERS, MUTES
from shared.subjects import ResultSubject
from shared.targets import Target


async def eventually(look: Callable[[], Any], what: str, timeout_seconds: float = 60.0) -> Any:
    """Look again and again until something is there; awaits what is awaitable."""
    seen = None
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                seen = look()
                if asyncio.iscoroutine(seen):
                    seen = await seen
                if seen:
                    return seen
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_seconds:g} s: {what} (last seen: {seen!r})") from None


@dataclass
class House:
    """What a test does around the silencer."""

    client: Client
    jetstream: JetStreamContext
    url: str

    @contextlib.asynccontextmanager
    async def silencer(self, **settings: Any) -> AsyncIterator[Stage]:
        """Run a silencer while the block runs."""
        chosen = {
            "round_seconds": 0.5,
            "waiting_seconds": 0.2,
            "gossip_seconds": 1.0,
            "overlap_seconds": 1.0,
            **settings,
        }
        application, stage = make_silencer(SilencerSettings(nats_url=self.url, **chosen))
        stage.is_health_served_elsewhere = True
        async with started(application):
            yield stage

    async def configure(self, *alertmanagers: Alertmanager) -> None:
        """Name the Alertmanagers in the configuration."""
        setting = Alertmanagers(alertmanagers=alertmanagers).model_dump_json().encode()
        await self.put(subjects.setting_key("file", "alertmanagers"), setting)

    async def put(self, key: str, value: bytes) -> None:
        await self.jetstream.publish(subjects.bucket_subject(CONFIGURATION, key), value)

    async def target(self, name: str, **labels: str) -> None:
        """Put a target with labels into the inventory."""
        target = Target(name=name, engine="postgresql", labels=labels)
        await self.put(subjects.target_key(name), target.model_dump_json().encode())

    async def verdict(self, target: str, check: str, *findings: dict[str, Any], **more: Any) -> None:
        """Publish a verdict that failed with these findings."""
        engine = more.pop("engine", "postgresql")
        shown = [Finding.model_validate({"summary": "weak", "severity": "critical", **one}) for one in findings]
        result = CheckResult(status="failed", target=target, engine=engine, check=check, findings=shown, **more)
        await self.jetstream.publish(subjects.verdict(engine, target, check), result.to_bytes())

    async def ask(self, **request: Any) -> str:
        """Publish a mute request and return the mute's id."""
        return await self.publish(subjects.MUTE_REQUESTED, {"created_by": "ann", "comment": "known", **request})

    async def unmute(self, **request: Any) -> str:
        return await self.publish(subjects.UNMUTE_REQUESTED, {"requested_by": "bob", "reason": "done", **request})

    async def publish(self, subject: str, body: Any) -> str:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        acknowledged = await self.jetstream.publish(subject, data)
        created = (await self.jetstream.stream_info(MUTES)).created
        assert created is not None
        return subjects.sequence_id(created, acknowledged.seq)

    async def result(self, mute_id: str) -> MuteResult | None:
        stored = await last_message(self.jetstream, MUTES, subjects.mute_result(mute_id))
        return MuteResult.model_validate_json(stored.data) if stored else None

    async def history(self, mute_id: str) -> list[MuteResult]:
        """Return all results of a mute, in their order."""
        last = (await self.jetstream.stream_info(MUTES)).state.last_seq
        raw = [await self.jetstream.get_msg(MUTES, sequence, direct=True) for sequence in range(1, last + 1)]
        subject = subjects.mute_result(mute_id)
        return [MuteResult.model_validate_json(one.data or b"") for one in raw if one.subject == subject]

    async def states(self, mute_id: str) -> dict[str, str]:
        """Return what the mute's result says of each Alertmanager."""
        result = await self.result(mute_id)
        return {one.alertmanager: one.state for one in result.silences} if result else {}

    async def becomes(self, mute_id: str, state: str, count: int = 1) -> MuteResult:
        """Wait until the mute is in a state in so many Alertmanagers."""

        async def look() -> MuteResult | None:
            result = await self.result(mute_id)
            is_there = result and [one.state for one in result.silences] == [state] * count
            return result if is_there else None

        result: MuteResult = await eventually(look, f"mute {mute_id} {state} in {count} Alertmanagers")
        return result

    async def refused(self, mute_id: str) -> str:
        """Wait until a mute is refused, and return the reason."""

        async def look() -> str | None:
            result = await self.result(mute_id)
            return result.refused if result else None

        return str(await eventually(look, f"mute {mute_id} refused"))

    async def dead_letters(self) -> list[DeadLetter]:
        last = (await self.jetstream.stream_info(DEAD_LETTERS)).state.last_seq
        found = []
        for sequence in range(1, last + 1):
            raw = await self.jetstream.get_msg(DEAD_LETTERS, sequence, direct=True)
            at = dt.datetime.now(dt.UTC)
            found.append(read(Stored(raw.subject or "", sequence, raw.data or b"", raw.headers or {}, at)))
        return found

    async def caught_up(self, stage: Stage) -> None:
        """Wait until the silencers have acknowledged everything that was asked."""

        async def look() -> bool:
            information = await self.jetstream.consumer_info(MUTES, "silencers")
            return not information.num_pending and not information.num_ack_pending

        await eventually(look, "all requests handled")


@contextlib.asynccontextmanager
async def house(url: str) -> AsyncIterator[House]:
    """Declare the streams on a NATS server of the test's own."""
    client = await nats.connect(url)
    try:
        await declare(client, client.jetstream())
        yield House(client, client.jetstream(), url)
    finally:
        await client.close()


def own_name(kind: str) -> str:
    """Return a name that no other test uses."""
    return f"{kind}-{uuid.uuid4().hex[:12]}"


def alert_of(
    target: str,
    check: str,
    severity: str = "critical",
    *,
    target_labels: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    engine: str = "postgresql",
) -> dict[str, str]:
    """Return the labels of an alert as the publisher makes them."""
    subject = ResultSubject("verdict", engine, target, check)
    return alert_labels(subject, Severity(severity), target_labels or {}, labels or {}).together


async def fire(client: AlertmanagerClient, *alerts: dict[str, str]) -> list[str]:
    """Post alerts and return their fingerprints."""
    now = dt.datetime.now(dt.UTC)
    await client.post_alerts(
        [PostedAlert(labels=labels, starts_at=now, ends_at=now + dt.timedelta(minutes=10)) for labels in alerts]
    )
    return [fingerprint(labels) for labels in alerts]


async def silences_of(client: AlertmanagerClient, mute_id: str) -> list[Silence]:
    """Return all silences that a mute ever had and that are still known, by age."""
    found = [one for one in await client.get_silences() if mute_id_of(one.comment) == mute_id]
    return sorted(found, key=lambda one: one.starts_at)


async def living_of(client: AlertmanagerClient, mute_id: str) -> list[Silence]:
    return [one for one in await silences_of(client, mute_id) if one.is_living]


async def unsilenced(client: AlertmanagerClient, target: str) -> list[ShownAlert]:
    """Return the alerts of a target as the list of active alerts shows them."""
    return await client.get_alerts([f'service_name="{target}"'], silenced=False)
