"""Does each NATS user have what its work needs, and nothing else? On a real server with the users that the product
writes: what is denied, and what the server itself could be made to do in spite of it.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from services.silencer.app import make_silencer
from services.silencer.settings import SilencerSettings
from shared import addressed, subjects
from shared.configuration import Configuration
from shared.dead_letters import REASON
from shared.declaring import declare, declared_names
from shared.following import Follower
from shared.mutes import MuteRequested
from shared.publishing import publish
from shared.stage import FollowedConfiguration, started
from shared.streams import (
    CHECK_EVENTS,
    CHECK_RESULTS,
    CHECK_RUNS,
    CONFIGURATION,
    DEAD_LETTERS,
    MUTES,
    bucket_stream,
    stream_of,
)
from tests.integration.checker_fleet import eventually
from tests.integration.nats_installation import NatsWithUsers, nats_with_users

REQUEST_OF_BERLIN = "check.requested.now.berlin.t.all"
VERDICT = "check.result.verdict.{engine}.t.c"
STAGES = ("scheduler", "checker", "checker-berlin", "publisher", "silencer")
PEOPLE = ("operator", "reader", "requester", "muter", "producer-scanner")
TARGET_KEY = f"$KV.{CONFIGURATION}.target.t"
OF_CONSUMERS = "$JS.API.CONSUMER"


@dataclass
class Connected:
    """One user's connection, and what the server said no to."""

    client: Client
    denials: list[str] = field(default_factory=list)

    @property
    def jetstream(self) -> JetStreamContext:
        return self.client.jetstream(timeout=5)

    async def is_denied(self, subject: str) -> bool:
        """Publish on a subject, and say whether the server refused that."""
        await self.client.publish(subject, b"{}")
        return await self._hears_no(subject)

    async def is_deaf(self, subject: str) -> bool:
        """Subscribe to a subject, and say whether the server refused that."""
        await self.client.subscribe(subject)
        return await self._hears_no(subject)

    async def _hears_no(self, subject: str) -> bool:
        await self.client.flush()  # its answer comes after the refusal, which a task of its own tells
        return await eventually(
            lambda: any(f'"{subject.lower()}"' in denial.lower() for denial in self.denials),
            f"a refusal of {subject}",
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsWithUsers]:
    with nats_with_users(
        tmp_path_factory.mktemp("nats"), pools=("default", "berlin"), producers=("scanner",)
    ) as running:
        asyncio.run(_declared(running))
        yield running


async def _declared(installation: NatsWithUsers) -> None:
    async with user(installation, "admin") as admin:
        await declare(admin.client, admin.jetstream)
        assert not admin.denials


@contextlib.asynccontextmanager
async def user(installation: NatsWithUsers, name: str) -> AsyncIterator[Connected]:
    denials: list[str] = []

    async def note(error: Exception) -> None:
        if "permissions violation" in str(error):
            denials.append(str(error))

    client = await nats.connect(
        installation.server.url,
        user=name,
        password=installation.passwords[name],
        inbox_prefix=installation.users[name].inbox_prefix,
        error_cb=note,
    )
    try:
        yield Connected(client, denials)
    finally:
        await client.close()


@pytest.mark.parametrize(
    "shown",
    [{}, {"user": "checker", "pass": "checker"}, {"user": "admin", "pass": ""}, {"user": "nobody", "pass": "x"}],
    ids=["no user", "a guessed password", "an empty password", "an unknown user"],
)
def test_nobody_comes_in_with(installation, shown):
    # By hand: the client leaves its socket open when it is refused.
    with socket.create_connection(("127.0.0.1", installation.server.port), timeout=10) as connection:
        said = json.dumps({"verbose": False, "pedantic": False, **shown})
        connection.sendall(f"CONNECT {said}\r\nPING\r\n".encode())
        answer = b""
        while b"-ERR" not in answer and (more := connection.recv(4096)):
            answer += more
    assert b"Authorization Violation" in answer
    assert b"PONG" not in answer


DENIED = {
    "a checker can't mute": ("checker", "mute.requested"),
    "a checker can't unmute": ("checker", "unmute.requested"),
    "a checker can't say that a mute was done": ("checker", "mute.result.x"),
    "a checker can't ask at the front door": ("checker", "check.requested"),
    "a checker can't announce alerts": ("checker", "alert.resolved.postgresql.t.c"),
    "a checker can't write another's engine": ("checker", VERDICT.format(engine="scanner")),
    "a checker can't change the inventory": ("checker", TARGET_KEY),
    "a checker can't move the schedule": ("checker", "$KV.watchword_slots.t.standard"),
    "a checker can't bury in another's name": ("checker", "dead.silencer"),
    "a checker can't empty the results": ("checker", f"$JS.API.STREAM.PURGE.{CHECK_RESULTS}"),
    "a checker can't take another pool's runs": ("checker", f"{OF_CONSUMERS}.MSG.NEXT.{CHECK_RUNS}.now-berlin"),
    "a checker can't acknowledge another pool's runs": ("checker", f"$JS.ACK.{CHECK_RUNS}.now-berlin.1.1.1.1.1"),
    "a checker can't read another pool's runs by a consumer of its own": (
        "checker",
        f"{OF_CONSUMERS}.CREATE.{CHECK_RUNS}.now-default.check.requested.now.berlin.*.*",
    ),
    "a checker can't make a consumer without a filter": ("checker", f"{OF_CONSUMERS}.CREATE.{CHECK_RUNS}"),
    "a checker can't make a consumer in the older way": (
        "checker",
        f"{OF_CONSUMERS}.DURABLE.CREATE.{CHECK_RUNS}.now-default",
    ),
    "a checker can't read a run by its number": ("checker", f"$JS.API.STREAM.MSG.GET.{CHECK_RUNS}"),
    "a checker can't read a run directly": ("checker", f"$JS.API.DIRECT.GET.{CHECK_RUNS}"),
    "a checker can't read who muted what": ("checker", f"$JS.API.DIRECT.GET.{MUTES}"),
    "the checkers of a pool can't take the default pool's": (
        "checker-berlin",
        f"{OF_CONSUMERS}.MSG.NEXT.{CHECK_RUNS}.due-default",
    ),
    "a publisher can't request": ("publisher", "check.requested"),
    "a publisher can't request runs": ("publisher", REQUEST_OF_BERLIN),
    "a publisher can't mute": ("publisher", "mute.requested"),
    "a publisher can't write errors": ("publisher", "check.result.error.postgresql.t.c"),
    "a publisher can't change the configuration": ("publisher", TARGET_KEY),
    "a silencer can't mute by itself": ("silencer", "mute.requested"),
    "a silencer can't write results": ("silencer", VERDICT.format(engine="postgresql")),
    "a silencer can't request": ("silencer", "check.requested"),
    "a scheduler can't use the lane of people": ("scheduler", "check.requested.now.default.t.all"),
    "a scheduler can't write results": ("scheduler", VERDICT.format(engine="postgresql")),
    "a scheduler can't change the configuration": ("scheduler", TARGET_KEY),
    "a producer can't write the engines of checkers": ("producer-scanner", VERDICT.format(engine="postgresql")),
    "a producer can't write MySQL's either": ("producer-scanner", VERDICT.format(engine="mysql")),
    "a producer can't write another producer's": ("producer-scanner", VERDICT.format(engine="other")),
    "a producer can't ask JetStream": ("producer-scanner", f"$JS.API.STREAM.INFO.{CHECK_RESULTS}"),
    "a producer can't mute": ("producer-scanner", "mute.requested"),
    "a reader can't request": ("reader", "check.requested"),
    "a reader can't mute": ("reader", "mute.requested"),
    "a reader can't write results": ("reader", VERDICT.format(engine="postgresql")),
    "a reader can't change the configuration": ("reader", TARGET_KEY),
    "a reader can't drop dead letters": ("reader", f"$JS.API.STREAM.MSG.DELETE.{DEAD_LETTERS}"),
    "a reader can't take what is for the checkers": ("reader", f"{OF_CONSUMERS}.MSG.NEXT.CHECK_REQUESTS.checkers"),
    "a requester can't mute": ("requester", "mute.requested"),
    "a requester can't read results": ("requester", f"$JS.API.DIRECT.GET.{CHECK_RESULTS}"),
    "a muter can't request": ("muter", "check.requested"),
    "an operator can't hold leases": ("operator", "$KV.watchword_leases.t"),
    "an operator can't announce alerts": ("operator", "alert.resolved.postgresql.t.c"),
    "an operator can't empty streams": ("operator", f"$JS.API.STREAM.PURGE.{CHECK_RESULTS}"),
}


@pytest.mark.parametrize(("name", "subject"), DENIED.values(), ids=DENIED)
async def test_the_server_says_no_when(installation, name, subject):
    async with user(installation, name) as connected:
        assert await connected.is_denied(subject)


@pytest.mark.parametrize("name", [*STAGES, *PEOPLE])
async def test_nobody_but_the_administrator_makes_changes_or_deletes_streams(installation, name):
    async with user(installation, name) as connected:
        for stream in declared_names():
            for act in ("CREATE", "UPDATE", "DELETE", "SNAPSHOT", "RESTORE"):
                assert await connected.is_denied(f"$JS.API.STREAM.{act}.{stream}"), (act, stream)
            assert await connected.is_denied(f"$JS.API.CONSUMER.DELETE.{stream}.any"), stream
    async with user(installation, "admin") as admin:
        for stream in declared_names():
            assert (await admin.jetstream.stream_info(stream)).config.name == stream


@pytest.mark.parametrize("name", [*STAGES, *PEOPLE])
async def test_nobody_hears_what_is_not_for_them(installation, name):
    async with user(installation, name) as connected:
        for subject in (
            ">",
            "_INBOX.>",
            "_INBOX_admin.>",
            "check.result.>",
            "mute.requested",
            f"$KV.{CONFIGURATION}.>",
        ):
            assert await connected.is_deaf(subject), subject


async def test_what_is_allowed_is_really_stored(installation):
    for name, subject in (
        ("requester", "check.requested"),
        ("muter", "mute.requested"),
        ("operator", "check.requested"),
        ("operator", "unmute.requested"),
        ("operator", TARGET_KEY),
        ("producer-scanner", VERDICT.format(engine="scanner")),
        ("producer-scanner", "check.result.error.scanner.t.c"),
        ("checker", VERDICT.format(engine="mongodb")),
        ("checker-berlin", REQUEST_OF_BERLIN),
        ("scheduler", "check.requested.due.berlin.t.standard"),
        ("publisher", "alert.firing.scanner.t.c"),
    ):
        async with user(installation, name) as connected:
            assert (await publish(connected.jetstream, subject, b"{}")).stream == stream_of(subject)
            assert not connected.denials


async def test_a_reader_reads_everything_that_is_stored(installation):
    async with user(installation, "reader") as connected:
        for stream in (CHECK_RESULTS, CHECK_EVENTS, MUTES, DEAD_LETTERS, bucket_stream(CONFIGURATION)):
            follower = Follower(connected.jetstream, stream, lambda _: None, last_per_subject=False)
            await follower.start(20)
            await follower.stop()
        assert not connected.denials


async def test_the_filter_of_a_pools_consumer_can_not_be_widened_in_the_request(installation):
    async with user(installation, "checker") as connected:
        subject = f"{OF_CONSUMERS}.CREATE.{CHECK_RUNS}.now-default.check.requested.now.default.*.*"
        config = {"durable_name": "now-default", "name": "now-default", "ack_policy": "explicit"}
        for filters in ({"filter_subject": "check.requested.now.berlin.*.*"}, {}, {"filter_subjects": [">"]}):
            body = {"stream_name": CHECK_RUNS, "config": {**config, **filters}}
            answer = await connected.client.request(subject, json.dumps(body).encode(), timeout=5)
            assert json.loads(answer.data)["error"]["code"] == 400


# What the server does in a user's name. It asks no permission for the subject that it sends an answer to.


async def _relays(publisher: Connected, subject: str, body: bytes) -> None:
    """Have the server publish on a subject that a publisher has no right to, twice with a body of its choice."""
    stored = "check.result.verdict.relayed.t.c"
    await publisher.jetstream.publish(stored, body)  # without the header that our own programs always send
    ask = f"$JS.API.DIRECT.GET.{CHECK_RESULTS}"
    for request, payload in (
        (ask, json.dumps({"last_by_subj": stored}).encode()),
        (ask, json.dumps({"multi_last": [stored], "batch": 1}).encode()),
        (stored, b"{}"),  # the acknowledgement of a publish
        (f"$JS.API.STREAM.INFO.{CHECK_RESULTS}", b""),  # any answer of JetStream
    ):
        await publisher.client.publish(request, payload, reply=subject)
    # And a consumer that delivers there: what it sends keeps its subject, so nobody takes it for a request.
    config = {"deliver_subject": subject, "deliver_policy": "all", "ack_policy": "none", "filter_subject": stored}
    create = json.dumps({"stream_name": CHECK_RESULTS, "config": config}).encode()
    answer = await publisher.client.request(f"{OF_CONSUMERS}.CREATE.{CHECK_RESULTS}", create, timeout=5)
    assert "error" not in json.loads(answer.data)
    assert not publisher.denials  # the server itself sees nothing wrong


async def _stored_on(admin: Connected, stream: str, subject: str, after: int) -> list[Any]:
    information = await admin.jetstream.stream_info(stream)
    found = []
    for sequence in range(after + 1, information.state.last_seq + 1):
        with contextlib.suppress(nats.js.errors.NotFoundError):
            message = await admin.jetstream.get_msg(stream, sequence)
            if message.subject == subject:
                found.append(message)
    return found


# In an Alertmanager of its own: it would hide the alerts of other tests.
MUTE_EVERYTHING = MuteRequested(
    matchers=[{"name": "severity", "value": "critical"}], created_by="a publisher", comment="planted"
).to_bytes()


async def test_a_mute_that_the_server_was_made_to_send_mutes_nothing(installation, start_alertmanager):
    alertmanager = start_alertmanager()
    async with user(installation, "admin") as admin, user(installation, "publisher") as publisher:
        settings = SilencerSettings(
            nats_url=installation.server.url,
            nats_user="silencer",
            nats_password=installation.passwords["silencer"],
            nats_inbox_prefix=installation.users["silencer"].inbox_prefix,
            nats_addressed_only=True,
            alertmanager_url=alertmanager.url,
        )
        before = (await admin.jetstream.stream_info(MUTES)).state.last_seq
        await _relays(publisher, subjects.MUTE_REQUESTED, MUTE_EVERYTHING)

        async def arrived() -> list[Any]:
            found = await _stored_on(admin, MUTES, subjects.MUTE_REQUESTED, before)
            is_known = any(message.data == MUTE_EVERYTHING for message in found)
            return found if is_known and len(found) >= 5 else []

        # If a server refuses these some day, so much the better: then this test has to be thought over.
        planted = await eventually(arrived, "the relayed messages")
        assert all(addressed.refusal(MUTES, one.headers or {}, addressed_only=True) for one in planted)
        forged = [one for one in planted if one.data == MUTE_EVERYTHING]
        assert all(addressed.refusal(MUTES, one.headers or {}, addressed_only=False) for one in forged)
        application, stage = make_silencer(settings)
        stage.is_health_served_elsewhere = True
        async with started(application):

            async def buried() -> bool:
                letters = await _stored_on(admin, DEAD_LETTERS, subjects.dead_letter("silencer"), 0)
                sequences = {(letter.headers or {}).get("Watchword-Sequence") for letter in letters}
                return {str(message.seq) for message in planted} <= sequences

            await eventually(buried, "the dead letters of all of them", 30)
            # And a person's goes through.
            async with user(installation, "operator") as operator:
                asked = await publish(operator.jetstream, subjects.MUTE_REQUESTED, MUTE_EVERYTHING)

                async def settled() -> set[int]:
                    state = (await admin.jetstream.stream_info(MUTES, subjects_filter="mute.result.*")).state
                    return {int(subject.rpartition("-")[2]) for subject in state.subjects or {}}

                async def is_muted() -> bool:
                    return asked.seq in await settled()

                await eventually(is_muted, "the mute that an operator asked for", 30)
            assert not await settled() & {message.seq for message in planted}


async def test_a_target_that_the_server_was_made_to_write_changes_nothing(installation):
    key = subjects.target_key("planted")
    body = b'{"name": "planted", "engine": "postgresql", "host": "evil.example"}'
    async with user(installation, "admin") as admin, user(installation, "publisher") as publisher:
        bucket = bucket_stream(CONFIGURATION)
        before = (await admin.jetstream.stream_info(bucket)).state.last_seq
        await publisher.jetstream.publish("check.result.verdict.relayed.t.planted", body)
        ask = json.dumps({"last_by_subj": "check.result.verdict.relayed.t.planted"}).encode()
        await publisher.client.publish(
            f"$JS.API.DIRECT.GET.{CHECK_RESULTS}", ask, reply=subjects.bucket_subject(CONFIGURATION, key)
        )
        await publisher.client.flush()

        async def arrived() -> bool:
            return (await admin.jetstream.stream_info(bucket)).state.last_seq > before

        await eventually(arrived, "the relayed entries")
        views: dict[bool, Configuration] = {}
        for addressed_only in (True, False):  # the copy is refused either way
            followed = FollowedConfiguration(admin.jetstream, addressed_only=addressed_only)
            await followed.start()
            views[addressed_only] = await followed.catch_up()
            await followed.stop()
        assert [view.target("planted") for view in views.values()] == [None, None]


async def test_a_result_that_was_not_published_as_one_is_taken_out(installation, start_alertmanager):
    alertmanager = start_alertmanager()
    subject = VERDICT.format(engine="mysql")
    async with user(installation, "admin") as admin, user(installation, "silencer") as silencer:
        before = (await admin.jetstream.stream_info(DEAD_LETTERS)).state.last_seq
        # The acknowledgement of what a silencer may publish becomes a verdict.
        await silencer.client.publish("mute.result.relayed", b"{}", reply=subject)
        await silencer.client.flush()
        settings = PublisherSettings(
            nats_url=installation.server.url,
            nats_user="publisher",
            nats_password=installation.passwords["publisher"],
            nats_inbox_prefix=installation.users["publisher"].inbox_prefix,
            nats_addressed_only=True,
            alertmanager_url=alertmanager.url,
        )
        application, stage = make_publisher(settings)
        stage.is_health_served_elsewhere = True
        async with started(application):

            async def is_gone() -> bool:
                information = await admin.jetstream.stream_info(CHECK_RESULTS, subjects_filter=subject)
                return not information.state.subjects

            await eventually(is_gone, "the result was taken out", 30)
        letters = await _stored_on(admin, DEAD_LETTERS, subjects.dead_letter("publisher"), before)
        assert any("Nats-Expected-Stream" in (letter.headers or {})[REASON] for letter in letters)
