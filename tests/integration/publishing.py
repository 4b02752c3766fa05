"""Publishers on a real NATS server of the test's own and on real Alertmanagers, and what a test does there."""

import asyncio
import contextlib
import datetime as dt
import itertools
import os
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from pydantic import BaseModel, ValidationError

from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, ShownAlert
from shared.configuration import Alertmanager, Alertmanagers, Disabled, Installation
from shared.declaring import declare
from shared.events import AlertChanged, CheckResult, Finding
from shared.reading import last_message
from shared.severity import Severity
from shared.stage import Stage, started
from shared.streams import ALERT_EVENTS, CHECK_RESULTS, CONFIGURATION, DEAD_LETTERS
from shared.targets import Target
from watchword.embedded import EmbeddedServer

_numbers = itertools.count(1)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def unique(name: str) -> str:
    """A name that no other test gives to anything in a shared Alertmanager."""
    return f"{name}-{os.getpid()}-{next(_numbers)}"


async def until(look: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Look again and again until it is so, and return what was seen."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                seen = look()
                if isinstance(seen, Awaitable):
                    seen = await seen
                if seen:
                    return seen
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


def finding(summary: str = "a weakness", severity: str = "warning", **more: Any) -> Finding:
    return Finding(summary=summary, severity=Severity(severity), **more)


@dataclass
class Desk:
    """A NATS server with the streams, and the Alertmanagers that the configuration names."""

    client: Client
    jetstream: JetStreamContext
    nats_url: str
    alertmanagers: list[AlertmanagerClient]
    target_name: str
    installation: str
    events: list[AlertChanged] = field(default_factory=list)

    # What the other stages write.

    async def write(self, key: str, model: BaseModel | None) -> None:
        subject = subjects.bucket_subject(CONFIGURATION, key)
        if model is None:
            await self.jetstream.publish(subject, b"", headers={"KV-Operation": "DEL"})
        else:
            await self.jetstream.publish(subject, model.model_dump_json(exclude_none=True).encode())

    async def target(self, name: str | None = None, engine: str = "postgresql", **labels: str) -> None:
        target = Target.model_validate({"name": name or self.target_name, "engine": engine, "labels": labels})
        await self.write(subjects.target_key(target.name), target)

    async def remove_target(self) -> None:
        await self.write(subjects.target_key(self.target_name), None)

    async def disable(self, check: str = "superusers", *, disabled: bool = True) -> None:
        setting = Disabled(disabled=disabled, author="ada", reason="accepted")
        await self.write(subjects.setting_key("person", "disabled", check), setting)

    async def name_alertmanagers(self, *urls: str) -> None:
        named = (Alertmanager(name="here", urls=urls),) if urls else ()
        await self.write(subjects.setting_key("file", "alertmanagers"), Alertmanagers(alertmanagers=named))

    async def verdict(
        self,
        *findings: Finding,
        status: str | None = None,
        engine: str = "postgresql",
        target: str | None = None,
        check: str = "superusers",
        **more: Any,
    ) -> int:
        """Store a verdict and return its sequence."""
        result = CheckResult.model_validate(
            {
                "status": status or ("failed" if findings else "passed"),
                "engine": engine,
                "target": target or self.target_name,
                "check": check,
                "findings": list(findings),
                **more,
            }
        )
        subject = subjects.verdict if result.is_verdict else subjects.error
        place = subject(result.engine, result.target, result.check)
        return (await self.jetstream.publish(place, result.to_bytes())).seq

    async def error(self, **more: Any) -> int:
        return await self.verdict(status="error", reason="could not look", **more)

    async def raw(self, data: bytes, check: str = "superusers") -> int:
        """Store anything at all where a verdict should be."""
        return (await self.jetstream.publish(subjects.verdict("postgresql", self.target_name, check), data)).seq

    async def last_verdict(
        self, engine: str = "postgresql", target: str | None = None, check: str = "superusers"
    ) -> CheckResult | None:
        subject = subjects.verdict(engine, target or self.target_name, check)
        stored = await last_message(self.jetstream, CHECK_RESULTS, subject)
        with contextlib.suppress(ValidationError):  # a broken result
            return CheckResult.model_validate_json(stored.data) if stored else None
        return None

    async def re_declared(self) -> None:
        """Make what is missing, as ``watchword init`` does."""
        await declare(self.client, self.jetstream)

    async def dead_letters(self) -> int:
        return (await self.jetstream.stream_info(DEAD_LETTERS)).state.messages

    # What stands in an Alertmanager.

    async def alerts(self, which: int = 0) -> list[ShownAlert]:
        """All alerts of this desk that fire in one Alertmanager."""
        shown = await self.alertmanagers[which].get_alerts()
        return [alert for alert in shown if alert.generator_url.startswith(self.installation)]

    async def alert(self, which: int = 0, seconds: float = 20.0, **labels: str) -> ShownAlert:
        """The one alert with these labels, as soon as it stands there."""

        async def look() -> list[ShownAlert]:
            return [alert for alert in await self.alerts(which) if labels.items() <= alert.labels.items()]

        (found,) = await until(look, f"an alert with {labels}", seconds)
        return found  # type: ignore[no-any-return]  # whatever ``until`` looked for

    async def alert_with_summary(self, summary: str) -> ShownAlert | None:
        return next((alert for alert in await self.alerts() if alert.annotations["summary"] == summary), None)

    async def withdrawn(self) -> CheckResult | None:
        """The last verdict about the target, once it is withdrawn."""
        verdict = await self.last_verdict()
        return verdict if verdict is not None and verdict.status == "withdrawn" else None

    async def no_alerts(self, which: int = 0, seconds: float = 20.0) -> None:
        async def look() -> bool:
            return not await self.alerts(which)

        await until(look, "no alert any more", seconds)

    async def re_sent(self, which: int = 0, times: int = 2) -> None:
        """Wait until every alert was received anew so many times."""
        for _ in range(times):
            before = {alert.fingerprint: alert.updated_at for alert in await self.alerts(which)}

            async def look(before: dict[str, Any] = before) -> bool:
                after = {alert.fingerprint: alert.updated_at for alert in await self.alerts(which)}
                return all(after.get(fingerprint) != at for fingerprint, at in before.items())

            await until(look, "alerts are sent again")

    async def post_to(self, url: str, body: bytes) -> None:
        """Post a body to an Alertmanager as it once was written."""
        async with httpx.AsyncClient(trust_env=False) as client:
            address, headers = f"{url.rstrip('/')}/api/v2/alerts", {"content-type": "application/json"}
            (await client.post(address, content=body, headers=headers)).raise_for_status()

    async def post_as_ours(self, ends_in_seconds: float = 300.0, **labels: str) -> PostedAlert:
        """Post an alert of this installation, as a publisher would have that is gone now."""
        identity = {
            "alertname": "superusers",
            "check": "superusers",
            "service_name": self.target_name,
            "service_type": "postgresql",
            "severity": "warning",
        }
        alert = PostedAlert(
            labels={**identity, **labels},
            annotations={"summary": "left behind", "description": ""},
            starts_at=now() - dt.timedelta(hours=1),
            ends_at=now() + dt.timedelta(seconds=ends_in_seconds),
            generator_url=f"{self.installation}/check/postgresql/{self.target_name}/superusers",
        )
        for alertmanager in self.alertmanagers:
            await alertmanager.post_alerts([alert])
        return alert

    # What other programs hear.

    def heard(self) -> Counter[tuple[str, str]]:
        """How often each transition was stored."""
        return Counter((event.transition, event.labels.get("role", "")) for event in self.events)

    async def stored_events(self) -> int:
        return (await self.jetstream.stream_info(ALERT_EVENTS)).state.messages

    # Publishers.

    @contextlib.asynccontextmanager
    async def publisher(self, *, is_ready: bool = True, **settings: Any) -> AsyncIterator[Stage]:
        """A publisher in this process, until it is ready."""
        quick = {"resend_seconds": 0.5, "look_seconds": 0.2, "compare_seconds": 300.0} | settings
        application, stage = make_publisher(PublisherSettings(nats_url=self.nats_url, **quick))
        stage.is_health_served_elsewhere = True
        async with started(application):
            if is_ready:
                await until(lambda: not stage.problems(), "the publisher is ready")
            yield stage

    @contextlib.asynccontextmanager
    async def publisher_process(self, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
        """A publisher as it is run in production, in a process that can be killed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "faststream", "run", "services.publisher.app:app"),
            env={
                **os.environ,
                "WATCHWORD_NATS_URL": self.nats_url,
                "WATCHWORD_HTTP_PORT": str(port),
                "WATCHWORD_LOG_FORMAT": "json",
                "WATCHWORD_RESEND_SECONDS": "0.5",
            },
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def answers(url: str) -> bool:
    """Say whether something answers well at a URL."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


@contextlib.asynccontextmanager
async def desk(server: EmbeddedServer, *alertmanagers: EmbeddedServer) -> AsyncIterator[Desk]:
    """Connect to a server, make the streams, name the Alertmanagers, and listen to the alert events."""
    async with contextlib.AsyncExitStack() as stack:
        client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        stack.push_async_callback(client.close)
        jetstream = client.jetstream()
        await declare(client, jetstream)
        clients = [await stack.enter_async_context(AlertmanagerClient(place.url)) for place in alertmanagers]
        name = unique("db")
        here = Desk(client, jetstream, server.url, clients, name, f"https://watchword.example/{name}")
        await here.write(subjects.setting_key("file", "installation"), Installation(url=here.installation))
        await here.name_alertmanagers(*(place.url for place in alertmanagers))

        async def hear(message: Msg) -> None:
            here.events.append(AlertChanged.model_validate_json(message.data))

        await jetstream.subscribe("alert.>", stream=ALERT_EVENTS, cb=hear, ordered_consumer=True)
        yield here
