"""Reading single messages of a stream: the last of a subject, or the last of each of many in one round trip. Any
replica answers a direct get, so what must not be stale is written conditionally afterwards.
"""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Awaitable, Mapping, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from shared.errors import StreamMissing
from shared.following import Stored
from shared.headers import READ_FROM
from shared.stream_end import stream_information

OF_THE_ANSWER = frozenset(
    {
        *(READ_FROM, "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp"),
        *("Nats-Num-Pending", "Nats-Last-Sequence", "Nats-UpTo-Sequence"),
    }
)
"""Headers that the server adds to the answer of a direct get. They are no part of the message: on a stored one they
would mean that it is a copy (``headers.py`` keeps the author's own under another name).
"""
MOST_OF_A_SUBJECT = 50
"""More than a stream whose past is read keeps of each subject."""
MOST_SUBJECTS = 1000
"""More than 1,024 matching subjects are refused by the server; who wants a whole stream follows it instead."""

NO_SUCH_MESSAGE = (10037, 10043, 10057)
"""JetStream's errors about a message that is gone, when it is read or deleted."""


async def last_message(jetstream: JetStreamContext, stream: str, subject: str) -> Stored | None:
    """Return the last message of a subject, or None. Raises ``StreamMissing`` when there is no such stream."""
    return await _found(jetstream.get_last_msg(stream, subject, direct=True), stream)


async def message_at(jetstream: JetStreamContext, stream: str, sequence: int) -> Stored | None:
    """Return the message at a place of a stream, or None when it is gone. Raises ``StreamMissing``."""
    return await _found(jetstream.get_msg(stream, sequence, direct=True), stream)


async def _found(asked: Awaitable[api.RawStreamMsg], stream: str) -> Stored | None:
    try:
        raw = await asked
    except NotFoundError:
        return None
    except NoRespondersError:
        raise StreamMissing(_silent(stream)) from None
    stored_at = raw.time or dt.datetime.now(dt.UTC)
    return Stored(raw.subject or "", raw.seq or 0, raw.data or b"", _own(raw.headers or {}), stored_at)


async def last_messages(
    client: Client,
    stream: str,
    filters: Sequence[str],
    *,
    up_to_sequence: int | None = None,
    timeout_seconds: float = 5.0,
) -> list[Stored]:
    """Return the last message of every subject that matches a filter, in the order of the stream.

    nats-py has no call for this; it is JetStream's direct get with ``multi_last`` (ADR-31): messages follow one another
    on the reply subject until one with status 204. Raises ``TimeoutError`` when the server does not answer.
    """
    request: dict[str, object] = {"multi_last": list(filters), "batch": MOST_SUBJECTS}
    if up_to_sequence is not None:
        request["up_to_seq"] = up_to_sequence
    return await _answers(client, stream, request, timeout_seconds)


async def message_before(
    client: Client, stream: str, stored: Stored, *, patience_seconds: float = 3.0
) -> Stored | None:
    """Return the message before a stored one on its subject, or None when there is none.

    A replica that is behind answers "none" as well: it has not got as far as ``stored``. So none is believed only when
    the same answer holds ``stored`` or what came after it, or when nobody has anything after some time: then the
    subject was emptied meanwhile.
    """
    give_up_at = time.monotonic() + patience_seconds
    while True:
        if stored.sequence > 1:
            before = await last_messages(client, stream, [stored.subject], up_to_sequence=stored.sequence - 1)
            if before:
                return before[0]
        request = {"seq": 1, "next_by_subj": stored.subject, "batch": MOST_OF_A_SUBJECT}
        of_subject = await _answers(client, stream, request, 5.0)
        if any(one.sequence >= stored.sequence for one in of_subject) or time.monotonic() > give_up_at:
            earlier = [one for one in of_subject if one.sequence < stored.sequence]
            return earlier[-1] if earlier else None
        await asyncio.sleep(0.05)


async def _answers(client: Client, stream: str, request: Mapping[str, object], timeout_seconds: float) -> list[Stored]:
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, pending_msgs_limit=-1, pending_bytes_limit=-1)
    try:
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
        found: list[Stored] = []
        while True:
            try:
                message = await subscription.next_msg(timeout=timeout_seconds)
            except NatsTimeoutError:
                silent = f"{stream}: no answer to a direct get within {timeout_seconds:g} s"
                raise TimeoutError(silent) from None
            headers = message.headers or {}
            if "Nats-Sequence" in headers:  # a stored message, which may have a status of its own
                found.append(_stored(message, headers))
                continue
            match headers.get("Status"):
                case "204" | "404":
                    return found
                case "503":
                    raise StreamMissing(_silent(stream))
                case status:
                    refused = f"{stream}: the server refuses a direct get: {status} {headers.get('Description', '')}"
                    raise StreamMissing(refused)
    finally:
        await subscription.unsubscribe()


def _own(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name not in OF_THE_ANSWER}


def _silent(stream: str) -> str:
    # Nobody answers for a stream that has no leader at the moment either.
    return f"stream {stream} does not answer; does it exist? Run: watchword init"


def _stored(message: Msg, headers: Mapping[str, str]) -> Stored:
    return Stored(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        message.data,
        _own(headers),
        dt.datetime.fromisoformat(headers["Nats-Time-Stamp"]),
    )


async def last_sequence(jetstream: JetStreamContext, stream: str) -> tuple[dt.datetime, int]:
    """Return when a stream was made and its last sequence. Raises ``StreamMissing``."""
    told = await stream_information(jetstream, stream)
    return dt.datetime.fromisoformat(told["created"]), told["state"]["last_seq"]
