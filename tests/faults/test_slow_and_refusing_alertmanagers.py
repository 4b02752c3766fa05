"""Alertmanagers that take 20 s for each answer, that do late what was asked for, that refuse or lose answers for a
while, and that take all alerts but one: no alert flaps, what is healthy waits for nothing, and everything is there once
when the harm is over.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from shared.configuration import Alertmanager
from tests.conftest import StartAlertmanager, StartNats
from tests.faults.http_faults import CUT_ANSWER, RESET, Fault, Proxy, Request, answers, proxy_to
from tests.faults.scene import Shows, shown
from tests.faults.steady import staying
from tests.integration.publishing import Desk, desk, finding, until
from tests.integration.silencer_house import house, own_name
from watchword.embedded import EmbeddedServer

SLOW_SECONDS = 20.0


def posts(proxy: Proxy) -> list[Request]:
    return proxy.asked("POST", "alerts")


def findings(count: int, begin: int = 0) -> list[Any]:
    return [finding(labels={"role": f"{number:04}"}) for number in range(begin, begin + count)]


class TestSlow:
    """Each request is done late."""

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    async def test_one_that_is_slow_gets_everything_and_nothing_flaps(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        """More than one post can hold: what was tried first does not keep the others from being tried."""
        count, patience = 300, 10 * SLOW_SECONDS
        async with desk(start_nats(), alertmanager) as here, proxy_to(alertmanager.url.rstrip("/")) as proxy:
            proxy.rule = lambda _: Fault(wait_seconds=SLOW_SECONDS)
            await here.name_alertmanagers(proxy.url)
            await here.verdict(*findings(count), check="a")
            await here.verdict(*findings(count), check="b")
            async with here.publisher(is_ready=False, resend_seconds=1.0, shortest_lease_seconds=60.0):
                await until(lambda: count_of(here, 2 * count), "all of them are in", patience)
                assert max(len(one.content) for one in posts(proxy)) <= 256
                stay = await as_shown(here)
                async with staying(lambda: as_shown(here), stay):
                    await asyncio.sleep(75)  # longer than their lease
                await here.verdict(check="a")
                await here.verdict(*findings(count - 1), finding("other words", labels={"role": "new"}), check="b")
                left = [one for one in stay if one["labels"]["alertname"] == "b"]
                left = [one for one in left if one["labels"]["role"] != f"{count - 1:04}"]
                async with staying(lambda: as_shown(here), left):
                    await until(lambda: count_of(here, count), "what was resolved is gone", patience)
                    await until(lambda: here.alert_with_summary("other words"), "the newest", patience)

    async def test_one_that_is_slow_delays_no_other(
        self, start_nats: StartNats, alertmanager: EmbeddedServer, start_alertmanager: StartAlertmanager
    ) -> None:
        healthy = start_alertmanager()
        async with desk(start_nats(), healthy, alertmanager) as here, proxy_to(alertmanager.url.rstrip("/")) as proxy:
            proxy.rule = lambda one: Fault(wait_seconds=SLOW_SECONDS)
            await here.name_alertmanagers(healthy.url, proxy.url)
            async with here.publisher(is_ready=False):
                await here.verdict(*findings(3))
                await until(lambda: count_of(here, 3), "the healthy one has them")
                await proxy.saw("POST", "alerts")
                for _ in range(10):
                    await here.verdict()
                    await here.no_alerts(0, seconds=15.0)
                    await here.verdict(*findings(3))
                    await until(lambda: count_of(here, 3), "the healthy one has them again", 15.0)
                assert not [one for one in proxy.requests if one.status is not None]


class TestLate:
    """What was asked for first is done last, when something newer was said already."""

    async def test_nothing_newer_is_said_of_an_alert_while_a_post_of_it_may_still_be_done_but_of_others(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        async with desk(start_nats(), alertmanager) as here, proxy_to(alertmanager.url.rstrip("/")) as proxy:
            released = asyncio.Event()
            proxy.rule = lambda one: Fault(until=released) if one.is_to("POST", "alerts") and not posts(proxy) else None
            await here.name_alertmanagers(proxy.url)
            async with here.publisher(is_ready=False, resend_seconds=150.0) as stage:
                await here.verdict(*findings(1))
                await proxy.saw("POST", "alerts")
                await here.verdict()
                await until(lambda: "more than 5 s" in str(stage.problems()), "the publisher says that it waits")
                await here.verdict(*findings(1, 1), check="another")
                other = await here.alert(role="0001")
                assert len(posts(proxy)) == 2
                released.set()
                await proxy.saw("POST", "alerts", times=2 + 1)
                await until(lambda: count_of(here, 1), "the one that was held is resolved", 30.0)
                assert [one.content[0]["labels"]["role"] for one in posts(proxy)] == ["0000", "0001", "0000"]
                assert [is_firing(one) for one in posts(proxy)] == [True, True, False]
                assert await here.alerts() == [other]
                await until(lambda: not stage.problems(), "all is well again")

    @pytest.mark.parametrize("fires", [True, False], ids=["firing", "resolved"])
    async def test_what_is_done_after_it_was_given_up_is_put_right_at_once_not_with_the_next_re_send(
        self, start_nats: StartNats, alertmanager: EmbeddedServer, *, fires: bool
    ) -> None:
        states = [findings(1), []] if fires else [[], findings(1)]
        async with desk(start_nats(), alertmanager) as here, proxy_to(alertmanager.url.rstrip("/")) as proxy:
            await here.name_alertmanagers(proxy.url)
            async with here.publisher(resend_seconds=150.0):
                if not fires:
                    await here.verdict(*findings(1))
                    await here.alert()
                before = len(posts(proxy))
                proxy.rule = lambda one: RESET if one.is_to("POST", "alerts") else None
                await here.verdict(*states[0])
                given_up = await proxy.saw("POST", "alerts", times=before + 1)
                await here.verdict(*states[1])
                proxy.rule = lambda _: None
                newer = len(posts(proxy))
                await until(lambda: any(one.status == 200 for one in posts(proxy)[newer:]), "the newer state is told")
                await here.post_to(alertmanager.url, given_up.body)
                await until(lambda: count_of(here, 1 if fires else 0), "what was given up is done", 10.0)
                await until(lambda: count_of(here, 0 if fires else 1), "it is put right", 60.0)


def is_firing(request: Request) -> bool:
    """Say whether what is posted fires: only that has a start."""
    (alert,) = request.content
    return "startsAt" in alert


async def count_of(here: Desk, count: int) -> bool:
    return len(await here.alerts()) == count


async def as_shown(here: Desk) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json", by_alias=True) for one in await here.alerts()]


FAULTS = [
    pytest.param(answers(429, retry_after="1"), id="429", marks=pytest.mark.slow),
    pytest.param(answers(500, b"no"), id="500", marks=pytest.mark.slow),
    pytest.param(answers(503, b"<html>away</html>", retry_after="1"), id="503", marks=pytest.mark.slow),
    pytest.param(CUT_ANSWER, id="cut in the middle"),
    pytest.param(Fault(answer_share=0.0), id="lost", marks=pytest.mark.slow),
    pytest.param(RESET, id="reset", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_an_answer_says_or_does_not_say_alerts_and_silences_are_there_once(
    start_nats: StartNats, start_alertmanager: StartAlertmanager, fault: Fault
) -> None:
    server, nats = start_alertmanager(), start_nats()
    place = Shows(server.url)
    async with (
        proxy_to(server.url.rstrip("/")) as proxy,
        desk(nats, server) as here,
        house(nats.url) as room,
        here.publisher(is_ready=False) as stage,
        room.silencer(alertmanager_timeout_seconds=1.0),
    ):
        await room.configure(Alertmanager(name="main", urls=(proxy.url,)))
        await here.verdict(*findings(1))
        (first,) = await shown(place, 1)
        proxy.rule = lambda one: fault if one.method == "POST" else None
        async with staying(place.alerts, [first]):
            await here.verdict(*findings(3))
            mute_id = await room.ask(target=own_name("db"))
            await proxy.saw("POST", "alerts", times=3)
            await proxy.saw("POST", "silences")
            await until(stage.problems, "the publisher says so")
            tried = len(posts(proxy))
            await asyncio.sleep(1.0)
            assert len(posts(proxy)) - tried < 10  # it does not hammer
            proxy.rule = lambda _: None
            await shown(place, 3)
            await room.becomes(mute_id, "active")
            await until(lambda: not stage.problems(), "all is well again")
            await asyncio.sleep(1.0)  # two rounds
        assert len(await place.silences()) == 1
        assert Counter(here.heard()) == {("firing", f"{number:04}"): 1 for number in range(3)}
        assert await here.dead_letters() == 0


def with_a_name_that_is_none(alerts: list[dict[str, Any]]) -> None:
    for one in alerts:
        if one["labels"]["role"] == "0042":
            one["labels"]["not-a-name"] = "x"


def with_a_url_that_is_none(alerts: list[dict[str, Any]]) -> None:
    for one in alerts:
        if one["labels"]["role"] == "0042":
            one["generatorURL"] = "not a url"


@pytest.mark.slow  # the quick one is beside the poster: tests/integration/test_publisher_outages.py
@pytest.mark.parametrize(
    ("harm", "status"),
    [
        pytest.param(with_a_name_that_is_none, 400, id="dropped"),
        pytest.param(with_a_url_that_is_none, 422, id="refused"),
    ],
)
async def test_one_alert_that_is_refused_keeps_no_other_out_nor_from_staying(
    start_nats: StartNats,
    start_alertmanager: StartAlertmanager,
    harm: Callable[[list[dict[str, Any]]], None],
    status: int,
) -> None:
    """What Alertmanager itself says about the alert that the proxy spoils on its way, whatever is beside it."""

    def spoil(body: bytes) -> bytes:
        alerts = json.loads(body)
        harm(alerts)
        return json.dumps(alerts).encode()

    server = start_alertmanager()
    place = Shows(server.url)
    async with proxy_to(server.url.rstrip("/")) as proxy, desk(start_nats(), server) as here:
        proxy.rule = lambda one: Fault(spoil=spoil) if one.is_to("POST", "alerts") else None
        await here.name_alertmanagers(proxy.url)
        await here.verdict(*findings(300))
        async with here.publisher(resend_seconds=1.0, shortest_lease_seconds=6.0):
            alerts = await shown(place, 299)
            assert status in {one.status for one in posts(proxy)}
            async with staying(place.alerts, alerts):
                await asyncio.sleep(8)  # longer than their lease
            refused = [one for one in posts(proxy) if one.status == status]
            assert len(refused) < 2 * 10  # looked for once by halving, and tried again only after long
            proxy.rule = lambda _: None
            await here.verdict(*findings(300), finding(labels={"role": "new"}))
            await shown(place, 301)
