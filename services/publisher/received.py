"""Is a message of CHECK_RESULTS a result, and for what does it stand? The subject is the truth: a body that names
another engine, target or check, or a status that does not belong there, is broken like one that can't be read.
"""

import datetime as dt
from typing import NamedTuple, NoReturn

from services.publisher.about_ourselves import OURSELVES
from services.publisher.errors import ResultBroken
from shared.cloudevents import read
from shared.errors import MessageRefused, NameRefused
from shared.events import CheckResult
from shared.following import Stored
from shared.subjects import ResultSubject, parse_result, parse_sequence_id


class Received(NamedTuple):
    """One result, with its place in the stream."""

    subject: ResultSubject
    """Of kind ``verdict`` for errors too: it names a check on a target, and ``result`` says which of both this is."""
    result: CheckResult
    sequence: int
    stored_at: dt.datetime


def read_result(stored: Stored) -> Received:
    """Return what a message says. Raises ``ResultBroken`` with a reason for people."""
    try:
        named = parse_result(stored.subject)
        result = read(CheckResult, stored.data, stored.headers)
    except (MessageRefused, NameRefused) as refused:
        raise ResultBroken(str(refused)) from None
    if (result.engine, result.target, result.check) != (named.engine, named.target, named.check):
        _refuse_names(result, named)
    if named.engine == OURSELVES:
        message = f"engine {OURSELVES!r} is for alerts about Watchword itself: publish under a name of your own"
        raise ResultBroken(message)
    if result.is_verdict != (named.kind == "verdict"):
        message = f"status {result.status} does not belong on a subject of kind {named.kind}"
        raise ResultBroken(message)
    subject = named if named.kind == "verdict" else ResultSubject("verdict", named.engine, named.target, named.check)
    return Received(subject, result, stored.sequence, stored.stored_at)


def _refuse_names(result: CheckResult, named: ResultSubject) -> NoReturn:
    for what in ("engine", "target", "check"):
        said, true = getattr(result, what), getattr(named, what)
        if said != true:
            message = f"the body names {what} {said[:200]!r}, its subject {true!r}"
            raise ResultBroken(message)
    raise AssertionError


def is_earlier(run: str | None, other: str | None) -> bool:
    """Say whether a run was before another one; False where that can't be told."""
    if run is None or other is None:
        return False
    try:
        return parse_sequence_id(run) < parse_sequence_id(other)
    except NameRefused:  # the run of another program, which may be named in any way
        return False
