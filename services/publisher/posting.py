"""How does a batch of alerts get into one Alertmanager? Only when what we know is current; with a body made at that
moment, for an older one could resolve what fires; and when it is refused, the alert that spoils it is looked for by
halving, so that the others get in. Whatever fails, no alert of the batch is forgotten.
"""

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from services.publisher import telemetry
from services.publisher.alerts import Alert
from services.publisher.current import Current
from services.publisher.ledger import Ledger
from services.publisher.outbox import Outbox
from services.publisher.pace import Clock
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert
from shared.alertmanager_errors import AlertmanagerError, BatchRefused, PartlyRefused

MOST_ALERTS = 256
LARGEST_BODY_BYTES = 512 * 1024
"""About; a proxy in front of Alertmanager often takes no more than 1 MiB."""
ANSWER_SECONDS = 30.0
"""An answer is waited for so long, and no longer than half a lease. The same alerts are not posted meanwhile: what
waits in a slow Alertmanager, or before it, may be done late, and would then undo what a newer post said. A body that
could not even be sent is given up much sooner (``shared/alertmanager.py``) and made anew.
"""
BACK_IN_TIME = dt.timedelta(minutes=1)
"""A resolved alert ends in the past: an end just ahead of Alertmanager's clock would resolve nothing."""

log = structlog.get_logger(__name__)


class _Post(NamedTuple):
    fingerprint: str
    version: int
    alert: PostedAlert


class Poster:
    """Posts to one Alertmanager. What it is given must not be under way in another post (the outbox sees to that), so
    that nothing old overtakes something new.
    """

    def __init__(
        self,
        client: AlertmanagerClient,
        outbox: Outbox,
        ledger: Ledger,
        current: Current,
        clock: Clock,
        lease_seconds: float,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._ledger = ledger
        self._current = current
        self._clock = clock
        self._lease = dt.timedelta(seconds=lease_seconds)

    async def post(self, fingerprints: Sequence[str]) -> None:
        """Post the newest state of these alerts. Raises ``BehindTheStreams`` or ``AlertmanagerError`` after handing
        back what did not get in.
        """
        try:
            await self._current.catch_up()
            posts = self._written(fingerprints)
            fingerprints = [post.fingerprint for post in posts]
            if not posts:
                return
            began = self._clock.elapsed()
            await self._client.post_alerts([post.alert for post in posts])
        except (BatchRefused, PartlyRefused) as refused:
            await self._isolate(posts, refused.reason)
            return
        except AlertmanagerError as failed:
            telemetry.ERRORS.labels(self._client.url).inc(len(fingerprints))
            self._outbox.failed(fingerprints, self._clock.elapsed(), may_have_happened=failed.may_have_happened)
            raise
        except BaseException:  # cut off or cancelled
            self._outbox.hand_back(fingerprints)
            raise
        self._outbox.sent(fingerprints, self._clock.elapsed())
        telemetry.SENT.labels(self._client.url).inc(len(posts))
        telemetry.LATENCY_SECONDS.labels(self._client.url).observe(self._clock.elapsed() - began)
        telemetry.LAST_SUCCESS.labels(self._client.url).set(self._clock.now().timestamp())

    async def _isolate(self, posts: Sequence[_Post], reason: str) -> None:
        """Find the alert that is refused. Sending the others once more changes nothing."""
        telemetry.ERRORS.labels(self._client.url).inc(len(posts))
        if len(posts) == 1:
            fingerprint, version, alert = posts[0]
            self._outbox.refuse(fingerprint, version, self._clock.elapsed())
            telemetry.DROPPED.labels(self._client.url).inc()
            log.error(
                "alert refused; trying it again much later",
                alertmanager=self._client.url,
                reason=reason,
                fingerprint=fingerprint,
                labels=dict(alert.labels),
            )
            return
        fingerprints = [post.fingerprint for post in posts]
        half = len(posts) // 2
        try:
            await self.post(fingerprints[:half])
        except BaseException:
            self._outbox.hand_back(fingerprints[half:])
            raise
        await self.post(fingerprints[half:])

    def _written(self, fingerprints: Sequence[str]) -> list[_Post]:
        """Write the alerts as they are now; what would make the body too large goes back."""
        now = self._clock.now()
        posts: list[_Post] = []
        size = 0
        for position, fingerprint in enumerate(fingerprints):
            state = self._ledger.states.get(fingerprint)
            if state is None:
                self._outbox.forget(fingerprint)
                continue
            size += _size(state.alert)
            if posts and size > LARGEST_BODY_BYTES:
                self._outbox.hand_back(fingerprints[position:])
                break
            starts_at = state.starts_at if state.is_firing else None
            ends_at = now + self._lease if state.is_firing else now - BACK_IN_TIME
            posts.append(_Post(fingerprint, state.version, posted(state.alert, starts_at, ends_at)))
        return posts


def posted(alert: Alert, starts_at: dt.datetime | None, ends_at: dt.datetime) -> PostedAlert:
    """Return an alert as it is sent. A resolved one has no start: Alertmanager keeps the one that it knows."""
    return PostedAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=starts_at,
        ends_at=ends_at,
        generator_url=alert.generator_url,
    )


def _size(alert: Alert) -> int:
    texts = itertools.chain(alert.labels.items(), alert.annotations.items())
    return 200 + sum(len(name) + len(text) for name, text in texts)
