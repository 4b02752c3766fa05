"""The silencer's edges by themselves: writing results beside others, and asking the members of a cluster."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from services.silencer.clusters import Cluster
from services.silencer.memory import Memory
from services.silencer.results import with_silence
from services.silencer.wanted import Mute
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedSilence
from shared.alertmanager_errors import AlertmanagerUnreachable, SilenceRefused
from shared.configuration import Alertmanager
from shared.mutes import Matcher, MuteResult, SilenceMade
from tests.conftest import StartNats
from tests.faults.http_faults import proxy_to
from tests.integration.silencer_house import House, fire, house, own_name
from watchword.embedded import EmbeddedServer

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
async def place(start_nats: StartNats) -> AsyncIterator[House]:
    async with house(start_nats().url) as found:
        yield found


@pytest.fixture
async def memories(place: House) -> AsyncIterator[list[Memory]]:
    """Four silencers' memories of one stream."""
    found = [Memory(place.jetstream, f"s{number}", lambda: None) for number in range(4)]
    for memory in found:
        await memory.start()
    yield found
    for memory in found:
        await memory.stop()


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def test_the_first_of_many_silencers_fixes_the_matchers(place: House, memories: list[Memory]) -> None:
    mute_id = await place.ask(target="db1")

    def fixed_by(name: str) -> MuteResult:
        return MuteResult(request_id=mute_id, matchers=[Matcher(name="service_name", value=name)])

    def change_of(name: str, mute: Mute) -> MuteResult | None:
        return None if mute.is_settled else fixed_by(name)

    async def fix(memory: Memory, name: str) -> Mute | None:
        return await memory.update(mute_id, lambda mute: change_of(name, mute), now())

    seen = await asyncio.gather(*(fix(memory, f"s{number}") for number, memory in enumerate(memories)))
    fixed = {one.result.matchers[0].value for one in seen if one and one.result}
    assert len(fixed) == 1
    assert len(await place.history(mute_id)) == 1


async def test_no_silencer_overwrites_what_another_wrote(place: House, memories: list[Memory]) -> None:
    mute_id = await place.ask(target="db1")
    await memories[0].update(mute_id, lambda _: MuteResult(request_id=mute_id), now())

    async def record(memory: Memory, number: int) -> None:
        for turn in range(5):
            made = SilenceMade(alertmanager=f"{number}-{turn}", silence_id="s", state="active")
            await memory.update(mute_id, lambda mute, made=made: with_silence(mute, made), now())  # type: ignore[misc]

    await asyncio.gather(*(record(memory, number) for number, memory in enumerate(memories)))
    result = await place.result(mute_id)
    assert result is not None
    assert len({one.alertmanager for one in result.silences}) == 20


async def test_a_mute_that_is_not_there_is_not_written(place: House, memories: list[Memory]) -> None:
    assert await memories[0].update("1-1", lambda _: MuteResult(request_id="1-1"), now()) is None
    assert await place.result("1-1") is None


def silence_on(name: str) -> PostedSilence:
    return PostedSilence(
        matchers=(Matcher(name="alertname", value=name),),
        starts_at=now() - dt.timedelta(minutes=5),
        ends_at=now() + dt.timedelta(hours=1),
        created_by="ann",
        comment="known",
    )


async def made_in(client: AlertmanagerClient, name: str) -> int:
    return len([one for one in await client.get_silences() if one.matchers[0].value == name])


def cluster_of(*urls: str) -> Cluster:
    return Cluster(Alertmanager(name="pair", urls=urls), secrets_folder=None, timeout_seconds=2.0)


class TestACluster:
    @pytest.fixture
    async def client(self, alertmanager: EmbeddedServer) -> AsyncIterator[AlertmanagerClient]:
        async with AlertmanagerClient(alertmanager.url) as found:
            yield found

    async def test_makes_a_silence_with_the_next_member_when_the_first_is_away(
        self, client: AlertmanagerClient
    ) -> None:
        name = own_name("alert")
        cluster = cluster_of(NOBODY, client.url)
        silence_id = await cluster.make(silence_on(name))
        assert await made_in(client, name) == 1
        assert silence_id in {one.id for one in await cluster.silences()}
        await cluster.end(silence_id)
        await cluster.close()

    async def test_asks_the_member_first_that_answered_last(self, client: AlertmanagerClient) -> None:
        async with proxy_to(client.url) as proxy:
            cluster = cluster_of(NOBODY, proxy.url, client.url)
            await cluster.silences()
            await cluster.silences()
            assert len(proxy.requests) == 2
            await cluster.close()

    async def test_asks_no_second_member_about_a_silence_that_one_refused(self, client: AlertmanagerClient) -> None:
        async with proxy_to(client.url) as proxy:
            cluster = cluster_of(client.url, proxy.url)
            with pytest.raises(SilenceRefused):
                await cluster.make(silence_on("x").model_copy(update={"matchers": ()}))
            assert proxy.requests == []
            await cluster.close()

    async def test_without_any_member_that_answers_says_what_the_first_said(self) -> None:
        cluster = cluster_of(NOBODY, "http://127.0.0.1:2")
        with pytest.raises(AlertmanagerUnreachable, match=NOBODY):
            await cluster.make(silence_on("x"))
        await cluster.close()

    async def test_finds_an_alert_by_its_fingerprint(self, client: AlertmanagerClient) -> None:
        [fingerprint] = await fire(client, {"alertname": own_name("alert")})
        cluster = cluster_of(client.url)
        shown = await cluster.alert(fingerprint, now())
        assert shown is not None
        assert shown.fingerprint == fingerprint
        assert await cluster.alert("0" * 16, now()) is None
        await cluster.close()
