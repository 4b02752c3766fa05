"""Reading single messages, and the last of many subjects in one round trip."""

import asyncio
import datetime as dt

import pytest
from nats.js import api

from shared import reading, subjects
from shared.addressed import refusal
from shared.errors import StreamMissing
from shared.following import Stored
from shared.reading import (
    last_message,
    last_messages,
    last_sequence,
    message_at,
    message_before,
    present_message,
)
from shared.streams import CHECK_RESULTS
from tests.conftest import StartNats
from tests.integration.nats_clients import connected


async def test_the_last_message_of_a_subject(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        subject = subjects.verdict("e", "t", "c")
        assert await last_message(jetstream, CHECK_RESULTS, subject) is None
        await jetstream.publish(subject, b"one")
        await jetstream.publish(subject, b"two", headers={"X-Of": "us"})
        await jetstream.publish(subjects.verdict("e", "t", "other"), b"three")
        last = await last_message(jetstream, CHECK_RESULTS, subject)
        assert last is not None
        # Its own headers alone, without those of the answer.
        assert (last.subject, last.sequence, last.data, last.headers) == (subject, 2, b"two", {"X-Of": "us"})
        assert abs(last.stored_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


async def test_an_empty_message_is_a_message(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        subject = subjects.verdict("e", "t", "c")
        await jetstream.publish(subject, b"")
        last = await last_message(jetstream, CHECK_RESULTS, subject)
        assert last is not None
        assert last.data == b""
        assert [stored.data for stored in await last_messages(client, CHECK_RESULTS, [subject])] == [b""]


async def test_the_last_of_each_subject_in_the_order_of_the_stream(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        for check in ("a", "b", "c", "a"):
            await jetstream.publish(subjects.verdict("e", "t", check), check.encode(), headers={"X-Of": check})
        await jetstream.publish(subjects.verdict("e", "another", "a"), b"")
        await jetstream.publish(subjects.error("e", "t", "a"), b"")
        found = await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        assert [(stored.sequence, stored.data) for stored in found] == [(2, b"b"), (3, b"c"), (4, b"a")]
        assert [stored.headers for stored in found] == [{"X-Of": "b"}, {"X-Of": "c"}, {"X-Of": "a"}]
        assert {stored.stored_at.tzinfo for stored in found} == {dt.UTC}


async def test_the_message_before_another_on_its_subject(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        subject = subjects.verdict("e", "t", "c")
        for number in range(12):  # of which the stream keeps ten
            await jetstream.publish(subject, str(number).encode())
            await jetstream.publish(subjects.verdict("e", "t", "other"), b"")

        async def before(sequence: int) -> int | None:
            stored = await jetstream.get_msg(CHECK_RESULTS, sequence)
            found = await message_before(client, jetstream, CHECK_RESULTS, a_message(subject, stored.seq or 0))
            return found.sequence if found else None

        assert [await before(sequence) for sequence in (23, 21, 7, 5)] == [21, 19, 5, None]
        # The stream keeps nothing of it any more, and what came after it tells that the answer is current.
        assert await message_before(client, jetstream, CHECK_RESULTS, a_message(subject, 3)) is None


@pytest.mark.parametrize("has_got", [0, 1, 2])
async def test_the_message_before_another_where_a_replica_is_behind(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch, has_got: int
) -> None:
    """It knows none yet, or an earlier one."""

    async def of_the_replica(*_: object, up_to_sequence: int) -> list[Stored]:
        assert up_to_sequence == 3
        return [a_message(subject, sequence) for sequence in (1, 2) if sequence <= has_got][-1:]

    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        subject, other = subjects.verdict("e", "t", "c"), subjects.verdict("e", "t", "other")
        for place in (subject, subject, other, subject, subject):
            await jetstream.publish(place, b"")
        monkeypatch.setattr(reading, "last_messages", of_the_replica)
        found = await message_before(client, jetstream, CHECK_RESULTS, a_message(subject, 4))
        assert found is not None
        assert found.sequence == 2


async def test_nothing_comes_before_what_was_emptied(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        gone = a_message(subjects.verdict("e", "t", "c"), 7)
        assert await message_before(client, jetstream, CHECK_RESULTS, gone) is None


async def test_what_the_leader_tells_is_the_message_as_its_author_wrote_it(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        subject = subjects.verdict("e", "t", "c")
        assert await present_message(jetstream, CHECK_RESULTS, subject) is None
        assert await message_at(jetstream, CHECK_RESULTS, 1) is None
        await jetstream.publish(subject, b"\x00one", headers={"X-Of": "us", "Status": "503"})
        await jetstream.publish(subjects.verdict("e", "t", "other"), b"")
        last = await present_message(jetstream, CHECK_RESULTS, subject)
        for told in (last, await message_at(jetstream, CHECK_RESULTS, 1)):
            assert told is not None
            assert (told.subject, told.sequence, told.data) == (subject, 1, b"\x00one")
            assert told.headers == {"X-Of": "us", "Status": "503"}
            assert abs(told.stored_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
        empty = await message_at(jetstream, CHECK_RESULTS, 2)
        assert empty is not None
        assert (empty.data, empty.headers) == (b"", {})


def a_message(subject: str, sequence: int) -> Stored:
    return Stored(subject, sequence, b"", {}, dt.datetime.now(dt.UTC))


async def test_several_filters_and_a_moment_before(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        for number in range(3):
            await jetstream.publish(subjects.verdict("e", "t", "c"), str(number).encode())
            await jetstream.publish(subjects.error("e", "t", "c"), str(number).encode())
        filters = [subjects.verdicts_of("e", "t"), subjects.errors_of("e", "t")]
        assert [stored.sequence for stored in await last_messages(client, CHECK_RESULTS, filters)] == [5, 6]
        before = await last_messages(client, CHECK_RESULTS, filters, up_to_sequence=3)
        assert [stored.sequence for stored in before] == [2, 3]


async def test_what_an_author_calls_a_copy_is_still_one_when_it_is_read_by_itself(start_nats: StartNats) -> None:
    """The server adds the same header to its answer; of the two the author's must not be lost."""
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        subject = subjects.verdict("e", "t", "c")
        await jetstream.publish(subject, b"one", headers={"Nats-Stream": "MUTES", "X-Of": "them"})
        await jetstream.publish(subjects.verdict("e", "t", "other"), b"two", headers={"X-Of": "us"})
        found = [await last_message(jetstream, CHECK_RESULTS, subject), await message_at(jetstream, CHECK_RESULTS, 1)]
        found += await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        told = [refusal(CHECK_RESULTS, one.headers, addressed_only=False) for one in found if one is not None]
        assert [bool(reason) for reason in told] == [True, True, True, False]
        assert {one.headers["X-Of"] for one in found if one is not None} == {"us", "them"}


@pytest.mark.parametrize("status", ["204", "404", "503", "x"])
async def test_a_message_with_a_status_of_its_own_is_not_the_end_of_the_answer(
    start_nats: StartNats, status: str
) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        await jetstream.publish(subjects.verdict("e", "t", "a"), b"one", headers={"Status": status})
        await jetstream.publish(subjects.verdict("e", "t", "b"), b"two")
        found = await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        assert [stored.data for stored in found] == [b"one", b"two"]


async def test_nothing_that_matches_is_an_empty_list(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        assert await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")]) == []
        await jetstream.publish(subjects.verdict("e", "another", "c"), b"")
        assert await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")]) == []


async def test_a_thousand_subjects_come_in_one_answer(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        body = b"x" * 2000
        await asyncio.gather(*(jetstream.publish(subjects.verdict("e", "t", f"c{n}"), body) for n in range(1000)))
        found = await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        assert len({stored.subject for stored in found}) == 1000


async def test_more_subjects_than_one_answer_holds_are_refused_and_never_cut_short(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        await asyncio.gather(*(jetstream.publish(subjects.verdict("e", "t", f"c{n}"), b"") for n in range(1100)))
        with pytest.raises(StreamMissing, match=r"Too Many Results|refuses"):
            await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])


async def test_a_stream_that_is_not_there_is_told_with_what_to_do(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (client, jetstream):
        with pytest.raises(StreamMissing, match=r"CHECK_RESULTS .*watchword init"):
            await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        with pytest.raises(StreamMissing, match="CHECK_RESULTS does not exist; run: watchword init"):
            await last_sequence(jetstream, CHECK_RESULTS)
        with pytest.raises(StreamMissing, match=r"CHECK_RESULTS .*watchword init"):
            await last_message(jetstream, CHECK_RESULTS, subjects.verdict("e", "t", "c"))


async def test_a_server_that_does_not_answer_is_told_in_time(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True) as (client, _):
        server.process.kill()
        with pytest.raises(TimeoutError):
            await last_messages(client, CHECK_RESULTS, ["check.>"], timeout_seconds=0.3)


async def test_reading_leaves_no_subscription_behind(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, _):
        before = len(client._subs)
        for _number in range(5):
            await last_messages(client, CHECK_RESULTS, [subjects.verdicts_of("e", "t")])
        assert len(client._subs) == before


async def test_the_last_sequence_and_the_creation_tell_streams_apart(start_nats: StartNats) -> None:
    async with connected(start_nats()) as (_, jetstream):
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"]))
        await jetstream.publish("s.a", b"")
        await jetstream.publish("s.b", b"")
        created, last = await last_sequence(jetstream, "S")
        assert last == 2
        await jetstream.delete_stream("S")
        await jetstream.add_stream(api.StreamConfig(name="S", subjects=["s.>"]))
        created_anew, last = await last_sequence(jetstream, "S")
        assert last == 0
        assert created_anew > created
