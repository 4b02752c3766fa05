"""Every subject, key and message id, spelled in one place. A name (of a target, a check, a pool, a schedule) becomes
one token by a reversible encoding that is valid in a subject and in a key of a bucket alike: ``[A-Za-z0-9_-]`` stands
for itself, any other byte of the UTF-8 is written ``=HH``. Nothing else in the project may build a subject by hand.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from shared.errors import NameRefused

LONGEST_NAME_BYTES = 120

Lane: TypeAlias = Literal["now", "bulk", "due"]
LANES: tuple[Lane, ...] = ("now", "bulk", "due")

CHECK_REQUESTED = "check.requested"
CHECK_RUNS = "check.requested.*.*.*.*"
CHECK_RUNS_OF_LANES = tuple(f"check.requested.{lane}.*.*.*" for lane in LANES)
"""What is stored: a message of another lane would wait for ever, for nobody takes it."""
CHECK_RESULTS = "check.result.*.*.*.*"
CHECK_VERDICTS = "check.result.verdict.*.*.*"
CHECK_ACCEPTED = "check.accepted.*"
CHECK_STARTED = "check.started.*.*.*"
CHECK_FINISHED = "check.finished.*.*.*"
MUTE_REQUESTED = "mute.requested"
UNMUTE_REQUESTED = "unmute.requested"
MUTE_RESULTS = "mute.result.*"
ALERT_FIRING = "alert.firing.*.*.*"
ALERT_RESOLVED = "alert.resolved.*.*.*"
DEAD_LETTERS = "dead.*"
_REPLAYED = "dead.replayed-"

EVERYTHING = "all"
"""The ``what`` of a request for every enabled check."""

_PLAIN = re.compile(rb"[A-Za-z0-9_-]")
_PLAIN_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME_BYTES}}}")
_PLAIN_VERDICT = re.compile(r"check\.result\.verdict" + 3 * rf"\.({_PLAIN_NAME.pattern})")
_TOKEN = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")


def token(name: str) -> str:
    """Encode a name as one token. Raises ``NameRefused`` when it is empty or longer than 120 bytes."""
    if _PLAIN_NAME.fullmatch(name):  # nearly every name, and every subject is made of several
        return name
    raw = name.encode("utf-8", "surrogatepass")
    if not 1 <= len(raw) <= LONGEST_NAME_BYTES:
        message = f"a name has 1 to {LONGEST_NAME_BYTES} bytes, this one has {len(raw)}: {name[:40]!r}"
        raise NameRefused(message)
    return "".join(chr(byte) if _PLAIN.match(bytes((byte,))) else f"={byte:02X}" for byte in raw)


def name_of(encoded: str) -> str:
    """Decode a token. Raises ``NameRefused`` when it is not one that ``token`` writes."""
    if _PLAIN_NAME.fullmatch(encoded):  # nearly every token, as above
        return encoded
    if not _TOKEN.fullmatch(encoded):
        message = f"{encoded!r} is not an encoded name"
        raise NameRefused(message)
    raw = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes((int(found[1], 16),)), encoded.encode())
    try:
        name = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        message = f"{encoded!r} does not encode text"
        raise NameRefused(message) from None
    if token(name) != encoded:  # otherwise two subjects would speak of one thing
        message = f"{encoded!r} encodes {name!r}, which is written {token(name)!r}"
        raise NameRefused(message)
    return name


def what_of_checks(checks: Sequence[str]) -> str:
    """Return the ``what`` of a request for a list of checks; the same list in any order has the same."""
    listed = "\n".join(sorted(set(checks)))
    return f"checks-{hashlib.sha256(listed.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def run_requested(lane: Lane, pool: str, target: str, what: str) -> str:
    """Return the subject of the unit of work: one target; JetStream keeps only its newest message."""
    return f"check.requested.{lane}.{token(pool)}.{token(target)}.{token(what)}"


def runs_of(lane: Lane, pool: str) -> str:
    """Return the filter of one lane of one pool."""
    return f"check.requested.{lane}.{token(pool)}.*.*"


@dataclass(frozen=True, slots=True)
class RunSubject:
    """What the subject of a message in CHECK_RUNS says."""

    lane: Lane
    pool: str
    target: str
    what: str


def parse_run(subject: str) -> RunSubject:
    """Read the subject of a message in CHECK_RUNS. Raises ``NameRefused`` when it is another kind of subject."""
    parts = subject.split(".")
    if len(parts) != 6 or parts[:2] != ["check", "requested"] or parts[2] not in LANES:
        message = f"{subject!r} is not check.requested.<lane>.<pool>.<target>.<what>"
        raise NameRefused(message)
    lane: Lane = "now" if parts[2] == "now" else "bulk" if parts[2] == "bulk" else "due"
    return RunSubject(lane, name_of(parts[3]), name_of(parts[4]), name_of(parts[5]))


def verdict(engine: str, target: str, check: str) -> str:
    """Return the subject whose last message is the current state of a check on a target."""
    return f"check.result.verdict.{token(engine)}.{token(target)}.{token(check)}"


def error(engine: str, target: str, check: str) -> str:
    """Return the subject of results that could not look; they never overwrite a verdict."""
    return f"check.result.error.{token(engine)}.{token(target)}.{token(check)}"


def verdicts_of(engine: str, target: str) -> str:
    """Return the filter of all verdicts of one target."""
    return f"check.result.verdict.{token(engine)}.{token(target)}.*"


def verdicts_of_check(target: str, check: str) -> str:
    """Return the filter of the verdicts of one check on one target, whoever's engine it is."""
    return f"check.result.verdict.*.{token(target)}.{token(check)}"


def errors_of(engine: str, target: str) -> str:
    """Return the filter of all error results of one target."""
    return f"check.result.error.{token(engine)}.{token(target)}.*"


class ResultSubject(NamedTuple):
    """What the subject of a message in CHECK_RESULTS says; it is the truth about engine, target and check. A tuple, for
    it is the key of everything that is known by the hundred thousand.
    """

    kind: Literal["verdict", "error"]
    engine: str
    target: str
    check: str


def parse_result(subject: str) -> ResultSubject:
    """Read the subject of a result. Raises ``NameRefused`` when it is another kind of subject."""
    plain = _PLAIN_VERDICT.fullmatch(subject)
    if plain is not None:  # nearly every result
        return ResultSubject("verdict", *plain.groups())
    parts = subject.split(".")
    if len(parts) != 6 or parts[:2] != ["check", "result"] or parts[2] not in {"verdict", "error"}:
        message = f"{subject!r} is not check.result.(verdict|error).<engine>.<target>.<check>"
        raise NameRefused(message)
    kind: Literal["verdict", "error"] = "verdict" if parts[2] == "verdict" else "error"
    return ResultSubject(kind, name_of(parts[3]), name_of(parts[4]), name_of(parts[5]))


def accepted(request_id: str) -> str:
    """Return the subject that says what a request became."""
    return f"check.accepted.{token(request_id)}"


def started(engine: str, target: str, what: str) -> str:
    """Return the subject that says a run began."""
    return f"check.started.{token(engine)}.{token(target)}.{token(what)}"


def finished(engine: str, target: str, what: str) -> str:
    """Return the subject that says a run ended."""
    return f"check.finished.{token(engine)}.{token(target)}.{token(what)}"


def finished_of(engine: str, target: str) -> str:
    """Return the filter of everything that ended on one target, whatever was asked."""
    return f"check.finished.{token(engine)}.{token(target)}.*"


def mute_result(mute_id: str) -> str:
    """Return the subject of what became of one mute."""
    return f"mute.result.{token(mute_id)}"


def alert_event(transition: Literal["firing", "resolved"], engine: str, target: str, check: str) -> str:
    """Return the subject of one transition of one alert."""
    return f"alert.{transition}.{token(engine)}.{token(target)}.{token(check)}"


def dead_letter(stage: str) -> str:
    """Return the subject of what a stage refused."""
    return f"dead.{token(stage)}"


def replayed_letter(number: int) -> str:
    """Return the subject of what became of one dead letter that was replayed."""
    return f"{_REPLAYED}{number}"


def is_of_replay(subject: str) -> bool:
    """Say whether a message of DEAD_LETTERS is the record of a replay, and no letter."""
    return subject.startswith(_REPLAYED)


def created_token(created: dt.datetime) -> str:
    """Write a stream's creation as the first half of an id: microseconds since 1970.

    Sequences restart when a stream is made anew; with this in front an id never names two messages.
    """
    elapsed = created - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return str(elapsed // dt.timedelta(microseconds=1))


def sequence_id(created: dt.datetime, sequence: int) -> str:
    """Write ``<created>-<sequence>``: the id of requests, mutes, runs and alert events."""
    return f"{created_token(created)}-{sequence}"


def parse_sequence_id(identifier: str) -> tuple[int, int]:
    """Return both halves as numbers, in an order in which later ids compare as greater.

    Raises ``NameRefused`` when it is not an id of that form.
    """
    found = re.fullmatch(r"([0-9]{1,19})-([0-9]{1,19})", identifier)
    if not found:
        message = f"{identifier!r} is not <created>-<sequence>"
        raise NameRefused(message)
    return int(found[1]), int(found[2])


def due_message_id(target: str, schedule: str, due_at: dt.datetime) -> str:
    """Return the id under which JetStream keeps one request for a slot, however many schedulers ask."""
    return f"due/{token(target)}/{token(schedule)}/{due_at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def changed_message_id(target: str, schedule: str, revision: int, generation: str) -> str:
    """Return the id under which JetStream keeps one request for a change of the configuration.

    ``generation`` names the streams that the request belongs to: when one of them is made anew, revisions may repeat
    and what was asked for is owed again, so it must not count as a duplicate.
    """
    return f"changed/{token(target)}/{token(schedule)}/{revision}/{generation}"


def generation_of(created: Sequence[dt.datetime]) -> str:
    """Name a set of streams by their creation: another name as soon as one of them was made anew."""
    stamps = "-".join(created_token(moment) for moment in created)
    return hashlib.sha256(stamps.encode()).hexdigest()[:12]


def target_key(target: str) -> str:
    """Return the key of a target in the configuration bucket."""
    return f"target.{token(target)}"


def check_key(check: str) -> str:
    """Return the key of a check's definition in the configuration bucket."""
    return f"check.{token(check)}"


def setting_key(*parts: str) -> str:
    """Return the key of a setting; each part is a name."""
    return ".".join(["setting", *(token(part) for part in parts)])


def parse_key(key: str) -> tuple[str, ...]:
    """Return the parts of a key, decoded. Raises ``NameRefused`` for one that was not written by these functions."""
    return tuple(name_of(part) for part in key.split("."))


def slot_key(target: str, schedule: str) -> str:
    """Return the key of the last slot requested for a target and schedule."""
    return f"{token(target)}.{token(schedule)}"


def lease_key(target: str) -> str:
    """Return the key under which a run holds its target."""
    return token(target)


def bucket_subject(bucket: str, key: str) -> str:
    """Return the subject behind a key of a bucket."""
    return f"$KV.{bucket}.{key}"
