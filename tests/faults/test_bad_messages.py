"""Messages that nobody meant, thousands on each subject that others write to, while all four stages run as processes.
Each ends as a dead letter with a reason, as a refusal, or as work; nothing stays behind, nothing is handled for ever,
no stage fails at anything, what stood stands, memory stays flat, and the good work among it is done as soon as ever.
"""

import asyncio
import contextlib
import json
import re
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from nats.aio.msg import Msg

from services.publisher.errors import ResultBroken
from services.publisher.received import read_result
from shared import cloudevents, subjects
from shared.careful_client import CarefulClient
from shared.configuration import Configuration
from shared.mutes import UnmuteRequested
from shared.streams import (
    CHECK_EVENTS,
    CHECK_REQUESTS,
    CHECK_RESULTS,
    CHECK_RUNS,
    CONFIGURATION,
    FRONT_DOOR,
    MUTE_REQUESTS,
    MUTES,
    TRANSITIONS,
    Consumer,
    bucket_stream,
    lane_consumer,
)
from shared.subjects import LANES
from tests.e2e.processes import Pipeline
from tests.faults.fuzz import TEXTS, Fuzz
from tests.faults.outcomes import careful_client, everything, is_settled, letters_of, memory_mib
from tests.faults.raw_nats import Answer, Message, RawNats, raw_nats
from tests.faults.truth import SEES, Truth
from tests.integration.checker_fleet import eventually

SEED = 20261129
BATCH = 100
"""One piece of good work goes among so many."""
SLOWEST_EACH_SECOND = 25
"""So many bad messages come to their end in a second at the least; 100 do while two soaks share the machine."""
QUIET_LOOKS = 5
KEY_SAID = re.compile(r"\bkey='?([^\s']+)")
SLOWER, AT_LEAST_SECONDS = 20, 5.0
"""How much longer good work may take, and what is never too long on a busy machine."""
MORE_MEMORY, AND_MIB = 1.5, 96

REQUESTS: list[dict[str, Any]] = [
    {"targets": ["good"], "checks": ["c"], "id": "x", "requested_by": "ann", "reason": "why"},
    {"targets": "go*", "engine": "postgresql", "selector": {"team": "a*"}, "reason": "why"},
    {"checks": ["c", "d"], "targets": ["good", "gone", "nobody"], "requested_by": "ann"},
]
RUNS: list[dict[str, Any]] = [
    {"checks": ["c"], "request_id": "1-1", "requested_by": "ann", "reason": "why"},
    {"schedule": "standard", "due_at": "2026-11-29T00:00:00Z"},
]
MUTED: list[dict[str, Any]] = [
    {"target": "noise", "check": "c", "severity": "warning", "for": "2h", "created_by": "ann", "comment": "why"},
    {"fingerprint": "0123456789abcdef", "until": "2026-11-30T00:00:00Z", "created_by": "ann", "comment": "why"},
    {
        "matchers": [{"name": "service_name", "value": "noise", "isRegex": False, "isEqual": True}],
        "for": "1h",
        "created_by": "ann",
        "comment": "why",
        "id": "mine",
    },
]
UNMUTED: list[dict[str, Any]] = [
    {"id": "1795946659361382-1", "requested_by": "ann", "reason": "why"},
    {"target": "noise", "check": "c", "severity": "warning", "requested_by": "ann"},
    {"fingerprint": "0123456789abcdef", "reason": "why"},
]
FINDING = {
    "summary": "weak",
    "description": "very",
    "severity": "warning",
    "labels": {"row": "1", "database": "d"},
    "read_more_url": "https://example.test/",
    "failing_since": "2026-11-29T00:00:00Z",
    "accepted": {"until": "2027-01-01T00:00:00Z", "by": "ann"},
}
EVENTS: dict[str, dict[str, Any]] = {
    "check.started": {
        "run": "1-1",
        "target": "good",
        "checks": ["c"],
        "sequence": 1,
        "attempt": 4,
        "checker": "x",
        "started_at": "2026-11-29T00:00:00Z",
    },
    "check.finished": {
        "run": "1-1",
        "target": "good",
        "checks": ["c"],
        "covers": 1,
        "started_at": "2026-11-29T00:00:00Z",
        "duration_ms": 1.0,
    },
    "check.accepted": {"request_id": "1-1", "sequence": 1, "what": "all", "first": 1, "targets": ["good"], "parts": 1},
    "alert.firing": {"id": "1-1/x", "key": "x", "transition": "firing", "labels": {"a": "b"}, "summary": "s"},
    "alert.resolved": {"id": "1-1/x", "key": "x", "transition": "resolved", "labels": {"a": "b"}, "at": "now"},
    "mute.result": {"request_id": "1-1", "matchers": [{"name": "a", "value": "b"}], "silences": [], "ends_at": "x"},
}
TARGET = {
    "name": "noise",
    "engine": "postgresql",
    "host": "127.0.0.1",
    "port": 1,
    "user": "u",
    "labels": {"team": "a"},
    "password": {"env": "WATCHWORD_SECRET_X"},
    "tls": {"mode": "prefer"},
    "pool": "nowhere",
    "parameters": {"c": {"threshold": 5}},
}
CHECK = {
    "name": "noise",
    "engine": "mysql",
    "summary": "s",
    "description": "d",
    "interval": "standard",
    "queries": [{"type": "MYSQL_SELECT", "text": "1", "parameters": [["all_dbs", "true"]]}],
    "script": "def check_context(docs, context):\n  return []\n",
    "parameters": {"threshold": {"default": 5, "description": "d"}},
    "requires": {"versions": ">=8", "flavours": ["mysql"]},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "disabled": {"disabled": True, "author": "ann", "reason": "why", "at": "2026-11-29T00:00:00Z"},
    "interval": {"schedule": "30 3 * * 1 Europe/Berlin", "author": "ann"},
    "schedule": {"schedule": "12h"},
    "severity": {"severity": "critical"},
    "exception": {"check": "noise", "target": "noise", "labels": {"a": "b"}, "until": "2027-01-01T00:00:00Z"},
    "parameters": {"check": "noise", "labels": {"team": "a"}, "values": {"threshold": 5}},
    "alertmanagers": {"alertmanagers": [{"name": "x", "urls": ["http://127.0.0.1:1"]}]},
    "muting": {"default": "2h"},
    "metrics": {"url": "http://127.0.0.1:1", "credential": {"username": "u"}},
    "dead-mans-switch": {"enabled": True, "error_lasts": "1h", "gone_after": "5m"},
    "installation": {"url": "http://127.0.0.1:1"},
}


@dataclass
class House:
    """All stages as processes, one target with a weakness, and its alert."""

    pipeline: Pipeline
    client: CarefulClient
    raw: RawNats
    stages: dict[str, "subprocess.Popen[bytes]"]
    alert: dict[str, Any]
    accepted: dict[int, int] = field(default_factory=dict)
    """By the request's place: where its first part was stored."""
    covered: int = 0
    """How far runs of the good target reach."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self) -> None:
        """Note what becomes of requests, and the ends of runs on the good target."""

        async def accepted(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event = json.loads(message.data)
                self.accepted[event["sequence"]] = event["first"]
                self.news.set()

        async def finished(message: Msg) -> None:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self.covered = max(self.covered, json.loads(message.data)["covers"])
                self.news.set()

        await self.client.subscribe("check.accepted.*", cb=accepted)
        await self.client.subscribe("check.finished.postgresql.good.all", cb=finished)

    async def good_run(self) -> float:
        """Force a run of the good target, and return how long it took until it was answered."""
        began = time.monotonic()
        stored = await self.client.jetstream(timeout=30).publish("check.requested", b'{"targets": ["good"]}')
        async with asyncio.timeout(60):
            while self.covered < self.accepted.get(stored.seq, self.covered + 1):
                self.news.clear()
                await self.news.wait()
        return time.monotonic() - began

    def memory(self) -> dict[str, float]:
        return {stage: memory_mib(process) for stage, process in self.stages.items()}

    def failures(self) -> list[str]:
        """What a stage said of an exception that nobody had thought of."""
        said = (path.read_text(errors="replace").splitlines() for path in self.pipeline.folder.glob("*-?.log"))
        signs = ("Traceback", "failed to handle", "Exception in callback", "was never retrieved", "NATS complains")
        return [line[:500] for lines in said for line in lines if any(sign in line for sign in signs)]


@contextlib.asynccontextmanager
async def a_house(pipeline: Pipeline, place: dict[str, Any], truth: Truth) -> AsyncIterator[House]:
    await pipeline.fleet.target("good", **place)
    await pipeline.fleet.target("gone", **place)
    await pipeline.fleet.check("c", SEES, queries=[truth.query()])
    await pipeline.fleet.remove(subjects.target_key("gone"))
    truth.weaken(1)
    stages = {stage: pipeline.start(stage) for stage in ("scheduler", "checker", "publisher", "silencer")}
    alert = await pipeline.alert("c", "good", timeout_seconds=60)
    async with careful_client(pipeline.nats_url) as client, raw_nats(pipeline.nats_url) as raw:
        house = House(pipeline, client, raw, stages, alert)
        await house.hear()
        yield house


def a_request(fuzz: Fuzz, _: int) -> Message:
    return Message("check.requested", fuzz.body(REQUESTS), fuzz.header())


def a_part(fuzz: Fuzz, number: int) -> Message:
    target = fuzz.random.choice(("good", "gone", "nobody", "=ED=A0=80", "=0A", fuzz.token()))
    what = fuzz.random.choice((f"w{number}", f"w{number}", f"{fuzz.token()}{number}"))
    return Message(
        f"check.requested.{fuzz.random.choice(LANES)}.default.{target}.{what}", fuzz.body(RUNS), fuzz.header()
    )


def a_result(fuzz: Fuzz, number: int) -> Message:
    if fuzz.random.random() < 0.05:  # where a verdict stands that must stand again
        kind = fuzz.random.choice(("verdict", "error"))
        return Message(f"check.result.{kind}.postgresql.good.c", b"\xff" + fuzz.body(REQUESTS), fuzz.header())
    kind, engine = (
        fuzz.random.choice(("verdict", "error")),
        fuzz.random.choice(("ci", "postgresql", "mysql", "watchword")),
    )
    target, check = f"t{number}", fuzz.random.choice(("scan", fuzz.token()))
    if fuzz.random.random() < 0.1:
        engine, target = fuzz.token(), fuzz.token() + str(number)
    status = "failed" if kind == "verdict" else "error"
    valid = {"status": status, "engine": engine, "target": target, "check": check, "labels": {"a": "b"}}
    valid |= {"expires_at": "2027-01-01T00:00:00Z", "run": "1-1", "reason": "why", "findings": [FINDING, FINDING]}
    body = fuzz.body([valid])
    if fuzz.random.random() < 0.1:  # right but for one text, which is passed on to alerts and events
        text = {fuzz.random.choice(("summary", "description", "read_more_url")): fuzz.random.choice(TEXTS)}
        body = json.dumps({**valid, "findings": [{**FINDING, "accepted": None, **text}]}).encode()
    return Message(f"check.result.{kind}.{engine}.{target}.{check}", body, fuzz.header())


def a_mute(fuzz: Fuzz, _: int) -> Message:
    return Message("mute.requested", fuzz.body(MUTED), fuzz.header())


def an_unmute(fuzz: Fuzz, _: int) -> Message:
    return Message("unmute.requested", fuzz.body(UNMUTED), fuzz.header())


def an_event(fuzz: Fuzz, number: int) -> Message:
    kind = fuzz.random.choice(list(EVENTS))
    if kind in {"check.accepted", "mute.result"}:
        return Message(f"{kind}.{fuzz.token()}", fuzz.body([EVENTS[kind]]), fuzz.header())
    if kind in {"check.started", "check.finished"} and fuzz.random.random() < 0.5:  # what the next run there reads
        return Message(f"{kind}.postgresql.good.{fuzz.random.choice(('all', f'w{number}', fuzz.token()))}", b"\xff")
    return Message(f"{kind}.postgresql.{fuzz.token()}.{fuzz.token()}", fuzz.body([EVENTS[kind]]), fuzz.header())


def an_entry(fuzz: Fuzz, number: int) -> Message:
    begin = f"$KV.{CONFIGURATION}."
    name = f"n{number}"
    match fuzz.random.choice(("target", "check", "setting", "setting", "setting", "stray")):
        case "target":
            body = fuzz.body([{**TARGET, "name": name}])
            # Nobody looks at it: its host may be any.
            key = f"target.{name}" if b'"nowhere"' in body or b'"host"' not in body else f"target.x{name}"
        case "check":
            key, body = f"check.{name}", fuzz.body([{**CHECK, "name": name}])
        case "setting":
            kind = fuzz.random.choice(list(SETTINGS))
            # With a name behind it, none of them touches the good target.
            names = fuzz.random.choice((f".{name}", f".{name}.{fuzz.token()}", f".{fuzz.token()}"))
            key = f"setting.{fuzz.random.choice(('file', 'person', fuzz.token()))}.{kind}{names}"
            body = fuzz.body([SETTINGS[kind]])
            if fuzz.random.random() < 0.1:
                key, body = f"setting.person.{kind}", b"\xff" + body
        case _:
            key, body = ".".join(fuzz.token() for _ in range(fuzz.random.randint(1, 5))), fuzz.body([TARGET])
    return Message(begin + key, body, fuzz.header())


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


@dataclass(frozen=True, slots=True)
class Door:
    """Where bad messages come in, and what must have become of them."""

    makes: tuple[Callable[[Fuzz, int], Message], ...]
    ended: Callable[[House, Sequence[Answer]], Awaitable[None]]
    consumers: tuple[Consumer, ...] = ()


DOORS = {
    "requests": Door((a_request,), requests_end, (FRONT_DOOR,)),
    "parts": Door((a_part,), parts_end, tuple(lane_consumer(lane, "default") for lane in LANES)),
    "results": Door((a_result,), results_end, (TRANSITIONS,)),
    "mutes": Door((a_mute, an_unmute), mutes_end, (MUTE_REQUESTS,)),
    "events": Door((an_event,), events_end),
    "entries": Door((an_entry,), entries_end),
}


async def withstands(house: House, door: Door, count: int) -> None:
    """Let bad messages in, and see what becomes of them."""
    fuzz = Fuzz(SEED + count)
    quiet = statistics.median([await house.good_run() for _ in range(QUIET_LOOKS)])
    memory: dict[str, float] = {}
    answers: list[Answer] = []
    took: list[float] = []
    for begin in range(0, count, BATCH):
        messages = [make(fuzz, number) for number in range(begin, begin + BATCH) for make in door.makes]
        said, seconds = await asyncio.gather(house.raw.store(messages), house.good_run())
        answers += said
        took.append(seconds)
        memory = memory or house.memory()  # once what is needed for any message is there
    stored = [answer for answer in answers if answer.sequence and not answer.is_duplicate]
    assert len(stored) > 0.8 * len(answers), {answer.refused for answer in answers}
    work_seconds = len(stored) / SLOWEST_EACH_SECOND
    await eventually(lambda: have_ended(house, door), "everything to have ended", 120 + work_seconds)
    give_up_at = time.monotonic() + 30 + work_seconds
    while True:
        try:
            await door.ended(house, stored)
            break
        except (AssertionError, KeyError, ResultBroken):
            # The last ones may be on their way to where they end: what was broken is settled one after the other.
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.5)
    took.append(await house.good_run())
    assert house.failures() == []
    assert [stage for stage, process in house.stages.items() if process.poll() is not None] == []
    assert statistics.median(took) < max(AT_LEAST_SECONDS, SLOWER * quiet), (quiet, took)
    for stage, mib in house.memory().items():
        assert mib < MORE_MEMORY * memory[stage] + AND_MIB, (stage, memory[stage], mib)
    alerts = [one for one in await house.pipeline.alerts() if one["labels"].get("service_name") == "good"]
    assert [(one["fingerprint"], one["startsAt"]) for one in alerts] == [
        (house.alert["fingerprint"], house.alert["startsAt"])
    ]


async def have_ended(house: House, door: Door) -> bool:
    jetstream = house.client.jetstream()
    return all([await is_settled(jetstream, one.stream, one.name) for one in door.consumers])


@pytest.mark.parametrize("door", DOORS)
async def test_bad_messages_end_with_a_reason_and_spoil_nothing(pipeline, place, truth, door):
    async with a_house(pipeline, place, truth) as house:
        await withstands(house, DOORS[door], 500)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("door", DOORS)
async def test_ten_thousand_bad_messages_end_with_a_reason_and_spoil_nothing(pipeline, place, truth, door):
    async with a_house(pipeline, place, truth) as house:
        await withstands(house, DOORS[door], 10_000)
