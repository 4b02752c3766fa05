"""What can't be handled is kept: a dead letter has the original bytes as its body, the original headers each behind
``Original-``, and in headers of its own the reason, the stage that refused it, and where and when the message was
stored. So it can be read with any NATS client, replayed after a fix, or dropped. One that was replayed stays, with who
replayed it, when, and as what.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.js import JetStreamContext

from shared import subjects
from shared.errors import NameRefused
from shared.following import Stored
from shared.publishing import publish
from shared.streams import DEAD_LETTERS

REASON = "Watchword-Reason"
STAGE = "Watchword-Stage"
SUBJECT = "Watchword-Subject"
STREAM = "Watchword-Stream"
SEQUENCE = "Watchword-Sequence"
STORED_AT = "Watchword-Stored-At"
REFUSED_AT = "Watchword-Refused-At"
REPLAYED_FROM = "Watchword-Replayed-From"
"""On a message that was replayed: the sequence of the dead letter it came from."""
REPLAYED_AT = "Watchword-Replayed-At"
REPLAYED_BY = "Watchword-Replayed-By"
REPLAYED_AS = "Watchword-Replayed-As"
"""Where a replayed message went: its stream and sequence. Without it, nobody knows whether it got there."""
LETTER = "Watchword-Letter"
"""On the record of a replay: the number that the dead letter had."""
ORIGINAL = "Original-"

_LONGEST_REASON = 2000
_MOST_HEADER_BYTES = 48 * 1024
"""Of the original headers; JetStream refuses a message with more than 64 KiB of headers, ours included."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is known of a replay."""

    by: str
    at: dt.datetime
    sent_as: str
    """Stream and sequence; empty while it is not known whether it got there."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that was refused."""

    stage: str
    reason: str
    subject: str
    stream: str
    sequence: int
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    stored_at: dt.datetime | None = None
    refused_at: dt.datetime | None = None
    own_sequence: int = 0
    """Its place in DEAD_LETTERS; 0 before it is stored."""
    replayed: Replayed | None = None


def one_line(text: str, longest: int = _LONGEST_REASON) -> str:
    """Return a text that may stand in a header: one line, printable, capped."""
    cleaned = re.sub(r"[^\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\uffff\U00010000-\U0010ffff]+", " ", text).strip()
    return cleaned if len(cleaned) <= longest else cleaned[: longest - 1] + "…"


async def bury(jetstream: JetStreamContext, letter: DeadLetter, *, stream_created: dt.datetime | None = None) -> int:
    """Store a dead letter and return its sequence; the same message is stored once."""
    made = subjects.created_token(stream_created) if stream_created else "0"
    acknowledged = await publish(
        jetstream,
        subjects.dead_letter(letter.stage),
        letter.data,
        headers=headers_of(letter),
        message_id=f"dead/{letter.stream}/{made}-{letter.sequence}",
        stream=DEAD_LETTERS,
    )
    return acknowledged.seq


def headers_of(letter: DeadLetter) -> dict[str, str]:
    """Return everything about a letter but its body, as headers."""
    refused_at = letter.refused_at or dt.datetime.now(dt.UTC)
    headers = {
        REASON: one_line(letter.reason),
        STAGE: letter.stage,
        SUBJECT: one_line(letter.subject),
        STREAM: letter.stream,
        SEQUENCE: str(letter.sequence),
        REFUSED_AT: refused_at.isoformat(),
    }
    if letter.stored_at:
        headers[STORED_AT] = letter.stored_at.isoformat()
    size = 0
    for name, value in letter.headers.items():
        size += len(name) + len(value.encode("utf-8", "surrogateescape")) + len(ORIGINAL) + 4
        if size > _MOST_HEADER_BYTES:
            headers["Watchword-Headers-Cut"] = "true"
            break
        headers[ORIGINAL + one_line(name, 500)] = one_line(value, _MOST_HEADER_BYTES)
    return headers


def read(stored: Stored) -> DeadLetter:
    """Read a dead letter back, with its original headers.

    Others may write there too: what makes no sense is left out.
    """
    headers = stored.headers
    original = {name.removeprefix(ORIGINAL): value for name, value in headers.items() if name.startswith(ORIGINAL)}
    sequence = headers.get(SEQUENCE, "")
    return DeadLetter(
        stage=headers.get(STAGE) or _stage_of(stored.subject),
        reason=headers.get(REASON, ""),
        subject=headers.get(SUBJECT, ""),
        stream=headers.get(STREAM, ""),
        sequence=int(sequence) if re.fullmatch("[0-9]{1,19}", sequence) else 0,
        data=stored.data,
        headers=original,
        stored_at=_moment(headers.get(STORED_AT)),
        refused_at=_moment(headers.get(REFUSED_AT)) or stored.stored_at,
        own_sequence=int(headers[LETTER]) if re.fullmatch("[0-9]{1,19}", headers.get(LETTER, "")) else stored.sequence,
        replayed=_replayed(headers),
    )


def _replayed(headers: Mapping[str, str]) -> Replayed | None:
    at = _moment(headers.get(REPLAYED_AT))
    return Replayed(headers.get(REPLAYED_BY, ""), at, headers.get(REPLAYED_AS, "")) if at else None


def _stage_of(subject: str) -> str:
    token = subject.removeprefix("dead.")
    try:
        return subjects.name_of(token)
    except NameRefused:
        return token


def _moment(text: str | None) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
