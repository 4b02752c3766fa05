"""What the silencer promises when Alertmanagers are several, away, slow or forgetful, and when it dies itself."""

import asyncio
import contextlib
import datetime as dt
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import fingerprint
from shared.configuration import Alertmanager
from shared.declaring import declare
from shared.streams import MUTES
from tests.conftest import StartAlertmanager, StartNats
from tests.faults.http_faults import LOST_ANSWER, Fault, Request, answers, proxy_to
from tests.integration.engine_asking import close
from tests.integration.silencer_house import (
    House,
    alert_of,
    eventually,
    fire,
    house,
    living_of,
    own_name,
    silences_of,
    unsilenced,
)
from watchword.embedded import EmbeddedServer
from watchword.processes import free_port


@pytest.fixture
async def place(start_nats: StartNats) -> AsyncIterator[House]:
    async with house(start_nats().url) as found:
        yield found


@pytest.fixture
def target() -> str:
    return own_name("db")


def single(server: EmbeddedServer, name: str = "main") -> Alertmanager:
    return Alertmanager(name=name, urls=(server.url,))


def forget(server: EmbeddedServer) -> None:
    """Kill an Alertmanager and take its memory away."""
    server.process.kill()
    shutil.rmtree(server.log_path.parent / "state")


def losing_answers_to_posts(request: Request) -> Fault | None:
    """What is asked for happens, and nobody hears of it."""
    return LOST_ANSWER if request.method == "POST" else None


async def test_silences_that_an_alertmanager_lost_are_made_again(
    place: House, start_alertmanager: StartAlertmanager, target: str
) -> None:
    server = start_alertmanager()
    await place.configure(single(server))
    async with AlertmanagerClient(server.url) as client, place.silencer():
        mute_id = await place.ask(target=target)
        before = (await place.becomes(mute_id, "active")).silences[0].silence_id
        forget(server)
        server.process.restart()

        async def made_again() -> bool:
            result = await place.result(mute_id)
            return result is not None and result.silences[0].silence_id != before

        await eventually(made_again, "another silence")
        [silence] = await silences_of(client, mute_id)
        result = await place.result(mute_id)
    assert result is not None
    assert result.ends_at is not None
    assert abs(result.ends_at - silence.ends_at) < dt.timedelta(milliseconds=1)
    assert result.silences[0].silence_id == silence.id


async def test_a_mute_waits_while_no_alertmanager_can_be_asked_and_says_so(
    place: House, start_alertmanager: StartAlertmanager, target: str
) -> None:
    server = start_alertmanager()
    await place.configure(single(server))
    async with AlertmanagerClient(server.url) as client:
        await place.target(target)
        await place.verdict(target, "weak", {})
        alert = alert_of(target, "weak")
        [muted] = await fire(client, alert)
        server.process.kill()
        async with place.silencer():
            by_name = await place.ask(target=target)
            by_fingerprint = await place.ask(fingerprint=muted)
            waiting = await place.becomes(by_fingerprint, "waiting")
            assert waiting.waiting == "no Alertmanager can be asked which alert this is"
            assert waiting.silences[0].error is not None
            assert "can't be reached" in waiting.silences[0].error
            assert waiting.matchers == []

            async def says_why() -> bool:
                result = await place.result(by_name)
                return result is not None and "can't be reached" in str(result.silences[0].error)

            await eventually(says_why, "the mute by name says why it waits")
            server.process.restart()
            await fire(client, alert)
            await place.becomes(by_name, "active")
            result = await place.becomes(by_fingerprint, "active")
        assert {one.name for one in result.matchers} == {"alertname", "service_name", "severity"}
        assert result.waiting is None
        assert result.ends_at == waiting.ends_at
    assert await place.dead_letters() == []


async def test_a_mute_waits_until_an_alertmanager_is_configured(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    async with place.silencer():
        mute_id = await place.ask(target=target)

        async def says_so() -> bool:
            result = await place.result(mute_id)
            return result is not None and "no Alertmanager is configured" in str(result.waiting)

        await eventually(says_so, "the mute says that it waits")
        await place.configure(single(alertmanager))
        result = await place.becomes(mute_id, "active")
    assert result.waiting is None


async def test_an_alertmanager_of_the_environment_is_used_when_none_is_configured(
    place: House, alertmanager: EmbeddedServer, start_alertmanager: StartAlertmanager, target: str
) -> None:
    configured = start_alertmanager()
    async with place.silencer(alertmanager_url=alertmanager.url):
        result = await place.becomes(await place.ask(target=target), "active")
        assert [one.alertmanager for one in result.silences] == ["default"]
        await place.configure(single(configured, "ours"))
        second = await place.ask(target=target)
        result = await place.becomes(second, "active")
        assert [one.alertmanager for one in result.silences] == ["ours"]
    async with AlertmanagerClient(alertmanager.url) as client:
        assert await silences_of(client, second) == []


async def test_independent_alertmanagers_get_one_silence_each_and_one_that_is_away_delays_no_other(
    place: House, start_alertmanager: StartAlertmanager, target: str
) -> None:
    first, second = start_alertmanager(), start_alertmanager()
    await place.configure(single(first, "first"), single(second, "second"))
    second.process.kill()
    async with AlertmanagerClient(first.url) as one, AlertmanagerClient(second.url) as other, place.silencer():
        await fire(one, alert_of(target, "weak"))
        mute_id = await place.ask(target=target)

        async def half_done() -> bool:
            return await place.states(mute_id) == {"first": "active", "second": "waiting"}

        await eventually(half_done, "muted in the one, waiting in the other")
        assert await unsilenced(one, target) == []
        second.process.restart()
        result = await place.becomes(mute_id, "active", 2)
        [there], [here] = await silences_of(other, mute_id), await silences_of(one, mute_id)
        assert [one.silence_id for one in result.silences] == [here.id, there.id]
        # What a person ends in one stays in the other.
        await other.delete_silence(there.id)

        async def noted() -> bool:
            return await place.states(mute_id) == {"first": "active", "second": "ended"}

        await eventually(noted, "ended in the second alone")
        assert len(await living_of(one, mute_id)) == 1


async def test_one_that_hangs_delays_no_other(place: House, alertmanager: EmbeddedServer, target: str) -> None:
    given_up = asyncio.Event()
    connections: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read()
        given_up.set()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    await place.configure(Alertmanager(name="before good", urls=(url,)), single(alertmanager, "good"))
    async with silent, place.silencer(alertmanager_timeout_seconds=10.0):
        mute_id = await place.ask(target=target)

        async def is_active() -> bool:
            return (await place.states(mute_id)).get("good") == "active"

        await eventually(is_active, "muted in the one that answers")
        assert not given_up.is_set()
        silent.close()
        await close(connections)


def cluster(start_alertmanager: StartAlertmanager, members: int = 2) -> list[EmbeddedServer]:
    """Start Alertmanagers that share their silences."""
    ports = [free_port() for _ in range(members)]
    peers = [f"127.0.0.1:{port}" for port in ports]
    return [start_alertmanager(cluster_port=port, cluster_peers=peers) for port in ports]


async def test_a_cluster_gets_one_silence_and_the_next_member_is_asked_when_the_first_is_away(
    place: House, start_alertmanager: StartAlertmanager, target: str
) -> None:
    first, second = cluster(start_alertmanager)
    await place.configure(Alertmanager(name="pair", urls=(first.url, second.url)))
    async with AlertmanagerClient(first.url) as one, AlertmanagerClient(second.url) as other, place.silencer():

        async def is_a_pair() -> bool:
            statuses = [await one.get_status(), await other.get_status()]
            return all(len(status.peers) == 2 and status.cluster_state == "ready" for status in statuses)

        await eventually(is_a_pair, "both members know each other", 60)
        mute_id = await place.ask(target=target)
        result = await place.becomes(mute_id, "active")

        async def both_know() -> bool:
            return len(await living_of(one, mute_id)) == len(await living_of(other, mute_id)) == 1

        await eventually(both_know, "one silence, known to both")
        first.process.kill()
        later = await place.ask(target=own_name("db"))
        assert await place.becomes(later, "active")
        assert [silence.id for silence in await silences_of(other, mute_id)] == [result.silences[0].silence_id]
        await place.unmute(id=mute_id)
        await place.becomes(mute_id, "ended")
        assert await living_of(other, mute_id) == []
        first.process.restart()
        other_later = await place.ask(target=own_name("db"))
        await place.becomes(other_later, "active")

        async def agreed() -> bool:
            known = [len(await living_of(client, muted)) for client in (one, other) for muted in (later, other_later)]
            return known == [1, 1, 1, 1] and await living_of(one, mute_id) == []

        await eventually(agreed, "one silence for each mute, known to both", 60)


async def test_a_silence_whose_answer_was_lost_is_found_and_not_made_twice(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    async with proxy_to(alertmanager.url) as proxy, AlertmanagerClient(alertmanager.url) as client:
        proxy.rule = losing_answers_to_posts
        await place.configure(Alertmanager(name="main", urls=(proxy.url,)))
        async with place.silencer(alertmanager_timeout_seconds=0.5):
            mute_id = await place.ask(target=target)
            await place.becomes(mute_id, "active")
        assert len(await silences_of(client, mute_id)) == 1
        assert len(proxy.asked("POST", "silences")) == 1


async def test_a_silence_that_an_alertmanager_refuses_says_why_and_is_tried_again(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    full = answers(400, b'"exceeded maximum number of silences: 10"')
    async with proxy_to(alertmanager.url) as proxy:
        proxy.rule = lambda request: full if request.method == "POST" else None
        await place.configure(Alertmanager(name="main", urls=(proxy.url,)))
        async with place.silencer():
            mute_id = await place.ask(target=target)
            failed = await place.becomes(mute_id, "failed")
            assert "exceeded maximum number of silences" in str(failed.silences[0].error)
            proxy.rule = lambda _: None
            result = await place.becomes(mute_id, "active")
            assert result.silences[0].error is None


async def test_a_post_that_may_have_happened_is_not_sent_to_the_next_member(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    async with proxy_to(alertmanager.url) as first, proxy_to(alertmanager.url) as second:
        first.rule = losing_answers_to_posts
        await place.configure(Alertmanager(name="pair", urls=(first.url, second.url)))
        async with AlertmanagerClient(alertmanager.url) as client, place.silencer(alertmanager_timeout_seconds=0.5):
            mute_id = await place.ask(target=target)
            await place.becomes(mute_id, "active")
            assert len(await silences_of(client, mute_id)) == 1
        assert not second.asked("POST", "silences")


async def test_an_alertmanager_that_has_just_started_and_shows_nothing_yet_knows_no_fingerprint_as_unknown(
    place: House, start_alertmanager: StartAlertmanager, target: str
) -> None:
    server = start_alertmanager()
    await place.configure(single(server))
    await place.target(target)
    await place.verdict(target, "weak", {})
    async with AlertmanagerClient(server.url) as client, place.silencer():
        mute_id = await place.ask(fingerprint=fingerprint(alert_of(target, "weak")))
        waiting = await place.becomes(mute_id, "waiting")
        assert "has just started and shows no alerts yet" in str(waiting.silences[0].error)
        await fire(client, alert_of(target, "weak"))
        await place.becomes(mute_id, "active")


async def test_killed_between_making_a_silence_and_writing_it_there_is_one_silence(
    place: House, alertmanager: EmbeddedServer, target: str, tmp_path: Path
) -> None:
    async with proxy_to(alertmanager.url) as proxy, AlertmanagerClient(alertmanager.url) as client:
        await place.configure(Alertmanager(name="main", urls=(proxy.url,)))
        environment = {**os.environ, "WATCHWORD_NATS_URL": place.url, "WATCHWORD_ROUND_SECONDS": "0.5"}
        log_file = (tmp_path / "silencer.log").open("wb")
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "faststream", "run", "services.silencer.app:app",
            env=environment, stdout=log_file, stderr=log_file,
        )  # fmt: skip
        proxy.rule = losing_answers_to_posts
        try:
            mute_id = await place.ask(target=target)
            await proxy.saw("POST", "silences", is_answered=True, seconds=60)
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
            proxy.rule = lambda _: None
        finally:
            log_file.close()
            if victim.returncode is None:
                victim.kill()
                await victim.wait()
        [made] = await silences_of(client, mute_id)
        assert await place.states(mute_id) == {"main": "waiting"}
        async with place.silencer():
            result = await place.becomes(mute_id, "active")
        assert [one.id for one in await silences_of(client, mute_id)] == [made.id]
        assert result.silences[0].silence_id == made.id


async def test_two_silencers_side_by_side_make_each_silence_once(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    await place.configure(single(alertmanager))
    async with AlertmanagerClient(alertmanager.url) as client, place.silencer(), place.silencer():
        mutes = [await place.ask(target=f"{target}-{number}") for number in range(25)]
        for mute_id in mutes:
            await place.becomes(mute_id, "active")
        for mute_id in mutes[::2]:
            await place.unmute(id=mute_id)
        for mute_id in mutes[::2]:
            await place.becomes(mute_id, "ended")
        counts = [len(await silences_of(client, mute_id)) for mute_id in mutes]
        living = [len(await living_of(client, mute_id)) for mute_id in mutes]
    assert counts == [1] * 25
    assert living == [number % 2 for number in range(25)]
    assert await place.dead_letters() == []


async def test_a_restarted_silencer_does_nothing_twice(place: House, alertmanager: EmbeddedServer, target: str) -> None:
    await place.configure(single(alertmanager))
    async with place.silencer():
        mutes = [await place.ask(target=f"{target}-{number}") for number in range(3)]
        for mute_id in mutes:
            await place.becomes(mute_id, "active")
    before = (await place.jetstream.stream_info(MUTES)).state.last_seq
    async with AlertmanagerClient(alertmanager.url) as client, proxy_to(alertmanager.url) as proxy:
        await place.configure(Alertmanager(name="main", urls=(proxy.url,)))
        async with place.silencer(round_seconds=0.1):
            await eventually(lambda: len(proxy.requests) > 3, "several rounds")
        assert all(one.method == "GET" for one in proxy.requests)
        for mute_id in mutes:
            assert len(await silences_of(client, mute_id)) == 1
    assert (await place.jetstream.stream_info(MUTES)).state.last_seq == before


async def test_after_an_outage_of_nats_mutes_go_on(
    start_nats: StartNats, alertmanager: EmbeddedServer, target: str
) -> None:
    server = start_nats()
    async with contextlib.AsyncExitStack() as stack:
        async with house(server.url) as place:
            await place.configure(single(alertmanager))
            stage = await stack.enter_async_context(place.silencer())
            before = await place.ask(target=target)
            await place.becomes(before, "active")
        server.process.kill()
        await eventually(stage.problems, "not ready")
        server.process.restart()
        async with house(server.url) as place, AlertmanagerClient(alertmanager.url) as client:
            after = await place.ask(target=own_name("db"))
            await place.becomes(after, "active")
            await place.unmute(id=before)
            await place.becomes(before, "ended")
            assert len(await silences_of(client, after)) == 1
            await eventually(lambda: not stage.problems(), "ready again", 30)


async def test_silences_of_a_stream_that_was_lost_are_left_to_end_by_themselves(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    await place.configure(single(alertmanager))
    async with AlertmanagerClient(alertmanager.url) as client:
        async with place.silencer():
            before = await place.ask(target=target)
            await place.becomes(before, "active")
            await place.jetstream.delete_stream(MUTES)
            await declare(place.client, place.jetstream)
            after = await place.ask(target=own_name("db"))
            await place.becomes(after, "active")
        assert after != before
        assert len(await living_of(client, before)) == 1


async def test_a_result_that_another_wrote_meanwhile_is_kept(
    place: House, alertmanager: EmbeddedServer, target: str
) -> None:
    """Whoever fixes the matchers first has fixed them for all."""
    mute_id = await place.ask(target=target)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    end = now + dt.timedelta(days=30)
    fixed = {
        "request_id": mute_id,
        "matchers": [{"name": "service_name", "value": f"{target}-as-fixed-before"}],
        "ends_at": end.isoformat(),
        "starts_at": now.isoformat(),
        "created_by": "ann",
        "comment": "known",
    }
    await place.jetstream.publish(subjects.mute_result(mute_id), json.dumps(fixed).encode())
    await place.configure(single(alertmanager))
    async with AlertmanagerClient(alertmanager.url) as client, place.silencer():
        await place.becomes(mute_id, "active")
        [silence] = await silences_of(client, mute_id)
    assert [one.value for one in silence.matchers] == [f"{target}-as-fixed-before"]
    assert silence.ends_at == end
