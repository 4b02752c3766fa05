"""Which messages need no run of their own. A run answers every request for its target and checks that was stored before
it began, whether it was split already or still waits at the front door. What is already answered is acknowledged, after
its ``what`` got a copy of the answer, so that whoever waits for that ``what`` sees it. And how often a message may
begin a run before it is given up. Pure.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from shared.events import CheckFinished, CheckStarted

MOST_STARTS = 5
"""The fifth start of a ``what`` without an end between them is not made: what killed four checkers kills a fifth."""


@dataclass(frozen=True, slots=True)
class Covers:
    """What a run that begins now answers: everything stored up to these places of CHECK_RUNS and CHECK_REQUESTS."""

    runs_created: str
    runs: int
    requests_created: str
    requests: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A check.finished as it was stored."""

    what: str
    event: CheckFinished
    stored_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A check.started as it was stored."""

    event: CheckStarted
    stored_at: dt.datetime


def answer(
    ends: Sequence[Ended], *, sequence: int, stored_at: dt.datetime, checks: Collection[str], runs_created: str
) -> Ended | None:
    """Return the end that already answers a message of CHECK_RUNS, or None when it needs a run.

    An end answers when its run began after the message was stored (by the sequence that it covers, in the same stream,
    and by the stream's times, for sequences restart when a stream is made anew) and it names every check asked for.
    """

    def began_after(event: CheckFinished) -> bool:
        return event.covers >= sequence and event.runs_created in {None, runs_created}

    return _answering(ends, began_after, stored_at, checks)


def answer_to_request(
    ends: Sequence[Ended], *, sequence: int, stored_at: dt.datetime, checks: Collection[str], requests_created: str
) -> Ended | None:
    """Return the end that already answers a request of CHECK_REQUESTS for one target, or None when it needs a run."""

    def began_after(event: CheckFinished) -> bool:
        return (event.covers_requests or 0) >= sequence and event.requests_created == requests_created

    return _answering(ends, began_after, stored_at, checks)


def _answering(
    ends: Sequence[Ended],
    began_after: Callable[[CheckFinished], bool],
    stored_at: dt.datetime,
    checks: Collection[str],
) -> Ended | None:
    for end in ends:
        if began_after(end.event) and end.stored_at > stored_at and set(checks) <= set(end.event.checks):
            return end
    return None


def attempt(last_begun: Begun | None, last_ended: Ended | None) -> int:
    """Return which start of its ``what`` the next one is, counted from the last end."""
    if last_begun is None or (last_ended is not None and last_ended.stored_at >= last_begun.stored_at):
        return 1
    return last_begun.event.attempt + 1


def hand_back_seconds(deliveries: int) -> float:
    """Return how long a message for a busy target waits: from 0.2 s to 5 s, growing with each delivery."""
    return float(min(5.0, 0.2 * 1.5 ** min(deliveries - 1, 20)))
