"""What has begun and ended already, and how far have the streams of requests got? Read before a run begins and before a
request is split, since what a run has answered needs no other one; ``covered.py`` judges what is read here.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from nats.aio.client import Client
from nats.js import JetStreamContext
from pydantic import ValidationError

from services.checker.covered import Begun, Covers, Ended
from shared import subjects
from shared.errors import NameRefused
from shared.events import CheckFinished, CheckStarted
from shared.following import Stored
from shared.reading import last_messages, last_sequence
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, CHECK_RUNS
from shared.targets import Target


async def covers_now(jetstream: JetStreamContext, message: Stored) -> Covers:
    """Return what a run that begins now will answer; to be asked when its lease is taken, before it knows anything.

    It answers at least the message of CHECK_RUNS that asks for it: a server that was cut off and takes itself for the
    leader yet tells of less, and whoever waits for this message would wait for ever.
    """
    (runs_created, runs), (requests_created, requests) = await asyncio.gather(
        last_sequence(jetstream, CHECK_RUNS), last_sequence(jetstream, CHECK_REQUESTS)
    )
    if message.stored_at >= runs_created:  # else it lay in another stream, which counted otherwise
        runs = max(runs, message.sequence)
    return Covers(subjects.created_token(runs_created), runs, subjects.created_token(requests_created), requests)


async def events_of(client: Client, target: Target, what: str) -> tuple[list[Ended], Begun | None, Ended | None]:
    """Return the ends of a target's runs (the last of each ``what``), and the last begin and end of this ``what``."""
    filters = [subjects.finished_of(target.engine, target.name), subjects.started(target.engine, target.name, what)]
    ends: list[Ended] = []
    begin: Begun | None = None
    for message in await last_messages(client, CHECK_EVENTS, filters):
        if message.subject == filters[1]:
            with contextlib.suppress(ValidationError):
                begin = Begun(CheckStarted.model_validate_json(message.data), message.stored_at)
        else:
            ends += _ended(message)
    return ends, begin, next((end for end in ends if end.what == what), None)


async def ends_of(client: Client, targets: Sequence[Target]) -> dict[str, list[Ended]]:
    """Return the ends of the runs of a few targets, by the targets' names: the last of each ``what``."""
    found: dict[str, list[Ended]] = {target.name: [] for target in targets}
    filters = [subjects.finished_of(target.engine, target.name) for target in targets]
    for message in await last_messages(client, CHECK_EVENTS, filters):
        found[subjects.name_of(message.subject.split(".")[3])] += _ended(message)
    return found


def _ended(message: Stored) -> list[Ended]:
    # Others may write there, too. What can't be read says nothing: at worst, what was answered is run again.
    with contextlib.suppress(ValidationError, NameRefused):
        what = subjects.name_of(message.subject.split(".")[4])
        return [Ended(what, CheckFinished.model_validate_json(message.data), message.stored_at)]
    return []
