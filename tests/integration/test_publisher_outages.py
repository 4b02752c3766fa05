"""When parts are away, come back, or come back as something else: no alert lapses, none rises from the dead."""

import asyncio
import datetime as dt
import os
import signal
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from services.publisher.alerts import Alert
from services.publisher.current import Current
from services.publisher.errors import BehindTheStreams
from services.publisher.ledger import Keeping, Ledger
from services.publisher.outbox import Outbox
from services.publisher.pace import Clock
from services.publisher.posting import Poster
from services.publisher.received import Received
from services.publisher.withdrawing import Withdrawing
from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedAlert, fingerprint
from shared.configuration import Configuration
from shared.events import CheckResult
from shared.streams import CHECK_RESULTS
from shared.subjects import ResultSubject
from tests.conftest import StartAlertmanager, StartNats
from tests.integration.publishing import Desk, answers, desk, finding, now, unique, until
from watchword.embedded import EmbeddedServer
from watchword.processes import free_port


@pytest.fixture
async def here(start_nats: StartNats, alertmanager: EmbeddedServer) -> AsyncIterator[Desk]:
    async with desk(start_nats(), alertmanager) as made:
        await made.target()
        yield made


class TestAlertmanagers:
    async def test_one_that_restarted_is_refilled_at_once(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager
    ) -> None:
        server = start_alertmanager()
        async with desk(start_nats(), server) as here, here.publisher(resend_seconds=300):
            await here.verdict(finding())
            first = await here.alert()
            server.process.kill()
            server.process.restart()
            assert (await here.alert()).starts_at == first.starts_at

    async def test_it_tells_since_when_a_silent_result_fires_and_hears_it_back_when_it_lost_it(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager
    ) -> None:
        server = start_alertmanager()
        silent = {"engine": "trivy", "target": "shop", "check": "cve"}
        async with desk(start_nats(), server) as here:
            async with here.publisher():
                await here.verdict(finding(), **silent)
                first = await here.alert()
            await here.verdict(finding("the same in other words"), **silent)
            async with here.publisher():
                await until(lambda: here.alert_with_summary("the same in other words"), "the newer text")
                server.process.kill()
                server.process.restart()
                assert (await here.alert()).starts_at == first.starts_at

    async def test_one_that_was_away_hears_what_was_resolved_meanwhile(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager
    ) -> None:
        server = start_alertmanager()
        async with desk(start_nats(), server) as here, here.publisher() as stage:
            await here.verdict(finding())
            await here.alert()
            server.process.pause()  # it keeps its alerts, and answers nobody
            await here.verdict()
            await until(stage.problems, "the publisher says that it does not answer", seconds=30)
            server.process.resume()
            await here.no_alerts()
            await until(lambda: not stage.problems(), "all is well again")

    async def test_two_get_every_alert_and_one_that_is_away_holds_up_no_other(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager, alertmanager: EmbeddedServer
    ) -> None:
        second = start_alertmanager()
        async with desk(start_nats(), alertmanager, second) as here, here.publisher() as stage:
            await here.verdict(finding())
            assert (await here.alert(0)).fingerprint == (await here.alert(1)).fingerprint
            second.process.kill()
            await here.verdict()
            await here.no_alerts(0)
            assert any(second.url in problem for problem in await until(stage.problems, "a problem"))
            second.process.restart()
            await here.verdict(finding("another time"))
            await here.alert(0)
            await here.alert(1)

    async def test_one_that_is_named_later_gets_everything_and_one_no_longer_named_nothing(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager, alertmanager: EmbeddedServer
    ) -> None:
        second = start_alertmanager(route_prefix="/alertmanager")
        async with desk(start_nats(), alertmanager, second) as here:
            await here.name_alertmanagers(alertmanager.url)
            await here.verdict(finding(labels={"role": "a"}))
            async with here.publisher():
                await here.alert(0)
                assert await here.alerts(1) == []
                await here.name_alertmanagers(second.url)
                await here.alert(1)
                await here.verdict(finding(labels={"role": "b"}))
                await here.alert(1, role="b")
                assert [alert.labels["role"] for alert in await here.alerts(0)] == ["a"]

    async def test_the_one_of_the_environment_is_used_when_none_is_named(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        async with desk(start_nats(), alertmanager) as here:
            await here.write(subjects.setting_key("file", "alertmanagers"), None)
            async with here.publisher(alertmanager_url=alertmanager.url):
                await here.verdict(finding())
                await here.alert()


class TestAlertsLeftBehind:
    async def test_one_without_any_verdict_is_kept_alive_until_a_verdict_decides(self, here: Desk) -> None:
        await here.post_as_ours(ends_in_seconds=3.0)
        async with here.publisher():
            alert = await here.alert()
            await asyncio.sleep(3.5)  # longer than its own lease
            (again,) = await here.alerts()
            assert again.fingerprint == alert.fingerprint
            assert again.starts_at == alert.starts_at
            assert "unconfirmed_since" in again.annotations
            await here.verdict()
            await here.no_alerts()

    async def test_it_ends_when_its_target_is_removed(self, here: Desk) -> None:
        await here.post_as_ours()
        async with here.publisher():
            await here.alert()
            await here.remove_target()
            await here.no_alerts()

    async def test_it_ends_when_nothing_decides_for_too_long(self, here: Desk) -> None:
        await here.post_as_ours()
        async with here.publisher(unconfirmed_days=2 / 86400):
            await here.alert()
            await here.no_alerts()

    async def test_what_a_verdict_ended_while_no_publisher_ran_is_resolved(self, here: Desk) -> None:
        await here.post_as_ours()
        await here.verdict()
        async with here.publisher():
            await here.no_alerts()

    async def test_alerts_of_others_are_left_alone(self, here: Desk) -> None:
        name = unique("other")
        other = PostedAlert(
            labels={"alertname": "superusers", "check": "superusers", "service_type": "postgresql", "other": name},
            ends_at=now() + dt.timedelta(minutes=1),
            generator_url="https://watchword.example/another/check/postgresql/x/superusers",
        )
        await here.alertmanagers[0].post_alerts([other])
        await here.verdict()
        async with here.publisher(compare_seconds=0.2):
            await asyncio.sleep(1.5)  # several comparisons
            (found,) = await here.alertmanagers[0].get_alerts([f'other="{name}"'])
            assert "unconfirmed_since" not in found.annotations


class TestCutOffFromNats:
    QUICK: ClassVar = {"resend_seconds": 0.5, "shortest_lease_seconds": 4.0, "patience_seconds": 0.5}

    async def test_alerts_do_not_lapse_and_all_goes_on_afterwards(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        server = start_nats()
        async with desk(server, alertmanager) as here, here.publisher(**self.QUICK) as stage:
            await here.verdict(finding())
            first = await here.alert()
            server.process.kill()
            await until(stage.problems, "the publisher says that it is cut off")
            await asyncio.sleep(6.0)  # longer than the lease
            (again,) = await here.alerts()
            assert (again.fingerprint, again.starts_at) == (first.fingerprint, first.starts_at)
            server.process.restart()
            await until(lambda: not stage.problems(), "all is well again", seconds=30)
            await until(lambda: here.client.is_connected, "the test is connected again")
            await here.verdict()
            await here.no_alerts()

    async def test_what_another_replica_extends_is_not_touched(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        server = start_nats()
        async with desk(server, alertmanager) as here, here.publisher(resend_seconds=0.5, patience_seconds=0.5):
            await here.verdict(finding())
            await here.re_sent()
            server.process.kill()
            await asyncio.sleep(1.0)
            before = await here.alert()
            await asyncio.sleep(2.0)  # four re-sends
            assert (await here.alert()).updated_at == before.updated_at

    async def test_what_another_replica_resolved_is_not_brought_back(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        server = start_nats()
        async with desk(server, alertmanager) as here, here.publisher(**self.QUICK):
            await here.verdict(finding(labels={"role": "a"}), finding(labels={"role": "b"}))
            resolved = await here.alert(role="a")
            await here.alert(role="b")
            server.process.kill()
            await asyncio.sleep(1.0)
            ended = PostedAlert(
                labels=resolved.labels, ends_at=now() - dt.timedelta(minutes=1), generator_url=resolved.generator_url
            )
            await here.alertmanagers[0].post_alerts([ended])
            for _ in range(10):
                await asyncio.sleep(0.5)
                assert [alert.labels["role"] for alert in await here.alerts()] == ["b"]

    async def test_an_alertmanager_that_lost_everything_is_refilled(
        self, start_nats: StartNats, start_alertmanager: StartAlertmanager
    ) -> None:
        server, alertmanager = start_nats(), start_alertmanager()
        async with desk(server, alertmanager) as here, here.publisher(**self.QUICK):
            await here.verdict(finding())
            first = await here.alert()
            server.process.kill()
            alertmanager.process.kill()
            alertmanager.process.restart()
            assert (await here.alert()).starts_at == first.starts_at


class TestAnotherStream:
    async def test_alerts_are_kept_until_a_verdict_of_the_new_stream_decides(self, here: Desk) -> None:
        async with here.publisher() as stage:
            await here.verdict(finding(labels={"role": "a"}), finding(labels={"role": "b"}))
            await here.alert(role="a")
            await here.jetstream.delete_stream(CHECK_RESULTS)
            await until(stage.problems, "the publisher says that the stream is gone")
            await here.re_declared()
            await until(lambda: not stage.problems(), "all is well again", seconds=30)
            await here.re_sent(times=3)
            assert {alert.labels["role"] for alert in await here.alerts()} == {"a", "b"}
            assert all("unconfirmed_since" in alert.annotations for alert in await here.alerts())
            await here.verdict(finding(labels={"role": "b"}))

            async def decided() -> bool:
                alerts = await here.alerts()
                roles = [alert.labels["role"] for alert in alerts if "unconfirmed_since" not in alert.annotations]
                return len(alerts) == 1 and roles == ["b"]

            await until(decided, "the verdict has decided")


class TestReplicas:
    async def test_one_that_was_stopped_for_long_brings_nothing_back(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        async with desk(start_nats(), alertmanager) as here:
            port = free_port()
            async with here.publisher_process(port) as process, here.publisher():
                await until(lambda: asyncio.to_thread(answers, f"http://127.0.0.1:{port}/readyz"), "it is ready")
                await here.verdict(finding())
                await here.alert()
                os.kill(process.pid, signal.SIGSTOP)
                await here.verdict()
                await here.no_alerts()
                os.kill(process.pid, signal.SIGCONT)
                deadline = now() + dt.timedelta(seconds=3)
                while now() < deadline:
                    assert await here.alerts() == []
                    await asyncio.sleep(0.01)

    async def test_one_that_is_killed_leaves_the_alerts_to_the_others(
        self, start_nats: StartNats, alertmanager: EmbeddedServer
    ) -> None:
        async with desk(start_nats(), alertmanager) as here:
            port = free_port()
            async with here.publisher_process(port) as process:
                await until(lambda: asyncio.to_thread(answers, f"http://127.0.0.1:{port}/readyz"), "it is ready")
                await here.verdict(finding())
                first = await here.alert()
                process.kill()
                async with here.publisher():
                    await here.re_sent()
                    assert (await here.alert()).starts_at == first.starts_at
                    await here.verdict()
                    await here.no_alerts()


class AlwaysCurrent(Current):
    """For a poster alone: there are no streams that it could be behind."""

    def __init__(self, behind: str | None = None) -> None:
        self.behind = behind

    async def catch_up(self) -> None:
        if self.behind:
            raise BehindTheStreams(self.behind)


class TestLateWithdrawals:
    """A replica that decided, was stopped, and writes only now."""

    @staticmethod
    def stale(here: Desk, status: str, keeping: Keeping) -> tuple[Ledger, Withdrawing]:
        view = Configuration()
        view.apply(subjects.target_key(here.target_name), None, 1)
        ledger = Ledger(view, keeping)
        subject = ResultSubject("verdict", "postgresql", here.target_name, "superusers")
        result = CheckResult(
            status="withdrawn" if status == "withdrawn" else "passed",
            engine="postgresql",
            target=here.target_name,
            check="superusers",
        )
        ledger.take(Received(subject, result, 1, now()), now())
        return ledger, Withdrawing(here.jetstream, ledger, AlwaysCurrent(), now, "late")

    async def test_it_does_not_end_a_newer_verdict(self, here: Desk) -> None:
        await here.verdict()
        await here.verdict(finding("newer"))
        ledger, withdrawing = self.stale(here, "passed", Keeping())
        await withdrawing.write(ledger.endings(now()))
        verdict = await here.last_verdict()
        assert verdict is not None
        assert verdict.status == "failed"

    async def test_it_does_not_empty_a_newer_verdict(self, here: Desk) -> None:
        await here.verdict(status="withdrawn")
        await here.verdict(finding("newer"))
        ledger, withdrawing = self.stale(here, "withdrawn", Keeping(withdrawn=dt.timedelta(0)))
        await withdrawing.write(ledger.endings(now()))
        state = (await here.jetstream.stream_info(CHECK_RESULTS)).state
        assert (state.first_seq, state.messages) == (2, 1)


class TestPosting:
    @pytest.mark.parametrize(
        "spoiled",
        [
            pytest.param({"generator_url": "not a url"}, id="refused as a whole"),
            pytest.param({"labels": {"not-a-name": "x"}}, id="refused by itself"),
        ],
    )
    async def test_an_alert_that_is_refused_spoils_nothing_for_the_others(
        self, alertmanager: EmbeddedServer, spoiled: dict[str, object]
    ) -> None:
        name = unique("poster")
        ledger, outbox = Ledger(Configuration(), Keeping()), Outbox(60)
        for number in range(100):
            subject = ResultSubject("verdict", "postgresql", name, f"c{number}")
            fields = {"labels": {"poster": name, "number": str(number)}, "generator_url": "urn:x"}
            if number == 42:
                fields |= spoiled
            alert = Alert(fingerprint(fields["labels"]), annotations={}, starts_at=None, **fields)
            ledger.states.fire(alert, subject, since=now(), now=now(), reason="test")
        outbox.urge(state.alert.fingerprint for state in ledger.states.firing())
        async with AlertmanagerClient(alertmanager.url) as client:
            poster = Poster(client, outbox, ledger, AlwaysCurrent(), Clock(), lease_seconds=60)
            elapsed = Clock().elapsed()
            await poster.post(outbox.take(elapsed, 256))
            shown = await client.get_alerts([f'poster="{name}"'])
        assert {alert.labels["number"] for alert in shown} == {str(n) for n in range(100) if n != 42}
        due = outbox.take(elapsed + 70, 1000)
        assert len(due) == 99

    async def test_nothing_is_posted_and_nothing_forgotten_while_it_is_behind(
        self, alertmanager: EmbeddedServer
    ) -> None:
        name = unique("poster")
        ledger, outbox = Ledger(Configuration(), Keeping()), Outbox(60)
        labels = {"poster": name}
        alert = Alert(fingerprint(labels), labels, {}, "urn:x", None)
        ledger.states.fire(alert, ResultSubject("verdict", "e", "t", "c"), since=now(), now=now(), reason="test")
        async with AlertmanagerClient(alertmanager.url) as client:
            poster = Poster(client, outbox, ledger, AlwaysCurrent("a verdict is missing"), Clock(), lease_seconds=60)
            with pytest.raises(BehindTheStreams):
                await poster.post([alert.fingerprint])
            assert await client.get_alerts([f'poster="{name}"']) == []
        assert outbox.take(0, 10) == [alert.fingerprint]
