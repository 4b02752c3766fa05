"""The configuration bucket as whoever writes it sees it: a snapshot with the revision of every entry, and conditional
writes that a snapshot which is no longer true can't make. An entry is removed by an explicit marker, never by absence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.js import JetStreamContext
from pydantic import BaseModel

from shared import subjects
from shared.configuration import Configuration
from shared.following import Follower, Stored
from shared.publishing import publish
from shared.reading import last_message
from shared.streams import CONFIGURATION, bucket_stream

REMOVED = ("DEL", "PURGE")
_REMOVAL = {"KV-Operation": "DEL"}
_PREFIX = subjects.bucket_subject(CONFIGURATION, "")


@dataclass(slots=True)
class Snapshot:
    """The bucket at one moment."""

    view: Configuration = field(default_factory=Configuration)
    revisions: dict[str, int] = field(default_factory=dict)
    """The last revision of every key ever written, removals included."""
    values: dict[str, BaseModel | None] = field(default_factory=dict)
    """What stands under each key that is not removed; None when this version can't read it."""

    def take(self, stored: Stored) -> None:
        """Take in one entry."""
        key = stored.subject.removeprefix(_PREFIX)
        data = None if stored.headers.get("KV-Operation") in REMOVED else stored.data
        self.view.apply(key, data, stored.sequence)
        self.revisions[key] = stored.sequence
        self.values.pop(key, None)
        if data is not None:
            self.values[key] = None if key in self.view.unreadable else _value(self.view, key)


def _value(view: Configuration, key: str) -> BaseModel | None:
    kind, *names = subjects.parse_key(key)
    match kind:
        case "target":
            return view.target(names[0])
        case "check":
            return view.check(names[0])
        case _:
            entry = view.settings.get(tuple(names))
            return entry.value if entry else None


async def read_bucket(jetstream: JetStreamContext) -> Snapshot:
    """Return the bucket as it is now. Raises ``StreamMissing`` when there is none."""
    snapshot = Snapshot()
    follower = Follower(jetstream, bucket_stream(CONFIGURATION), snapshot.take, last_per_subject=True)
    try:
        await follower.start()
    finally:
        await follower.stop()
    return snapshot


async def put(jetstream: JetStreamContext, key: str, value: BaseModel | None, expected: int) -> int:
    """Write an entry, or remove it with None, and return its revision.

    Raises ``PublishRefused`` when the entry is not at the expected revision any more.
    """
    stored = await publish(
        jetstream,
        subjects.bucket_subject(CONFIGURATION, key),
        b"" if value is None else value.model_dump_json(exclude_none=True).encode(),
        headers=_REMOVAL if value is None else None,
        expected_last=expected,
        stream=bucket_stream(CONFIGURATION),
    )
    return stored.seq


async def current(jetstream: JetStreamContext, key: str) -> Snapshot:
    """Return what stands under one key now, as a snapshot of nothing else."""
    snapshot = Snapshot()
    last = await last_message(jetstream, bucket_stream(CONFIGURATION), subjects.bucket_subject(CONFIGURATION, key))
    if last is not None:
        snapshot.take(last)
    return snapshot


def as_json(value: BaseModel | None) -> Mapping[str, object] | None:
    """Return a value in the form in which two of them are compared."""
    return None if value is None else value.model_dump(mode="json", exclude_none=True)
