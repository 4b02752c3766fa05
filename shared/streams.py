"""Every stream, bucket and consumer, declared in one place. This module only says what must exist; ``declaring.py``
makes it so and compares what the server echoes. The reasons for each setting stand beside it, for each was paid for.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from nats.js import api

from shared import subjects
from shared.subjects import Lane

CHECK_REQUESTS = "CHECK_REQUESTS"
CHECK_RUNS = "CHECK_RUNS"
CHECK_RESULTS = "CHECK_RESULTS"
CHECK_EVENTS = "CHECK_EVENTS"
MUTES = "MUTES"
ALERT_EVENTS = "ALERT_EVENTS"
DEAD_LETTERS = "DEAD_LETTERS"

CONFIGURATION = "watchword_config"
SLOTS = "watchword_slots"
LEASES = "watchword_leases"

LARGEST_MESSAGE_BYTES = 768 * 1024
"""For streams that others write to, so that a dead letter with its headers always fits into NATS's 1 MiB."""
OLDEST_SERVER = (2, 11)
"""Message TTLs (leases) need NATS 2.11; older ones accept the setting and drop it without a word."""

_DAY = 86400.0
_TWO_MINUTES = 120.0


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable pull consumer: which stream, its name, and the settings that it is created and re-created with."""

    stream: str
    name: str
    filter_subjects: tuple[str, ...]
    ack_wait_seconds: float = 15.0
    """Handlers say ``in_progress`` every third of it; what a dead process held comes back after it."""

    def config(self) -> api.ConsumerConfig:
        """Return the settings. No ``backoff``: it would override ack_wait. No ``max_deliver``: JetStream never gives up
        by itself, the handler makes the dead letter; hand-backs count as deliveries and against max_ack_pending.
        """
        is_single = len(self.filter_subjects) == 1
        return api.ConsumerConfig(
            durable_name=self.name,
            name=self.name,
            ack_policy=api.AckPolicy.EXPLICIT,
            deliver_policy=api.DeliverPolicy.ALL,
            ack_wait=self.ack_wait_seconds,
            max_deliver=-1,
            max_ack_pending=-1,
            filter_subject=self.filter_subjects[0] if is_single else None,
            filter_subjects=None if is_single else list(self.filter_subjects),
        )


FRONT_DOOR = Consumer(CHECK_REQUESTS, "checkers", (subjects.CHECK_REQUESTED,))
TRANSITIONS = Consumer(CHECK_RESULTS, "alert-events", (subjects.CHECK_VERDICTS,))
MUTE_REQUESTS = Consumer(MUTES, "silencers", (subjects.MUTE_REQUESTED, subjects.UNMUTE_REQUESTED))


def lane_consumer(lane: Lane, pool: str) -> Consumer:
    """Return the consumer of one lane of one pool. Its name holds both, for the last writer of a consumer wins."""
    return Consumer(CHECK_RUNS, f"{lane}-{subjects.token(pool)}", (subjects.runs_of(lane, pool),))


def streams(replicas: int = 1) -> list[api.StreamConfig]:
    """Return all streams and the streams behind the buckets.

    The leases' bucket is declared as a stream of our own: it needs TTLs for each message and no delete markers, which
    the key-value interface can't ask for.
    """
    return [
        api.StreamConfig(
            name=CHECK_REQUESTS,
            description="The front door: what anybody asks to be checked",
            subjects=[subjects.CHECK_REQUESTED],
            retention=api.RetentionPolicy.WORK_QUEUE,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            max_age=7 * _DAY,
            duplicate_window=_TWO_MINUTES,
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=CHECK_RUNS,
            description="The unit of work: one target. Of each subject only the newest message waits",
            subjects=list(subjects.CHECK_RUNS_OF_LANES),
            retention=api.RetentionPolicy.WORK_QUEUE,
            max_msgs_per_subject=1,
            discard=api.DiscardPolicy.OLD,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            max_consumers=-1,
            duplicate_window=600.0,  # a slot asked for by two schedulers whose clocks or pauses differ by minutes
            allow_direct=True,
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=CHECK_RESULTS,
            description="The database: the last verdict of a subject is its current state",
            subjects=[subjects.CHECK_RESULTS],
            max_msgs_per_subject=10,
            discard=api.DiscardPolicy.NEW,
            max_bytes=32 * 1024**3,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            allow_direct=True,
            # With either of these one header of any producer could erase the stream.
            allow_rollup_hdrs=False,
            allow_msg_ttl=False,
            duplicate_window=_TWO_MINUTES,
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=CHECK_EVENTS,
            description="What became of requests, and the begin and end of each run",
            subjects=[subjects.CHECK_ACCEPTED, subjects.CHECK_STARTED, subjects.CHECK_FINISHED],
            max_age=7 * _DAY,
            max_bytes=4 * 1024**3,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            allow_direct=True,
            duplicate_window=_TWO_MINUTES,
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=MUTES,
            description="Who muted what and why; the silencer's memory",
            subjects=[subjects.MUTE_REQUESTED, subjects.UNMUTE_REQUESTED, subjects.MUTE_RESULTS],
            max_age=400 * _DAY,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            allow_direct=True,
            duplicate_window=_TWO_MINUTES,
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=ALERT_EVENTS,
            description="One event for each transition of an alert, for other programs",
            subjects=[subjects.ALERT_FIRING, subjects.ALERT_RESOLVED],
            max_age=7 * _DAY,
            max_bytes=4 * 1024**3,
            max_msg_size=LARGEST_MESSAGE_BYTES,
            allow_direct=True,
            duplicate_window=3600.0,  # a transition found again after a restart is still the same event
            num_replicas=replicas,
        ),
        api.StreamConfig(
            name=DEAD_LETTERS,
            description="What could not be handled, with its reason",
            subjects=[subjects.DEAD_LETTERS],
            max_age=30 * _DAY,
            max_bytes=4 * 1024**3,
            allow_direct=True,
            duplicate_window=_TWO_MINUTES,
            num_replicas=replicas,
        ),
        _bucket(CONFIGURATION, "Targets, checks and settings: one sequence, one order", replicas),
        _bucket(SLOTS, "For each target and schedule: the last due time requested", replicas),
        _bucket(LEASES, "Who is running which target", replicas, message_ttl=True),
    ]


def _bucket(name: str, description: str, replicas: int, *, message_ttl: bool = False) -> api.StreamConfig:
    return api.StreamConfig(
        name=bucket_stream(name),
        description=description,
        subjects=[f"$KV.{name}.>"],
        max_msgs_per_subject=1,
        discard=api.DiscardPolicy.NEW,
        max_msg_size=LARGEST_MESSAGE_BYTES,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_direct=True,
        allow_msg_ttl=message_ttl,
        duplicate_window=_TWO_MINUTES,
        num_replicas=replicas,
    )


def bucket_stream(bucket: str) -> str:
    """Return the name of the stream behind a bucket."""
    return f"KV_{bucket}"


def stream_of(subject: str) -> str | None:
    """Return the stream of ours that takes a subject, or None."""
    parts = subject.split(".")
    return next((name for pattern, name in _TAKEN if _takes(pattern, parts)), None)


def _takes(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if pattern[-1] == ">" and len(parts) >= len(pattern):
        pattern, parts = pattern[:-1], parts[: len(pattern) - 1]
    return len(pattern) == len(parts) and all(word in {"*", part} for word, part in zip(pattern, parts, strict=True))


_TAKEN = tuple((subject.split("."), config.name or "") for config in streams() for subject in config.subjects or ())


def ack_wait(consumer: Consumer) -> dt.timedelta:
    """Return how long a message may be held without a word."""
    return dt.timedelta(seconds=consumer.ack_wait_seconds)
