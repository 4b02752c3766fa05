"""How is a dead letter published again, once? Whoever replays one first writes down that he does, on condition that
nobody has: so of two one wins, and a replay that broke off in the middle is told, never repeated in silence. When it
got there, the record says where, the letter goes, and its bytes and headers stay with the record. A result is only
replayed while nothing newer stands on its subject: it would bring back what was resolved.
"""

import dataclasses
import datetime as dt

from nats.js import JetStreamContext, api
from nats.js.errors import APIError

from shared import subjects
from shared.dead_letters import (
    LETTER,
    REPLAYED_AS,
    REPLAYED_AT,
    REPLAYED_BY,
    REPLAYED_FROM,
    DeadLetter,
    Replayed,
    headers_of,
    one_line,
    read,
)
from shared.errors import PublishRefused, WatchwordError
from shared.publishing import publish
from shared.reading import last_message
from shared.stream_end import NO_SUCH_MESSAGE
from shared.streams import CHECK_RESULTS, DEAD_LETTERS


class ReplayRefused(WatchwordError):
    """A dead letter can't be replayed, or was already."""


async def replay(
    jetstream: JetStreamContext, letter: DeadLetter, *, by: str, at: dt.datetime, again: bool = False
) -> api.PubAck:
    """Publish a letter where it came from and keep the trail. Raises ``ReplayRefused``; with ``again`` not for the
    reason that somebody has begun to.
    """
    if not letter.subject:
        message = f"dead letter {letter.own_sequence} does not say where it came from"
        raise ReplayRefused(message)
    expected = await _expected_last(jetstream, letter)
    record = subjects.replayed_letter(letter.own_sequence)
    before = await last_message(jetstream, DEAD_LETTERS, record)
    if before is not None and not again:
        raise ReplayRefused(already(read(before)))
    begun = dataclasses.replace(letter, replayed=Replayed(by, at, ""))
    try:
        claim = await _write(jetstream, begun, before.sequence if before else 0)
    except PublishRefused:
        message = f"somebody else replays dead letter {letter.own_sequence} at this moment"
        raise ReplayRefused(message) from None
    try:
        stored = await publish(
            jetstream,
            letter.subject,
            letter.data,
            headers=replayed_headers(letter),
            expected_last=expected,
            message_id=f"replayed/{letter.own_sequence}/{claim}",
        )
    except PublishRefused:
        await _remove(jetstream, claim)
        raise ReplayRefused(_newer(letter)) from None
    done = dataclasses.replace(letter, replayed=Replayed(by, at, f"{stored.stream} {stored.seq}"))
    await _write(jetstream, done, claim)
    for old in (claim, letter.own_sequence, *([before.sequence] if before else [])):
        await _remove(jetstream, old)
    return stored


async def drop(jetstream: JetStreamContext, number: int) -> None:
    """Remove a letter and what is known of its replay."""
    while (record := await last_message(jetstream, DEAD_LETTERS, subjects.replayed_letter(number))) is not None:
        await _remove(jetstream, record.sequence)
    await _remove(jetstream, number)


def already(letter: DeadLetter) -> str:
    """Say in words what became of a replay."""
    number, replayed = letter.own_sequence, letter.replayed
    assert replayed is not None, "a record of a replay says who and when"
    who = f"{replayed.by or 'somebody'} at {replayed.at.isoformat(timespec='seconds')}"
    if replayed.sent_as:
        return f"dead letter {number} was replayed by {who}: {replayed.sent_as}"
    return (
        f"dead letter {number} was begun to be replayed by {who}, and whether it got there is not known: look with "
        f"`watchword events`, then replay it with --again, or drop it"
    )


def replayed_headers(letter: DeadLetter) -> dict[str, str]:
    """Return the original headers without those that NATS acts on: an old message id would make it a duplicate."""
    kept = {name: value for name, value in letter.headers.items() if not name.lower().startswith("nats-")}
    return {**kept, REPLAYED_FROM: str(letter.own_sequence)}


async def _expected_last(jetstream: JetStreamContext, letter: DeadLetter) -> int | None:
    if letter.stream != CHECK_RESULTS:
        return None
    last = await last_message(jetstream, CHECK_RESULTS, letter.subject)
    if last is not None and last.sequence > letter.sequence:
        raise ReplayRefused(_newer(letter))
    return last.sequence if last else 0


def _newer(letter: DeadLetter) -> str:
    return (
        f"dead letter {letter.own_sequence} is a result, and a newer one stands on {letter.subject}: replayed, it "
        "would bring back what is over. Ask for a run instead: watchword run"
    )


async def _write(jetstream: JetStreamContext, letter: DeadLetter, expected_last: int) -> int:
    replayed = letter.replayed
    assert replayed is not None
    headers = {
        **headers_of(letter),
        LETTER: str(letter.own_sequence),
        REPLAYED_BY: one_line(replayed.by, 200),
        REPLAYED_AT: replayed.at.isoformat(),
    }
    if replayed.sent_as:
        headers[REPLAYED_AS] = replayed.sent_as
    acknowledged = await publish(
        jetstream,
        subjects.replayed_letter(letter.own_sequence),
        letter.data,
        headers=headers,
        expected_last=expected_last,
        message_id=f"replay/{letter.own_sequence}/{expected_last}/{replayed.at.isoformat()}/{replayed.sent_as}",
        stream=DEAD_LETTERS,
    )
    return acknowledged.seq


async def _remove(jetstream: JetStreamContext, sequence: int) -> None:
    try:
        await jetstream.delete_msg(DEAD_LETTERS, sequence)
    except APIError as refused:
        if refused.err_code not in NO_SUCH_MESSAGE:  # else somebody was faster
            raise
