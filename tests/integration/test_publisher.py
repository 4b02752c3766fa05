"""From results to alerts, on a real NATS server and a real Alertmanager: what fires, what ends, what stays."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.alertmanager_api import fingerprint
from shared.streams import CHECK_RESULTS, CONFIGURATION, bucket_stream
from tests.conftest import StartNats
from tests.integration.publishing import Desk, desk, finding, now, until
from watchword.embedded import EmbeddedServer


@pytest.fixture
async def here(start_nats: StartNats, alertmanager: EmbeddedServer) -> AsyncIterator[Desk]:
    async with desk(start_nats(), alertmanager) as made:
        await made.target(environment="production")
        yield made


async def test_a_verdict_stands_in_alertmanager_at_once_and_complete(here: Desk) -> None:
    since = now().replace(microsecond=0) - dt.timedelta(hours=3)
    async with here.publisher(resend_seconds=60.0):
        await here.verdict(
            finding(
                "app is a superuser",
                "critical",
                description="The role app may do anything.",
                labels={"role": "app", "auth-method": "trust"},
                read_more_url="https://docs.example/superusers",
                remediation='ALTER ROLE "app" NOSUPERUSER;',
                failing_since=since,
            )
        )
        alert = await here.alert()
    assert alert.labels == {
        "alertname": "superusers",
        "check": "superusers",
        "service_name": here.target_name,
        "service_type": "postgresql",
        "severity": "critical",
        "environment": "production",
        "role": "app",
        "auth_method": "trust",
    }
    assert alert.fingerprint == fingerprint(alert.labels)
    assert alert.annotations == {
        "summary": "app is a superuser",
        "description": "The role app may do anything.",
        "read_more_url": "https://docs.example/superusers",
        "remediation": 'ALTER ROLE "app" NOSUPERUSER;',
    }
    assert alert.starts_at == since
    assert alert.generator_url == f"{here.installation}/check/postgresql/{here.target_name}/superusers"
    lease = alert.ends_at - now()
    assert dt.timedelta(minutes=4, seconds=50) < lease <= dt.timedelta(minutes=5)


async def test_a_fixed_check_resolves_its_alert_at_once(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding())
        await here.alert()
        await here.verdict()
        await here.no_alerts()


async def test_what_fires_is_sent_again_and_keeps_its_start(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding())
        first = await here.alert()
        await here.re_sent(times=3)
        again = await here.alert()
    assert again.starts_at == first.starts_at
    assert again.ends_at > first.ends_at


async def test_an_error_leaves_the_alert_as_it_was_also_after_a_restart(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding())
        first = await here.alert()
        for _ in range(10):
            await here.error()
        await here.re_sent()
    async with here.publisher():
        await here.re_sent()
        again = await here.alert()
    assert (again.fingerprint, again.starts_at) == (first.fingerprint, first.starts_at)


async def test_a_changed_text_reaches_the_same_alert_at_once(here: Desk) -> None:
    async with here.publisher(resend_seconds=300):
        await here.verdict(finding("used 81 %"))
        first = await here.alert()
        await here.verdict(finding("used 97 %"))
        again = await until(lambda: here.alert_with_summary("used 97 %"), "the new text stands in Alertmanager")
    assert (again.fingerprint, again.starts_at) == (first.fingerprint, first.starts_at)


async def test_an_edit_of_the_inventory_relabels_and_leaves_one_alert(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding(failing_since=now() - dt.timedelta(hours=1)))
        first = await here.alert(environment="production")
        await here.target(environment="staging")
        again = await here.alert(environment="staging")

        async def one() -> bool:
            return len(await here.alerts()) == 1

        await until(one, "the old identity is resolved")
    assert again.starts_at == first.starts_at


class TestEnding:
    async def test_a_disabled_check_is_withdrawn_and_its_alert_ends(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(finding())
            await here.alert()
            await here.disable()
            await here.no_alerts()
            verdict = await until(here.withdrawn, "a withdrawn verdict")
        assert verdict.reason == "check superusers is disabled by ada: accepted"

    async def test_a_removed_target_is_withdrawn_and_its_alert_ends(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(finding())
            await here.alert()
            await here.remove_target()
            await here.no_alerts()
            await until(here.withdrawn, "a withdrawn verdict")

    async def test_a_removal_while_no_publisher_ran_ends_it_too(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(finding())
            await here.alert()
        await here.remove_target()
        async with here.publisher():
            await here.no_alerts()
            await until(here.withdrawn, "a withdrawn verdict")

    async def test_a_check_that_only_ever_had_errors_is_withdrawn_too(self, here: Desk) -> None:
        await here.error()
        await here.disable()
        async with here.publisher():
            await until(here.withdrawn, "a withdrawn verdict")

    async def test_what_was_withdrawn_is_emptied_later_with_its_errors(self, here: Desk) -> None:
        await here.verdict(finding())
        await here.error()
        await here.disable()
        async with here.publisher(purge_seconds=1.0):
            await until(here.withdrawn, "a withdrawn verdict")

            async def empty() -> bool:
                return (await here.jetstream.stream_info(CHECK_RESULTS)).state.messages == 0

            await until(empty, "the subject is empty")

    async def test_a_newer_verdict_is_not_emptied(self, here: Desk) -> None:
        await here.disable()
        await here.verdict(finding())
        async with here.publisher(purge_seconds=1.0):
            await until(here.withdrawn, "a withdrawn verdict")
            await here.disable(disabled=False)
            sequence = await here.verdict(finding("again"))
            await asyncio.sleep(1.5)  # longer than what would empty it
            verdict = await here.last_verdict()
            assert verdict is not None
            assert verdict.findings[0].summary == "again"
            assert sequence == (await here.jetstream.stream_info(CHECK_RESULTS)).state.last_seq
            await here.alert()

    async def test_two_publishers_withdraw_once(self, here: Desk) -> None:
        async with here.publisher(), here.publisher():
            await here.verdict(finding())
            await here.alert()
            await here.disable()
            await here.no_alerts()
            await until(here.withdrawn, "a withdrawn verdict")
            await here.re_sent()
        assert (await here.jetstream.stream_info(CHECK_RESULTS)).state.last_seq == 2

    async def test_a_configuration_that_is_gone_withdraws_nothing(self, here: Desk) -> None:
        async with here.publisher() as stage:
            await here.verdict(finding())
            first = await here.alert()
            await here.jetstream.delete_stream(bucket_stream(CONFIGURATION))
            await until(stage.problems, "the publisher says that it is cut off")
            assert any("watchword init" in problem for problem in stage.problems())
            await asyncio.sleep(1.5)  # three re-sends
            assert (await here.alert()).fingerprint == first.fingerprint
        verdict = await here.last_verdict()
        assert verdict is not None
        assert verdict.status == "failed"


class TestOtherPrograms:
    async def test_their_results_become_alerts_and_expire(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(
                finding("CVE-2026-1", "critical", labels={"cve": "CVE-2026-1"}),
                engine="trivy",
                target="shop:1.4",
                check="cve",
                labels={"image": "shop", "severity": "9.8"},
                expires_at=(now() + dt.timedelta(seconds=2)).isoformat(),
            )
            alert = await here.alert(service_type="trivy", service_name="shop:1.4")
            assert alert.labels["image"] == "shop"
            assert alert.labels["target_severity"] == "9.8"
            await here.no_alerts()

            async def withdrawn() -> bool:
                verdict = await here.last_verdict("trivy", "shop:1.4", "cve")
                return verdict is not None and verdict.status == "withdrawn"

            await until(withdrawn, "the publisher withdraws what expired")

    async def test_since_when_they_fire_survives_a_restart_although_they_do_not_say(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(finding(), engine="trivy", target="shop", check="cve")
            first = await here.alert()
        await here.verdict(finding("the same in other words"), engine="trivy", target="shop", check="cve")
        async with here.publisher():
            await here.re_sent()
            assert (await here.alert()).starts_at == first.starts_at


class TestBrokenResults:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"\xff\x00", id="unreadable"),
            pytest.param(b'{"status": "passed"}', id="incomplete"),
            pytest.param(
                b'{"status": "passed", "engine": "mysql", "target": "x", "check": "superusers"}', id="another's"
            ),
        ],
    )
    @pytest.mark.parametrize("is_live", [True, False], ids=["while it runs", "before it starts"])
    async def test_it_becomes_a_dead_letter_and_the_verdict_before_it_stands(
        self, here: Desk, data: bytes, is_live: bool
    ) -> None:
        await here.verdict(finding())
        if not is_live:
            await here.raw(data)
        async with here.publisher():
            if is_live:
                await here.alert()
                await here.raw(data)
            await until(here.dead_letters, "a dead letter")

            async def stands() -> bool:
                verdict = await here.last_verdict()
                return verdict is not None and verdict.status == "failed"

            await until(stands, "the verdict before it is the last again")
            await here.alert()
            await here.re_sent()
            assert await here.dead_letters() == 1

    async def test_the_verdict_before_it_is_known_although_a_replica_is_behind(
        self, here: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def of_the_replica(*_: object, **__: object) -> None:
            raise NotFoundError

        await here.verdict(finding())
        await here.raw(b"nonsense")
        monkeypatch.setattr(JetStreamContext, "get_last_msg", of_the_replica)
        async with here.publisher():
            await here.alert()

    async def test_two_publishers_make_one_dead_letter(self, here: Desk) -> None:
        async with here.publisher(), here.publisher():
            await here.verdict(finding())
            await here.raw(b"nonsense")
            await until(here.dead_letters, "a dead letter")
            await here.verdict()
            await here.no_alerts()
            assert await here.dead_letters() == 1

    async def test_a_verdict_after_it_counts(self, here: Desk) -> None:
        async with here.publisher():
            await here.verdict(finding())
            await here.alert()
            await asyncio.gather(here.raw(b"nonsense"), here.verdict())
            await here.no_alerts()


async def test_a_name_of_any_kind_becomes_an_alert(here: Desk) -> None:
    async with here.publisher():
        names = ["größe db", "a/b?c#d", "db.with.dots", "x" * 120, "tab\there", "§%20"]
        for name in names:
            await here.verdict(finding(), engine="some engine", target=name, check="a check")

        async def all_there() -> bool:
            return len(await here.alerts()) == len(names)

        await until(all_there, "an alert for each name")
        shown = {alert.labels["service_name"] for alert in await here.alerts()}
        assert set(names) - {"tab\there"} < shown


async def test_readiness_tells_what_is_wrong_and_when_it_is_over(here: Desk) -> None:
    async with here.publisher() as stage:
        await here.name_alertmanagers()
        await until(stage.problems, "no Alertmanager is named")
        assert "watchword apply" in stage.problems()[0]
        await here.name_alertmanagers("http://ada:secret@127.0.0.1:1")
        await until(lambda: any("127.0.0.1:1" in problem for problem in stage.problems()), "it can't be reached")
        assert "secret" not in str(stage.problems())
        await here.name_alertmanagers(here.alertmanagers[0].url)
        await until(lambda: not stage.problems(), "all is well again")
        await here.verdict(finding())
        await here.alert()


async def test_the_consumer_of_transitions_is_made_again_when_it_is_deleted(here: Desk) -> None:
    async with here.publisher():
        await here.jetstream.delete_consumer(CHECK_RESULTS, "alert-events")
        await here.verdict(finding(labels={"role": "app"}))
        await until(lambda: here.heard()["firing", "app"] == 1, "the event all the same")
