"""The bucket of slots: for each unit, what was asked for. It is followed, so that a scheduler sees what the others ask
for, and written with a condition: of two schedulers one wins, and the other reads again. What the slots mean is left to
``plan.py``.
"""

from collections.abc import Callable

import structlog
from nats.js import JetStreamContext
from pydantic import BaseModel, ConfigDict, ValidationError

from services.scheduler.plan import Slot, nothing_asked
from services.scheduler.units import UnitKey
from shared import subjects
from shared.cloudevents import explain
from shared.errors import NameRefused
from shared.events import Moment
from shared.following import Follower, Stored
from shared.publishing import publish
from shared.reading import last_message
from shared.streams import SLOTS, bucket_stream

log = structlog.get_logger(__name__)

_REMOVED = ("DEL", "PURGE")
_STREAM = bucket_stream(SLOTS)


class _Written(BaseModel):
    """A slot as the bucket keeps it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    due_at: Moment
    revision: int
    generation: str = ""


def encode(slot: Slot) -> bytes:
    """Write a slot as JSON."""
    written = _Written(due_at=slot.due_at, revision=slot.revision, generation=slot.generation)
    return written.model_dump_json().encode()


def decode(stored: Stored) -> tuple[UnitKey, Slot] | None:
    """Read one entry of the bucket: which unit, and its slot. Returns None for a key that is no unit's.

    A slot that was removed or can't be read counts as never asked for; its place is kept, so that it can be written
    over.
    """
    try:
        target, schedule = subjects.parse_key(stored.subject.removeprefix(f"$KV.{SLOTS}."))
    except (NameRefused, ValueError):
        return None
    if stored.headers.get("KV-Operation") in _REMOVED:
        return (target, schedule), nothing_asked(stored.sequence)
    try:
        written = _Written.model_validate_json(stored.data)
    except ValidationError as broken:
        log.warning("a slot can't be read", target=target, schedule=schedule, reason=explain(broken))
        return (target, schedule), nothing_asked(stored.sequence)
    return (target, schedule), Slot(written.due_at, written.revision, written.generation, stored.sequence)


class SlotBucket:
    """The slots, kept current. ``note`` gets each of them, ``moved`` is called when the bucket is another one."""

    def __init__(
        self,
        jetstream: JetStreamContext,
        note: Callable[[UnitKey, Slot], None],
        moved: Callable[[], None],
    ) -> None:
        self._jetstream = jetstream
        self._note = note
        self._follower = Follower(jetstream, _STREAM, self._apply, last_per_subject=True, restarted=moved)

    async def start(self) -> None:
        """Read all slots, then follow them. Raises ``StreamMissing``."""
        await self._follower.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._follower.stop()

    async def catch_up(self) -> None:
        """Take in everything that was written before this call. Raises ``StreamMissing``."""
        await self._follower.catch_up()

    @property
    def problem(self) -> str | None:
        """Return why the slots may be behind, or None."""
        return self._follower.problem

    async def write(self, key: UnitKey, slot: Slot, replaces: int) -> None:
        """Write a slot in place of the one at a sequence. Raises ``PublishRefused`` when another one is there."""
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key(*key))
        stored = await publish(self._jetstream, subject, encode(slot), expected_last=replaces, stream=_STREAM)
        self._note(key, Slot(slot.due_at, slot.revision, slot.generation, stored.seq))

    async def read_again(self, key: UnitKey) -> None:
        """Take in the slot as it is now."""
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key(*key))
        last = await last_message(self._jetstream, _STREAM, subject)
        if last is None:
            self._note(key, nothing_asked(0))
        else:
            self._apply(last)

    def _apply(self, stored: Stored) -> None:
        read = decode(stored)
        if read is not None:
            self._note(*read)
