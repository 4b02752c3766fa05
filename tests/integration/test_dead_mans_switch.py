"""What Watchword says about itself, on a real NATS server and real Alertmanagers."""

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.errors import TimeoutError as NatsTimeoutError

from services.silencer.app import make_silencer
from services.silencer.settings import SilencerSettings
from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import DeadMansSwitch
from shared.declaring import ensure_consumer
from shared.stage import started
from shared.streams import lane_consumer
from tests.conftest import StartNats
from tests.integration.publishing import Desk, desk, unique, until
from watchword.embedded import EmbeddedServer
from watchword.processes import free_port

BLIND = "WatchwordBlindTarget"
UNSERVED = "WatchwordBlindPool"


@pytest.fixture
async def here(start_nats: StartNats, alertmanager: EmbeddedServer) -> AsyncIterator[Desk]:
    async with desk(start_nats(), alertmanager) as made:
        await configure(made)
        yield made


async def configure(here: Desk, **switch: Any) -> None:
    """Write one target and its check, and a switch that is less patient than usual."""
    query = Query(type=QueryType.POSTGRESQL_SHOW)
    check = Check(name="superusers", engine="postgresql", summary="s", description="d", script="s", queries=(query,))
    await here.write(subjects.check_key("superusers"), check)
    await here.target(team="payments")
    setting = DeadMansSwitch.model_validate({"error_lasts": "1s", **switch})
    await here.write(subjects.setting_key("file", "dead-mans-switch"), setting)


@contextlib.asynccontextmanager
async def checker_waiting(here: Desk) -> AsyncIterator[None]:
    """Somebody with a free slot in the pool, who finds nothing to do."""
    consumer = lane_consumer("now", "default")
    await ensure_consumer(here.jetstream, consumer)
    subscription = await here.jetstream.pull_subscribe_bind(consumer.name, consumer.stream)
    is_over = False

    async def wait() -> None:
        while not is_over:
            with contextlib.suppress(NatsTimeoutError):
                await subscription.fetch(1, timeout=1)

    task = asyncio.create_task(wait())
    try:
        yield
    finally:
        is_over = True
        await task


async def test_a_pool_that_no_checker_serves_is_told_until_one_waits_for_work(here: Desk) -> None:
    await configure(here, gone_after="2s")
    async with here.publisher():
        alert = await here.alert(alertname=UNSERVED)
        assert alert.labels == {
            "alertname": UNSERVED,
            "check": UNSERVED,
            "service_name": "default",
            "service_type": "watchword",
            "severity": "critical",
            "installation": here.installation,
        }
        assert "WATCHWORD_POOLS=default" in alert.annotations["description"]
        async with checker_waiting(here):
            await here.no_alerts()


async def test_an_error_that_lasts_is_told_until_a_verdict(here: Desk) -> None:
    async with checker_waiting(here), here.publisher():
        await here.error()
        alert = await here.alert(alertname=BLIND)
        assert "could not look" in alert.annotations["description"]
        assert alert.labels["team"] == "payments"
        assert alert.generator_url == f"{here.installation}/check/watchword/{here.target_name}/{BLIND}"
        await here.verdict()
        await here.no_alerts()
        assert await here.stored_events() == 0


async def test_publishers_and_their_successors_say_the_same(here: Desk) -> None:
    async with checker_waiting(here):
        async with here.publisher():
            await here.error()
            first = await here.alert(alertname=BLIND)
            async with here.publisher():
                await here.re_sent()
        async with here.publisher():
            await here.re_sent()
            again = await here.alert(alertname=BLIND)
            assert (again.labels, again.starts_at) == (first.labels, first.starts_at)
            assert again.annotations == first.annotations
            assert len(await here.alerts()) == 1


async def test_an_alertmanager_out_of_reach_is_told_by_the_other(
    start_nats: StartNats, alertmanager: EmbeddedServer
) -> None:
    async with desk(start_nats(), alertmanager) as here:
        nowhere = f"http://127.0.0.1:{free_port()}"
        await configure(here, gone_after="2s")
        await here.name_alertmanagers(alertmanager.url, nowhere)
        async with checker_waiting(here), here.publisher(is_ready=False):
            alert = await here.alert(alertname="WatchwordBlindAlertmanager")
            assert alert.labels["service_name"] == nowhere
            await here.name_alertmanagers(alertmanager.url)
            await here.no_alerts()


async def test_the_alert_that_always_fires_can_be_switched_on_while_it_runs(here: Desk) -> None:
    async with checker_waiting(here), here.publisher():
        await configure(here, always_firing=True)
        alert = await here.alert(alertname="WatchwordAlive")
        assert alert.ends_at - alert.updated_at > dt.timedelta(minutes=4)  # type: ignore[operator]  # it was received
        await configure(here, enabled=False)
        await here.no_alerts()


async def test_it_is_muted_by_its_fingerprint_like_any_other(here: Desk) -> None:
    await configure(here, gone_after="2s")
    author = unique("ada")
    application, stage = make_silencer(SilencerSettings(nats_url=here.nats_url))
    stage.is_health_served_elsewhere = True
    async with here.publisher(), started(application):
        alert = await here.alert(alertname=UNSERVED)
        request = {"fingerprint": alert.fingerprint, "created_by": author, "comment": "no checkers today"}
        await here.jetstream.publish(subjects.MUTE_REQUESTED, json.dumps(request).encode())

        async def is_muted() -> bool:
            return (await here.alert(alertname=UNSERVED)).status.state == "suppressed"

        await until(is_muted, "it is muted")
        (silence,) = [one for one in await here.alertmanagers[0].get_silences() if one.created_by == author]
        assert {matcher.name: matcher.value for matcher in silence.matchers} == alert.labels
