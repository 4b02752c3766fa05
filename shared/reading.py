"""Reading single messages of a stream: the last of a subject, or the last of each of many in one round trip. Any
replica answers a direct get, and one that was away is behind for a while: so what was read so is written conditionally
afterwards, or looked at again. What nobody looks at again is asked of the stream's leader, which costs more.
"""

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.errors import StreamMissing
from shared.following import Stored
from shared.headers import READ_FROM, read_headers
from shared.stream_end import ask_leader, stream_information

OF_THE_ANSWER = frozenset(
    {
        *(READ_FROM, "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp"),
        *("Nats-Num-Pending", "Nats-Last-Sequence", "Nats-UpTo-Sequence"),
    }
)
"""Headers that the server adds to the answer of a direct get. They are no part of the message: on a stored one they
would mean that it is a copy (``headers.py`` keeps the author's own under another name).
"""
MOST_SUBJECTS = 1000
"""More than 1,024 matching subjects are refused by the server; who wants a whole stream follows it instead."""


async def last_message(jetstream: JetStreamContext, stream: str, subject: str) -> Stored | None:
    """Return the last message of a subject, or None, as any replica knows it. Raises ``StreamMissing`` when there is no
    such stream.
    """
    try:
        raw = await jetstream.get_last_msg(stream, subject, direct=True)
    except NotFoundError:
        return None
    except NoRespondersError:
        raise StreamMissing(_silent(stream)) from None
    stored_at = raw.time or dt.datetime.now(dt.UTC)
    return Stored(raw.subject or "", raw.seq or 0, raw.data or b"", _own(raw.headers or {}), stored_at)


async def present_message(jetstream: JetStreamContext, stream: str, subject: str) -> Stored | None:
    """Return the last message of a subject, or None, as the stream's leader knows it. Raises ``StreamMissing``."""
    return await _told_by_the_leader(jetstream, stream, {"last_by_subj": subject})


async def message_at(jetstream: JetStreamContext, stream: str, sequence: int) -> Stored | None:
    """Return the message at a place of a stream, or None when the leader has it no more. Raises ``StreamMissing``."""
    return await _told_by_the_leader(jetstream, stream, {"seq": sequence})


async def message_before(client: Client, jetstream: JetStreamContext, stream: str, stored: Stored) -> Stored | None:
    """Return the message before a stored one on its subject, or None when there is none. Raises ``StreamMissing``.

    Any replica says which one that is, but one that is behind may say an earlier one, or none: the leader is asked what
    follows upon it.
    """
    before: Stored | None = None
    if stored.sequence > 1:
        found = await last_messages(client, stream, [stored.subject], up_to_sequence=stored.sequence - 1)
        before = found[0] if found else None
    while True:
        request = {"seq": before.sequence + 1 if before else 1, "next_by_subj": stored.subject}
        following = await _told_by_the_leader(jetstream, stream, request)
        if following is None or following.sequence >= stored.sequence:
            return before
        before = following


async def _told_by_the_leader(jetstream: JetStreamContext, stream: str, request: Mapping[str, object]) -> Stored | None:
    answer = await ask_leader(jetstream, "STREAM.MSG.GET", stream, request)
    if answer is None:
        return None
    told = answer["message"]
    return Stored(
        told["subject"],
        told["seq"],
        base64.b64decode(told.get("data") or b""),
        read_headers(base64.b64decode(told.get("hdrs") or b"").partition(b"\r\n")[2]),
        dt.datetime.fromisoformat(told["time"]),
    )


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
