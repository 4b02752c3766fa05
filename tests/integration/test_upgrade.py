"""What a release has left on a NATS server is read by this one: results become alerts, mutes silences, runs results."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest

from services.checker.app import make_checker
from services.checker.settings import CheckerSettings
from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from services.scheduler.app import make_scheduler
from services.scheduler.settings import SchedulerSettings
from services.silencer.reconcile import Make, reconcile
from services.silencer.wanted import Wanted
from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import ShownAlert
from shared.configuration import Alertmanager, Alertmanagers
from shared.declaring import declare
from shared.schedules import disabled_by
from shared.stage import started
from shared.streams import CHECK_RESULTS, CHECK_RUNS
from tests.conftest import StartAlertmanager
from tests.integration.checker_fleet import Fleet, eventually
from tests.integration.recorded_store import INSTALLATION, STORES, recorded_mutes, unpacked
from watchword.embedded import NatsSettings, embedded_nats

RELEASES = sorted(STORES.glob("*.tar.gz"))
FORGOTTEN_IN_TIME = ("CHECK_EVENTS", "ALERT_EVENTS", "MUTES", "DEAD_LETTERS", "CHECK_REQUESTS", "KV_watchword_leases")
"""What a server forgets by its age, however it is read."""


@pytest.fixture(params=RELEASES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def described(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return unpacked(request.param, tmp_path)


@pytest.fixture
async def fleet(described: dict[str, Any], tmp_path: Path) -> AsyncIterator[Fleet]:
    server = embedded_nats(NatsSettings(tmp_path, port=0))
    with server.process:
        client = await nats.connect(server.url)
        yield Fleet(client, client.jetstream(), server.url)
        await client.close()


async def test_it_is_taken_over_as_it_is(
    fleet: Fleet, described: dict[str, Any], start_alertmanager: StartAlertmanager
) -> None:
    said: list[str] = []
    await declare(fleet.client, fleet.jetstream, report=said.append)
    assert not [line for line in said if line.startswith("made")]
    for stream, number in described["messages"].items():
        if stream not in FORGOTTEN_IN_TIME:
            assert (await fleet.jetstream.stream_info(stream)).state.messages == number, stream
    before = await fleet.result("orders", "sees")
    assert before is not None
    url = start_alertmanager().url
    named = Alertmanagers(alertmanagers=(Alertmanager(name="am", urls=(url,)),))
    await fleet.put(subjects.setting_key("file", "alertmanagers"), named.model_dump_json(exclude_none=True).encode())
    publisher, publisher_stage = make_publisher(PublisherSettings(nats_url=fleet.url))
    scheduler, scheduler_stage = make_scheduler(SchedulerSettings(nats_url=fleet.url))
    checker, checker_stage = make_checker(CheckerSettings(nats_url=fleet.url, script_workers=1))
    for stage in (publisher_stage, checker_stage, scheduler_stage):
        stage.is_health_served_elsewhere = True
    async with AlertmanagerClient(url) as alertmanager, started(publisher):

        async def of_the_check() -> list[ShownAlert]:
            # Beside it stand alerts about ourselves, the more the longer ago the store was recorded.
            return [alert for alert in await alertmanager.get_alerts() if alert.labels["check"] == "sees"]

        (alert,) = await eventually(of_the_check, "the alert", 30)
        since = before.findings[0].failing_since
        assert since is not None
        assert abs(alert.starts_at - since) < dt.timedelta(milliseconds=1)  # Alertmanager's precision
        assert alert.labels["team"] == "payments"
        assert alert.generator_url == f"{INSTALLATION}/check/postgresql/orders/sees"
        assert publisher_stage.configuration is not None
        view = publisher_stage.configuration.view
        assert (view.unreadable, sorted(view.checks)) == ({}, ["off", "passes", "sees"])
        assert disabled_by(view, "off", "orders") is not None
        async with started(checker):

            async def nothing_waits() -> bool:
                return (await fleet.jetstream.stream_info(CHECK_RUNS)).state.messages == 0

            await eventually(nothing_waits, "the run that waited", 60)
        # The database is another's by now: what could not be looked at leaves the verdict and its alert.
        assert (await fleet.result("orders", "sees")) == before
        async with started(scheduler):
            await eventually(lambda: not scheduler_stage.problems(), "the scheduler to know its slots", 30)


def test_its_mutes_are_still_wanted(described: dict[str, Any]) -> None:
    wanted = Wanted(dt.datetime.fromisoformat(described["mutes_created"]))
    for stored in recorded_mutes(described):
        wanted.apply(stored)
    recorded_at = dt.datetime.fromisoformat(described["recorded_at"])
    plans = reconcile(wanted.mutes, [], alertmanager="another", now=recorded_at)
    (made,) = [action for plan in plans for action in plan.actions if isinstance(action, Make)]
    assert {(matcher.name, matcher.value) for matcher in made.silence.matchers} == {
        ("alertname", "sees"),
        ("service_name", "orders"),
        ("severity", "warning"),
    }


async def test_a_stream_of_it_with_other_limits_is_repaired(fleet: Fleet) -> None:
    information = await fleet.jetstream.stream_info(CHECK_RESULTS)
    number = information.state.messages
    configuration = information.config
    configuration.max_msgs_per_subject, configuration.allow_rollup_hdrs = 99, True
    await fleet.jetstream.update_stream(configuration)
    said: list[str] = []
    await declare(fleet.client, fleet.jetstream, report=said.append)
    assert any(line.startswith(f"updated {CHECK_RESULTS}") for line in said)
    repaired = await fleet.jetstream.stream_info(CHECK_RESULTS)
    assert (repaired.config.max_msgs_per_subject, bool(repaired.config.allow_rollup_hdrs)) == (10, False)
    assert repaired.state.messages == number


def test_each_release_has_its_store() -> None:
    from importlib.metadata import version

    names = [path.name for path in RELEASES]
    assert f"{version('watchword')}.tar.gz" in names
    assert sum(path.stat().st_size for path in RELEASES) < 300 * 1024 * len(names)
