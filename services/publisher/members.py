"""Which Alertmanagers get alerts now? Every member of every one that the configuration names, each with a delivery of
its own, so that one that is away holds up no other. A change of the configuration starts and ends deliveries while all
others go on; alerts in one that is named no more lapse by themselves.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import structlog

from services.publisher import telemetry
from services.publisher.delivery import Delivery
from shared.configuration import Alertmanager, Credential

NONE_KNOWN = (
    "no Alertmanager is known: name one in `alertmanagers` of watchword.yaml and run `watchword apply`, or set "
    "WATCHWORD_ALERTMANAGER_URL"
)

log = structlog.get_logger(__name__)


class Member(NamedTuple):
    """One Alertmanager: alerts are not passed on in a cluster, so each member gets them."""

    url: str
    credential: Credential


class _Running(NamedTuple):
    delivery: Delivery
    task: asyncio.Task[None]


def members_of(alertmanagers: Iterable[Alertmanager]) -> list[Member]:
    """Return every member once; of two with one URL, the first."""
    found: dict[str, Member] = {}
    for group in alertmanagers:
        for url in group.urls:
            found.setdefault(url.rstrip("/"), Member(url, group.credential))
    return list(found.values())


class Members:
    """The deliveries that run."""

    def __init__(self) -> None:
        self._running: dict[Member, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._unusable: list[str] = []

    def be(self, wanted: Sequence[Member], deliver: Callable[[Member], Delivery]) -> None:
        """Run deliveries to these Alertmanagers and to no others; ``deliver`` makes one that does not run yet."""
        self._unusable.clear()
        for member in [member for member in self._running if member not in wanted]:
            delivery, task = self._running.pop(member)
            log.info("sending no more alerts to an Alertmanager", alertmanager=delivery.url, reason="it is not named")
            self._end(task)
        for member in wanted:
            if member not in self._running:
                try:
                    delivery = deliver(member)
                except ValueError:  # the URL itself may hold a password, so it is not shown
                    self._unusable.append("the URL of an Alertmanager can't be read: correct it in `alertmanagers`")
                    log.warning(self._unusable[-1])
                    continue
                log.info("sending alerts to an Alertmanager", alertmanager=delivery.url)
                task = asyncio.create_task(delivery.run(), name=f"deliver to {delivery.url}")
                task.add_done_callback(_tell_failure)
                self._running[member] = _Running(delivery, task)
        telemetry.ALERTMANAGERS.set(len(self._running))

    def urge(self, fingerprints: Sequence[str]) -> None:
        """Let all of them send these alerts as soon as possible."""
        for delivery, _ in self._running.values():
            delivery.urge(fingerprints)

    def problems(self) -> list[str]:
        """Return what keeps alerts from arriving, for people."""
        if not self._running:
            return self._unusable or [NONE_KNOWN]
        found = [delivery.problem for delivery, _ in self._running.values()]
        ended = [f"{task.get_name()} ended: see the log" for _, task in self._running.values() if task.done()]
        return [*filter(None, found), *ended, *self._unusable]

    def problems_by_url(self) -> dict[str, str | None]:
        """Return for each Alertmanager why alerts don't reach it, or None."""
        return {delivery.url: delivery.problem for delivery, _ in self._running.values()}

    async def stop(self) -> None:
        """End all deliveries and wait for them."""
        for _, task in self._running.values():
            self._end(task)
        self._running.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()):
        log.error("a delivery ended", task=task.get_name(), exc_info=failure)
