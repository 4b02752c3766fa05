"""Who may do what on NATS? One user for each kind of program, with the subjects that its work needs and no other: what
it may publish, what it may hear, and which parts of JetStream's API it may ask. The configuration of a NATS server is
made of this, so that it can't say otherwise than the programs do. How it is written down is for others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from shared import subjects
from shared.checks import Engine
from shared.errors import WatchwordError
from shared.streams import (
    ALERT_EVENTS,
    CHECK_EVENTS,
    CHECK_REQUESTS,
    CHECK_RESULTS,
    CHECK_RUNS,
    CONFIGURATION,
    DEAD_LETTERS,
    FRONT_DOOR,
    LEASES,
    MUTE_REQUESTS,
    MUTES,
    SLOTS,
    TRANSITIONS,
    Consumer,
    bucket_stream,
    lane_consumer,
)
from shared.subjects import LANES

DEFAULT_POOL = "default"
OWN_ENGINES: tuple[str, ...] = get_args(Engine)
"""The engines whose results only checkers write."""

_FOLLOWED = (CHECK_RESULTS, CHECK_EVENTS, MUTES, ALERT_EVENTS, DEAD_LETTERS)
_CONFIGURATION, _SLOTS, _LEASES = (bucket_stream(name) for name in (CONFIGURATION, SLOTS, LEASES))


class EngineTaken(WatchwordError):
    """Another program can't publish results under an engine of the checkers."""


@dataclass(frozen=True, slots=True)
class NatsUser:
    """One user: its name, for what it is, and the only subjects that it may publish and subscribe to."""

    name: str
    about: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]

    @property
    def inbox_prefix(self) -> str:
        """Return the prefix of its reply subjects, so that nobody hears the answers to another."""
        return f"_INBOX_{self.name}"


def users(pools: Sequence[str] = (DEFAULT_POOL,), producers: Sequence[str] = ()) -> list[NatsUser]:
    """Return the users of an installation: the checkers of each pool and each producer have one of their own.

    ``producers`` are the engines of other programs. Raises ``EngineTaken`` and ``NameRefused``.
    """
    return [
        administrator(),
        operator(pools),
        reader(),
        scheduler(),
        *(checker(pool) for pool in dict.fromkeys(pools)),
        publisher(),
        silencer(),
        requester(),
        muter(),
        *(producer(engine) for engine in dict.fromkeys(producers)),
    ]


def administrator() -> NatsUser:
    """Whoever runs ``watchword init``: makes streams, and alone may delete them or put them back."""
    installation = subjects.bucket_subject(CONFIGURATION, subjects.setting_key("file", "installation"))
    return _user("admin", "watchword init: makes the streams; alone may delete them", ["$JS.API.>", installation])


def operator(pools: Sequence[str] = (DEFAULT_POOL,)) -> NatsUser:
    """A person with the command line: asks, mutes, applies the inventory, replays dead letters."""
    return _user(
        "operator",
        "people: watchword apply, run, mute, dead; writes the configuration",
        [
            subjects.CHECK_REQUESTED,
            subjects.MUTE_REQUESTED,
            subjects.UNMUTE_REQUESTED,
            subjects.bucket_subject(CONFIGURATION, ">"),
            *(subjects.CHECK_RUNS, subjects.CHECK_RESULTS),  # where a dead letter may have come from
            subjects.DEAD_LETTERS,  # who replayed which
            _api("STREAM.MSG.DELETE", DEAD_LETTERS),
            *_looks(pools),
        ],
        hears=[subjects.CHECK_REQUESTED],
    )


def reader() -> NatsUser:
    """A dashboard, a report, an alert follower: sees everything that is stored, changes nothing."""
    return _user(
        "reader", "dashboards, reports, alert followers: reads, writes nothing", _looks(()), [subjects.CHECK_REQUESTED]
    )


def scheduler() -> NatsUser:
    """Asks for what is due, and remembers that it asked."""
    return _user(
        "scheduler",
        "asks for what is due",
        [
            *(f"check.requested.{lane}.*.*.*" for lane in ("bulk", "due")),
            subjects.bucket_subject(SLOTS, ">"),
            *_follows(_CONFIGURATION),
            *_follows(_SLOTS),
            *_looks_up(_SLOTS, subjects.bucket_subject(SLOTS, ">")),
            *_knows(CHECK_RUNS, CHECK_RESULTS),
        ],
    )


def checker(pool: str = DEFAULT_POOL) -> NatsUser:
    """The checkers of one pool: take its runs and no other's, write results of their engines and no other's."""
    encoded = subjects.token(pool)
    name = "checker" if pool == DEFAULT_POOL else f"checker-{encoded}"
    return _user(
        name,
        f"the checkers of the pool {encoded}",
        [
            *_consumes(FRONT_DOOR),
            *(each for lane in LANES for each in _consumes(lane_consumer(lane, pool))),
            subjects.CHECK_RUNS,  # whoever takes a request splits it for all pools
            subjects.CHECK_ACCEPTED,
            *(f"check.{what}.{engine}.*.*" for what in ("started", "finished") for engine in (*OWN_ENGINES, "none")),
            *(f"check.result.{kind}.{engine}.*.*" for kind in ("verdict", "error") for engine in OWN_ENGINES),
            subjects.dead_letter("checker"),
            *_leases(),
            *_follows(_CONFIGURATION),
            *_looks_up(CHECK_RESULTS, *(f"check.result.*.{engine}.*.*" for engine in OWN_ENGINES)),
            *_asks_the_leader(CHECK_RESULTS),
            *_looks_up(CHECK_EVENTS, subjects.CHECK_ACCEPTED),
            *_knows(CHECK_REQUESTS, CHECK_RUNS),
        ],
    )


def publisher() -> NatsUser:
    """Reads results, ends those that were withdrawn, and tells of each transition."""
    return _user(
        "publisher",
        "turns results into alerts; withdraws, and empties what was withdrawn",
        [
            *_consumes(TRANSITIONS),
            subjects.CHECK_VERDICTS,
            subjects.ALERT_FIRING,
            subjects.ALERT_RESOLVED,
            subjects.dead_letter("publisher"),
            _api("STREAM.PURGE", CHECK_RESULTS),
            _api("STREAM.MSG.DELETE", CHECK_RESULTS),
            *_follows(_CONFIGURATION),
            *_follows(CHECK_RESULTS),
            *_looks_up(CHECK_RESULTS, subjects.CHECK_RESULTS),
            _api("CONSUMER.INFO", CHECK_RUNS, "*"),  # whether checkers wait for work in each pool
        ],
    )


def silencer() -> NatsUser:
    """Reads mutes and writes what became of them."""
    return _user(
        "silencer",
        "turns mute requests into silences",
        [
            *_consumes(MUTE_REQUESTS),
            subjects.MUTE_RESULTS,
            subjects.dead_letter("silencer"),
            *_leases(),
            *_follows(_CONFIGURATION),
            *_follows(MUTES),
            *_looks_up(MUTES, subjects.MUTE_RESULTS),
            *_asks_the_leader(CHECK_RESULTS),
        ],
    )


def requester() -> NatsUser:
    """A CI job or a migration: asks for checks, and hears nothing but that its request was stored."""
    return _user("requester", "CI jobs: ask for checks", [subjects.CHECK_REQUESTED])


def muter() -> NatsUser:
    """A chat bot: mutes and unmutes."""
    return _user("muter", "chat bots: mute and unmute", [subjects.MUTE_REQUESTED, subjects.UNMUTE_REQUESTED])


def producer(engine: str) -> NatsUser:
    """Another program that publishes results under an engine of its own. Raises ``EngineTaken``."""
    if engine in OWN_ENGINES:
        message = f"the engine {engine} belongs to the checkers; give your program an engine name of its own"
        raise EngineTaken(message)
    encoded = subjects.token(engine)
    results = [f"check.result.{kind}.{encoded}.*.*" for kind in ("verdict", "error")]
    return _user(f"producer-{encoded}", f"publishes results of the engine {encoded}", results)


def _user(name: str, about: str, publish: Iterable[str], hears: Iterable[str] = ()) -> NatsUser:
    return NatsUser(name, about, tuple(sorted(set(publish))), (f"_INBOX_{name}.>", *hears))


def _api(*words: str) -> str:
    return ".".join(("$JS.API", *words))


def _knows(*streams: str) -> list[str]:
    """Ask for a stream's settings and last sequence."""
    return [_api("STREAM.INFO", stream) for stream in streams]


def _follows(stream: str) -> list[str]:
    """Read a stream by an ordered consumer. Without its flow control, small replays pass and large ones stall."""
    return [
        *_knows(stream),
        *_asks_the_leader(stream),
        _api("CONSUMER.CREATE", stream),
        _api("CONSUMER.INFO", stream, "*"),
        f"$JS.FC.{stream}.>",
    ]


def _looks_up(stream: str, *filters: str) -> list[str]:
    """Read last messages: one by its subject, or many by a request whose body names the subjects."""
    return [*_knows(stream), _api("DIRECT.GET", stream), *(_api("DIRECT.GET", stream, each) for each in filters)]


def _asks_the_leader(stream: str) -> list[str]:
    """Read single messages as the stream's leader knows them, where any other member may be behind."""
    return [_api("STREAM.MSG.GET", stream)]


def _leases() -> list[str]:
    """Take and hold leases."""
    leases = subjects.bucket_subject(LEASES, "*")
    return [leases, *_looks_up(_LEASES, leases)]


def _consumes(consumer: Consumer) -> list[str]:
    """Make a durable consumer, with the filter that belongs to its name where that is one, and take its messages."""
    place = (consumer.stream, consumer.name)
    filters = consumer.filter_subjects if len(consumer.filter_subjects) == 1 else ()
    return [
        *_knows(consumer.stream),
        _api("CONSUMER.CREATE", *place, *filters),
        _api("CONSUMER.INFO", *place),
        _api("CONSUMER.MSG.NEXT", *place),
        f"$JS.ACK.{consumer.stream}.{consumer.name}.>",
    ]


def _looks(pools: Sequence[str]) -> list[str]:
    """See everything that is stored, and who consumes it."""
    lanes = [lane_consumer(lane, pool) for pool in pools for lane in LANES]
    return [
        *_knows(CHECK_REQUESTS, CHECK_RUNS, _SLOTS, _LEASES),
        *(each for stream in (*_FOLLOWED, _CONFIGURATION) for each in (*_follows(stream), *_looks_up(stream))),
        *_looks_up(_CONFIGURATION, subjects.bucket_subject(CONFIGURATION, ">")),
        *(_api("CONSUMER.INFO", one.stream, one.name) for one in (FRONT_DOOR, TRANSITIONS, MUTE_REQUESTS, *lanes)),
    ]
