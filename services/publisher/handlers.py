"""What the publisher does with one message of its durable consumer: each verdict is compared with the one before it on
its subject, and every transition becomes an event. The replicas share the consumer, so one of them handles a verdict,
and another does again when that one dies; the events' ids let JetStream drop the twins.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nats.aio.client import Client
from nats.js import JetStreamContext

from services.publisher import broken, telemetry
from services.publisher.endings import is_in_inventory
from services.publisher.errors import ResultBroken
from services.publisher.received import Received, read_result
from services.publisher.transitions import transitions
from shared.accepted import exceptions_for, stamped
from shared.cloudevents import headers_of
from shared.configuration import Configuration
from shared.events import AlertChanged
from shared.following import Stored
from shared.publishing import publish
from shared.reading import message_before
from shared.stage import FollowedConfiguration
from shared.streams import ALERT_EVENTS, CHECK_RESULTS
from shared.subjects import alert_event


@dataclass(frozen=True, slots=True)
class Events:
    """What turns verdicts into alert.firing and alert.resolved."""

    client: Client
    jetstream: JetStreamContext
    configuration: FollowedConfiguration
    stream_created: Callable[[], dt.datetime | None]
    instance: str

    async def on_verdict(self, stored: Stored, deliveries: int) -> None:  # noqa: ARG002 (the shape of all handlers)
        """Publish the transitions that a verdict stands for."""
        created = self.stream_created()
        assert created is not None, "results are followed before any is handled"
        try:
            received = read_result(stored)
        except ResultBroken as reason:
            await broken.settle(self.jetstream, stored, str(reason), created)
            return
        before = await self._verdict_before(stored, created)
        if not received.result.findings and (before is None or not before.result.findings):
            return
        view = await self.configuration.catch_up()
        labels: Mapping[str, str] = received.result.labels or (before.result.labels if before else None) or {}
        if is_in_inventory(received.subject):
            target = view.target(received.subject.target)
            labels = target.labels if target else {}
        else:  # no checker has looked up who accepts what was found
            received, before = _stamped(received, view), before and _stamped(before, view)
        events = transitions(received, before, target_labels=labels, stream_created=created)
        await asyncio.gather(*(self._publish(event) for event in events))

    async def _verdict_before(self, stored: Stored, created: dt.datetime) -> Received | None:
        while found := await message_before(self.client, self.jetstream, CHECK_RESULTS, stored):
            try:
                return read_result(found)
            except ResultBroken as reason:
                await broken.settle(self.jetstream, found, str(reason), created)
        return None

    async def _publish(self, event: AlertChanged) -> None:
        headers = headers_of(
            f"alert.{event.transition}", source=f"/publisher/{self.instance}", identifier=event.id, at=event.at
        )
        await publish(
            self.jetstream,
            alert_event(event.transition, event.engine, event.target, event.check),
            event.to_bytes(),
            headers=headers,
            message_id=event.id,
            stream=ALERT_EVENTS,
        )
        telemetry.ALERT_EVENTS.labels(event.transition).inc()


def _stamped(received: Received, view: Configuration) -> Received:
    """Return a result whose findings say who accepts them, as of the time it was stored."""
    exceptions = exceptions_for(view, received.subject.check, received.subject.target)
    findings = [stamped(finding, exceptions, received.stored_at) for finding in received.result.findings]
    return received._replace(result=received.result.model_copy(update={"findings": findings}))
