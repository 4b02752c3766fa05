"""What every stage's ``app.py`` wires the same way: a FastStream application around one NATS connection, the consumers
made before anything is fetched, the configuration followed, health served, and a clean stop that finishes or hands back
what was begun. A stage adds its subscribers and the tasks of its own; this module knows none of them.
"""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from faststream import FastStream
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared import connecting, publishing, telemetry
from shared.addressed import refusal
from shared.broker import make_broker
from shared.configuration import Change, Configuration
from shared.declaring import refuse_old_server
from shared.ending import end
from shared.errors import NatsUnavailable, StreamMissing
from shared.following import Follower, Stored
from shared.health import serving
from shared.settings import ProcessSettings
from shared.streams import CONFIGURATION, bucket_stream
from shared.subscribing import Subscriptions

log = structlog.get_logger(__name__)

_REMOVED = ("DEL", "PURGE")


class FollowedConfiguration:
    """The configuration's view, kept current by a follower of its bucket."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        changed: Callable[[Change], None] | None = None,
        *,
        addressed_only: bool = False,
    ) -> None:
        self.view = Configuration()
        self._changed = changed
        self._addressed_only = addressed_only
        self._follower = Follower(jetstream, bucket_stream(CONFIGURATION), self._apply, last_per_subject=True)

    async def start(self) -> None:
        """Read the whole bucket, then follow it. Raises ``StreamMissing``."""
        await self._follower.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    async def catch_up(self) -> Configuration:
        """Apply everything that was written before this call, and return the view."""
        await self._follower.catch_up()
        return self.view

    @property
    def problem(self) -> str | None:
        """Return why the view may be behind, or None."""
        return self._follower.problem

    @property
    def created(self) -> dt.datetime | None:
        """Return when the bucket was made, None before it was read: revisions of another bucket mean something else."""
        return self._follower.created

    @property
    def applied(self) -> int:
        """Return the bucket's sequence up to which the view is current. Unlike the view's newest revision it falls when
        the bucket is put back from a backup.
        """
        return self._follower.applied

    def _apply(self, stored: Stored) -> None:
        key = stored.subject.removeprefix(f"$KV.{CONFIGURATION}.")
        reason = refusal(bucket_stream(CONFIGURATION), stored.headers, addressed_only=self._addressed_only)
        if reason is not None:
            log.error("an entry of the configuration is not acted on", key=key, reason=reason)
            return
        data = None if stored.headers.get("KV-Operation") in _REMOVED else stored.data
        change = self.view.apply(key, data, stored.sequence, stored.stored_at)
        if change.kind == "unreadable":
            log.warning("an entry of the configuration can't be read", key=key, reason=self.view.unreadable[key])
        if self._changed:
            self._changed(change)


@dataclass(slots=True)
class Stage:
    """One stage while it runs. ``client`` and ``jetstream`` exist from the start of the lifespan on."""

    name: str
    settings: ProcessSettings
    broker: NatsBroker
    subscriptions: Subscriptions
    is_health_served_elsewhere: bool = False
    """True in ``watchword up``, which answers for all stages on one port."""
    more_problems: list[Callable[[], Sequence[str]]] = field(default_factory=list)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What is to be ended while the connection still stands, so that it can hand back what it holds."""
    configuration: FollowedConfiguration | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def client(self) -> Client:
        """Return the connection."""
        return self.broker.connection

    @property
    def jetstream(self) -> JetStreamContext:
        """Return JetStream on that connection."""
        return self.broker.connection.jetstream()

    def problems(self) -> list[str]:
        """Return what keeps the stage from being ready; empty when it really consumes."""
        try:
            is_connected = self.client.is_connected
        except Exception:  # noqa: BLE001 (FastStream raises its own kind before the first connection)
            is_connected = False
        if not is_connected:
            return ["not connected to NATS"]
        found = self.subscriptions.problems() if self.subscriptions.has_slots else []
        if self.configuration is not None and self.configuration.problem:
            found.append(self.configuration.problem)
        found += publishing.problems(self.client)
        for ask in self.more_problems:
            found += ask()
        found += [f"{task.get_name()} ended" for task in self._tasks if task.done()]
        return found

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Run a task for as long as the stage; one that ends makes the stage unready, and the reason is logged."""

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("a task ended", stage=self.name, task=name)
                raise

        self._tasks.append(asyncio.create_task(run(), name=name))

    async def end_tasks(self) -> None:
        """Cancel the stage's tasks and wait for them."""
        await end(*self._tasks)


def make_stage(name: str, settings: ProcessSettings) -> Stage:
    """Return a stage that is not connected yet; nothing happens before its application runs."""
    broker = make_broker(settings, f"watchword-{name}")
    subscriptions = Subscriptions(
        broker, name, inbox_prefix=settings.nats_inbox_prefix, addressed_only=settings.nats_addressed_only
    )
    return Stage(name, settings, broker, subscriptions)


def make_application(
    stage: Stage,
    running: Callable[[Stage], contextlib.AbstractAsyncContextManager[None]],
    changed: Callable[[Change], None] | None = None,
) -> FastStream:
    """Return the application of a stage. ``running`` is the stage's own part: entered when the connection stands and
    the configuration is known, before anything is fetched; left after everything begun has ended.
    """

    stack = contextlib.AsyncExitStack()

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with stack:
            if not stage.is_health_served_elsewhere:
                telemetry.configure_logging(stage.settings.log_format, stage.settings.log_level)
                if stage.settings.http_port is not None:
                    health = serving({stage.name: stage.problems}, stage.settings.http_host, stage.settings.http_port)
                    port = await stack.enter_async_context(health)
                    log.info("health is served", stage=stage.name, port=port)
            yield

    application = FastStream(stage.broker, lifespan=lifespan, logger=None)

    @application.on_startup
    async def prepare() -> None:
        # Not in the lifespan: FastStream heeds a signal only from here on, and this may wait for NATS for long.
        await _connect(stage)
        refuse_old_server(stage.client)
        stage.configuration = FollowedConfiguration(
            stage.jetstream, changed, addressed_only=stage.settings.nats_addressed_only
        )
        stack.push_async_callback(stage.configuration.stop)
        await _once_declared(stage, stage.configuration.start)
        await _once_declared(stage, stage.subscriptions.prepare)
        await stack.enter_async_context(running(stage))
        stack.push_async_callback(stage.end_tasks)

    @application.after_startup
    async def begin_to_consume() -> None:
        stage.subscriptions.open()
        log.info("ready", stage=stage.name)

    @application.on_shutdown
    async def stop_consuming() -> None:
        # Before the broker closes the connection, so that what is under way can still say how it ended.
        await stage.subscriptions.drain()
        await stage.end_tasks()
        for close in stage.closing:
            await close()

    return application


@contextlib.asynccontextmanager
async def started(application: FastStream) -> AsyncIterator[None]:
    """Run an application while the block lasts, in a process that has other things to do and its own signals."""
    async with application.lifespan_context():
        try:
            await application.start()
            yield
        finally:
            await application.stop()


async def _connect(stage: Stage) -> None:
    shown = ", ".join(connecting.without_password(address) for address in connecting.servers(stage.settings))
    try:
        await stage.broker.connect()
    except (connecting.NotEncrypted, ssl.SSLError) as unsafe:
        raise NatsUnavailable(f"{stage.name}: {connecting.unavailable(shown, unsafe)}") from None
    except (NatsError, OSError, TimeoutError) as unreachable:
        message = f"{stage.name} can't connect to NATS at {shown}: {unreachable}. Set WATCHWORD_NATS_URL."
        raise NatsUnavailable(message) from None


async def _once_declared(stage: Stage, begin: Callable[[], Awaitable[None]]) -> None:
    """Wait for the streams: a stage may well start before ``watchword init`` has run."""
    while True:
        try:
            return await begin()
        except StreamMissing as missing:
            log.warning("waiting for the streams", stage=stage.name, reason=str(missing))
            await asyncio.sleep(1.0)
