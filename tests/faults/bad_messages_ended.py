"""What must have become of bad messages, door by door: each that was stored is a dead letter, a refusal, or work that
was done, and never two of these. Where the product itself is asked what is valid, a part is decided here once more.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence

from services.publisher.received import read_result
from shared import cloudevents, subjects
from shared.configuration import Configuration
from shared.mutes import UnmuteRequested
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, CHECK_RESULTS, CHECK_RUNS, CONFIGURATION, MUTES, bucket_stream
from tests.faults.disturbed_house import House
from tests.faults.outcomes import everything, letters_of
from tests.faults.raw_nats import Answer, Message

KEY_SAID = re.compile(r"\bkey='?([^\s']+)")


async def requests_end(house: House, answers: Sequence[Answer]) -> None:
    letters = await letters_of(house.client, CHECK_REQUESTS)
    for answer in answers:
        assert (answer.sequence in letters) != (answer.sequence in house.accepted), answer


async def parts_end(house: House, answers: Sequence[Answer]) -> None:
    letters = await letters_of(house.client, CHECK_RUNS)
    finished = {stored.subject for stored in await everything(house.client, CHECK_EVENTS)}
    for answer in answers:
        _, _, _, _, target, what = answer.message.subject.split(".")
        ends = {f"check.finished.{engine}.{target}.{what}" for engine in ("postgresql", "none")}
        assert (answer.sequence in letters) != bool(ends & finished), answer


async def results_end(house: House, answers: Sequence[Answer]) -> None:
    letters = await letters_of(house.client, CHECK_RESULTS)
    standing = {stored.sequence: stored for stored in await everything(house.client, CHECK_RESULTS)}
    information = await house.client.jetstream().stream_info(CHECK_RESULTS)
    most_of_a_subject = information.config.max_msgs_per_subject
    assert most_of_a_subject
    by_place = {answer.sequence: answer for answer in answers}
    newer: Counter[str] = Counter()
    for place in range(information.state.last_seq, 0, -1):
        if place not in by_place:  # what the good runs brought
            newer[subjects.verdict("postgresql", "good", "c")] += 1
            continue
        answer, is_letter, stands = by_place[place], place in letters, place in standing
        # Of one subject the stream keeps so many: newer ones may push out what waits for its turn to be buried.
        may_be_pushed_out = newer[answer.message.subject] >= most_of_a_subject
        assert is_letter != stands or (may_be_pushed_out and not stands), answer
        newer[answer.message.subject] += 1
        if stands:
            read_result(standing[place])
            said = json.loads(answer.message.body)
            if "specversion" not in said:  # decided here once more, for what was read above is the product's own word
                names = [subjects.token(said[what]) for what in ("engine", "target", "check")]
                assert names == answer.message.subject.split(".")[3:], answer


async def mutes_end(house: House, answers: Sequence[Answer]) -> None:
    letters = await letters_of(house.client, MUTES)
    created = (await house.client.jetstream().stream_info(MUTES)).created
    assert created is not None
    results = {
        one.subject: json.loads(one.data) for one in await everything(house.client, MUTES) if "result" in one.subject
    }
    for answer in answers:
        if answer.message.subject == subjects.UNMUTE_REQUESTED:
            if answer.sequence not in letters:
                cloudevents.read(UnmuteRequested, answer.message.body)
            continue
        result = results.get(subjects.mute_result(subjects.sequence_id(created, answer.sequence)))
        # Without a result: a copy of a stored message, which nobody acts on at all.
        assert (answer.sequence in letters) == (result is None or bool(result.get("refused"))), answer


async def events_end(house: House, answers: Sequence[Answer]) -> None:
    """Nobody acts on them: there is nothing to be seen but that the good work went on."""


async def entries_end(house: House, answers: Sequence[Answer]) -> None:
    view = Configuration()
    left_out = 0
    for stored in await everything(house.client, bucket_stream(CONFIGURATION)):
        data = None if stored.headers.get("KV-Operation") in {"DEL", "PURGE"} else stored.data
        change = view.apply(stored.subject.removeprefix(f"$KV.{CONFIGURATION}."), data, stored.sequence)
        left_out += change.kind == "unreadable"
    assert left_out > len(answers) / 4
    # The view above is the product's own; what it must not take is decided here once more.
    never = {key for answer in answers if (key := never_a_thing(answer.message))}
    assert len(never) > len(answers) / 20
    for stage in house.stages:
        (log,) = house.pipeline.folder.glob(f"{stage}-?.log")
        said = [
            line for line in log.read_text(errors="replace").splitlines() if "an entry of the configuration" in line
        ]
        assert len(said) >= left_out, stage
        assert never <= {key for line in said for key in KEY_SAID.findall(line)}, stage


def never_a_thing(message: Message) -> str | None:
    """Return the key of an entry that can be no target or check: it is no JSON, or names another thing than its key."""
    key = message.subject.removeprefix(f"$KV.{CONFIGURATION}.")
    kind, _, name = key.partition(".")
    if kind not in {"target", "check"} or "." in name or b"KV-Operation" in message.header:
        return None
    try:
        said = json.loads(message.body)
    except ValueError:
        return key
    except RecursionError:
        return None
    return key if isinstance(said, dict) and said.get("name") != name else None
