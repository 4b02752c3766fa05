"""Publishing with an acknowledgement. A publish is repeated for 30 s while no stream answers (a leader's election takes
5 to 8 s), and a conditional one tells apart "somebody else wrote" from "my first try had succeeded and only its answer
was lost". Plain core publishing would lose messages in silence, so nothing of ours uses it.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from weakref import WeakKeyDictionary

import stamina
import structlog
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, NoRespondersError, OutboundBufferLimitError, StaleConnectionError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from shared.addressed import EXPECTED_STREAM
from shared.errors import PublishRefused, PublishUnconfirmed, StreamFull
from shared.streams import stream_of

RETRY_SECONDS = 30.0
ANSWER_SECONDS = 5.0
"""How long one try waits for its acknowledgement."""
WRONG_LAST_SEQUENCE = 10071
"""JetStream's error code of a conditional write that lost."""
STORE_FAILED = 10077
"""Its code when a stream could not store a message, most often because a limit is reached: the text tells which."""
WRITE_UNDER_WAY = (10164, 10158)
"""Its codes, in a cluster alone, while a write before this one is not decided yet: one on the same subject, or one with
the same message id. It may be our own.
"""


class AnotherWriteUnderWay(Exception):
    """The members of a cluster have not agreed yet about a write before this one."""


PASSING = (
    NoStreamResponseError,
    NoRespondersError,
    ServiceUnavailableError,
    NatsTimeoutError,
    ConnectionClosedError,
    StaleConnectionError,
    OutboundBufferLimitError,
    asyncio.TimeoutError,
    AnotherWriteUnderWay,
)
"""Failures that pass by themselves: no leader, no connection, no answer in time, another write before ours."""

_waiting: WeakKeyDictionary[Client, dict[object, tuple[float, str]]] = WeakKeyDictionary()
"""What each connection has not stored yet, though it was tried: since when, and what."""

log = structlog.get_logger(__name__)


async def publish(
    jetstream: JetStreamContext,
    subject: str,
    payload: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    message_id: str | None = None,
    expected_last: int | None = None,
    stream: str | None = None,
    retry_seconds: float = RETRY_SECONDS,
) -> api.PubAck:
    """Store one message and return where. ``expected_last`` is the sequence that the subject's last message must have
    (0: none). The stream that must take it is the one of the subject when silent.

    Raises ``PublishRefused`` when another message is there, ``PublishUnconfirmed`` after the time for retries, and its
    kind ``StreamFull`` at once: room is made by people, or by time.
    """
    sent = dict(headers or {})
    if message_id is not None:
        sent[api.Header.MSG_ID] = message_id
    if expected_last is not None:
        sent[api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE] = str(expected_last)
    expected = stream or stream_of(subject)
    if expected is not None:
        sent[EXPECTED_STREAM] = expected
    tries = 0
    began = time.monotonic()
    give_up_at = began + retry_seconds

    async def send() -> api.PubAck:
        nonlocal tries
        tries += 1
        patience = min(ANSWER_SECONDS, max(0.1, give_up_at - time.monotonic()))
        try:
            return await jetstream.publish(subject, payload, headers=sent or None, timeout=patience)
        except APIError as refused:
            if refused.err_code in WRITE_UNDER_WAY:
                raise AnotherWriteUnderWay from None
            if refused.err_code == STORE_FAILED and "maximum" in (refused.description or ""):
                raise StreamFull(_full(subject, expected, refused)) from None
            raise

    try:
        try:
            return await send()  # nearly always the only try, so it is spared what retrying costs
        except PASSING as passing:
            why = _reason(passing, expected)
        log.warning("a message is not stored yet, trying again", subject=subject, reason=why)
        with _told(jetstream, f"{subject}: no acknowledgement ({why})", began):
            async for attempt in stamina.retry_context(
                on=PASSING,
                attempts=None,
                timeout=max(0.1, give_up_at - time.monotonic()),
                wait_initial=0.05,
                wait_max=2.0,
                wait_jitter=0.1,
            ):
                with attempt:
                    return await send()
    except PASSING as passing:  # before APIError, of which one of them is a kind
        message = f"{subject}: no acknowledgement within {retry_seconds:g} s ({_reason(passing, expected)})"
        raise PublishUnconfirmed(message) from None
    except APIError as refused:
        if refused.err_code != WRONG_LAST_SEQUENCE:
            raise
        if tries > 1 and message_id is not None and stream is not None:
            ours = await _last_if_ours(jetstream, stream, subject, message_id)
            if ours is not None:
                return api.PubAck(stream=stream, seq=ours, duplicate=True)
        message = f"{subject}: its last message is another than {expected_last}"
        raise PublishRefused(message) from None
    raise AssertionError("unreachable")  # pragma: no cover


def problems(client: Client) -> list[str]:
    """Return what a connection could not store for longer than one try takes, the oldest by name, for people. NATS 2.15
    answers nothing while its disk is full, and stores nothing afterwards until it is started anew: then this is the
    only sign.
    """
    now = time.monotonic()
    told = sorted(one for one in _waiting.get(client, {}).values() if now - one[0] >= ANSWER_SECONDS)
    if not told:
        return []
    many = f"{len(told)} messages are" if len(told) > 1 else "a message is"
    return [f"{many} not stored for {ANSWER_SECONDS:g} s or longer: {told[0][1]}"]


@contextlib.contextmanager
def _told(jetstream: JetStreamContext, what: str, since: float) -> Iterator[None]:
    """Let ``problems`` tell of a message while it is tried."""
    own, message = _waiting.setdefault(jetstream._nc, {}), object()  # noqa: SLF001
    own[message] = since, what
    try:
        yield
    finally:
        del own[message]


def _reason(passing: Exception, stream: str | None) -> str:
    reason = type(passing).__name__
    if stream is not None and isinstance(passing, NoStreamResponseError):
        # Nobody answers for a stream that has no leader at the moment either.
        return f"{reason}; does {stream} exist? Run: watchword init"
    if isinstance(passing, NatsTimeoutError | asyncio.TimeoutError):
        return f"{reason}; is NATS frozen, or its disk full?"
    return reason


def _full(subject: str, stream: str | None, refused: APIError) -> str:
    return (
        f"{subject}: {stream or 'its stream'} has no room left ({refused.description}). Purge what nobody needs, or "
        "give it more with: nats stream edit --max-bytes"
    )


async def _last_if_ours(jetstream: JetStreamContext, stream: str, subject: str, message_id: str) -> int | None:
    """Return the sequence of a subject's last message when it is the one that we had sent."""
    try:
        last = await jetstream.get_last_msg(stream, subject, direct=True)
    except NotFoundError:
        return None
    return last.seq if (last.headers or {}).get(api.Header.MSG_ID) == message_id else None
