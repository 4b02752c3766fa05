"""Leases on targets, so that there are never two runs on one target at a time across the fleet. A lease is a message
with its own TTL in a bucket: taken and refreshed by conditional writes, released by a conditional purge. Its revision
at taking is the run's token; refreshing changes the revision, not the token.

nats-py's key-value class is not used, for it does not keep these promises: ``create`` does not see the server's expiry
as free, ``update`` drops the TTL so that the key lives for ever, ``purge`` checks no revision so that anyone can
release, and TTLs are whole seconds. A holder trusts only its own monotonic clock: the deadline is counted from before
the write was sent, so a process that slept knows that it may have lost the lease.
"""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nats.js import JetStreamContext, api

from shared import subjects
from shared.errors import LeaseLost, PublishRefused, PublishUnconfirmed
from shared.publishing import publish
from shared.reading import last_message, last_sequence
from shared.streams import LEASES, bucket_stream

LEASE_SECONDS = 15
"""How long a dead holder blocks its target; whole seconds, as the server counts them."""
_PURGE = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"}
_ENDED = ("DEL", "PURGE")


@dataclass(slots=True)
class Lease:
    """A lease that is held. ``remaining_seconds`` below zero means that somebody else may hold it by now."""

    target: str
    token: str
    """``<created>-<revision at taking>``: later runs compare as greater."""
    revision: int
    deadline: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @property
    def remaining_seconds(self) -> float:
        """Return how long the lease surely holds yet."""
        return self.deadline - self.clock()

    def require(self) -> None:
        """Raise ``LeaseLost`` when it does not surely hold any more."""
        if self.remaining_seconds <= 0:
            message = f"the lease on target {self.target!r} ran out"
            raise LeaseLost(message)


async def take(
    jetstream: JetStreamContext, target: str, holder: str, *, clock: Callable[[], float] = time.monotonic
) -> Lease | None:
    """Take the lease on a target, or return None when another run holds it."""
    stream = bucket_stream(LEASES)
    subject = subjects.bucket_subject(LEASES, subjects.lease_key(target))
    last = await last_message(jetstream, stream, subject)
    if last is not None and last.headers.get("KV-Operation") not in _ENDED:
        return None
    sent_at = clock()
    try:
        stored = await publish(
            jetstream,
            subject,
            holder.encode(),
            headers=_with_lifetime(),
            expected_last=last.sequence if last else 0,
            # The encoded name: what stands on a subject may decode to half of a surrogate pair, which no header takes.
            message_id=f"lease/{holder}/{subjects.lease_key(target)}/{sent_at}",
            stream=stream,
        )
    except PublishRefused:
        return None
    created, _ = await last_sequence(jetstream, stream)
    return Lease(target, subjects.sequence_id(created, stored.seq), stored.seq, sent_at + LEASE_SECONDS, clock)


async def refresh(jetstream: JetStreamContext, lease: Lease) -> None:
    """Hold a lease for another full time. Raises ``LeaseLost`` when it is another's by now."""
    lease.require()
    sent_at = lease.clock()
    try:
        stored = await publish(
            jetstream,
            subjects.bucket_subject(LEASES, subjects.lease_key(lease.target)),
            lease.token.encode(),
            headers=_with_lifetime(),
            expected_last=lease.revision,
            message_id=f"lease/{lease.token}/{sent_at}",
            stream=bucket_stream(LEASES),
            retry_seconds=max(0.1, lease.remaining_seconds),
        )
    except (PublishRefused, PublishUnconfirmed) as lost:
        message = f"the lease on target {lease.target!r} was lost: {lost}"
        raise LeaseLost(message) from None
    lease.revision = stored.seq
    lease.deadline = sent_at + LEASE_SECONDS


async def release(jetstream: JetStreamContext, lease: Lease) -> None:
    """Free the target at once. A lease that is another's by now stays; one that can't be released ends by itself."""
    with contextlib.suppress(PublishRefused, PublishUnconfirmed):
        await publish(
            jetstream,
            subjects.bucket_subject(LEASES, subjects.lease_key(lease.target)),
            b"",
            headers=_PURGE,
            expected_last=lease.revision,
            stream=bucket_stream(LEASES),
            retry_seconds=2.0,
        )


async def keep(jetstream: JetStreamContext, lease: Lease, lost: Callable[[], None]) -> None:
    """Refresh a lease every third of its time until cancelled; call ``lost`` once when it can't be held."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        try:
            await refresh(jetstream, lease)
        except LeaseLost:
            lost()
            return


def _with_lifetime() -> dict[str, str]:
    return {api.Header.MSG_TTL: f"{LEASE_SECONDS}s"}


def lifetime() -> dt.timedelta:
    """Return how long a lease lasts that nobody refreshes."""
    return dt.timedelta(seconds=LEASE_SECONDS)
