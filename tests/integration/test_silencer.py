"""What the silencer promises of one mute, on a real NATS server and a real Alertmanager."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from shared import subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedSilence
from shared.configuration import Alertmanager, Muting
from shared.streams import MUTES
from tests.conftest import StartNats
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
from watchword.embedded import EmbeddedServer, alertmanager_program


@pytest.fixture
async def place(start_nats: StartNats) -> AsyncIterator[House]:
    async with house(start_nats().url) as found:
        yield found


@pytest.fixture
async def client(alertmanager: EmbeddedServer, place: House) -> AsyncIterator[AlertmanagerClient]:
    """The Alertmanager that all tests share, configured in this test's NATS."""
    await place.configure(Alertmanager(name="main", urls=(alertmanager.url,)))
    async with AlertmanagerClient(alertmanager.url) as found:
        yield found


@pytest.fixture
def target() -> str:
    return own_name("db")


async def test_an_alert_muted_by_fingerprint_leaves_the_active_alerts_for_24_hours(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await place.target(target, team="payments")
    await place.verdict(target, "weak-passwords", {"labels": {"role": "app"}})
    inventory = {"team": "payments"}
    [muted, _] = await fire(
        client,
        alert_of(target, "weak-passwords", target_labels=inventory, labels={"role": "app"}),
        alert_of(target, "tls-off", target_labels=inventory),
    )
    async with place.silencer():
        mute_id = await place.ask(fingerprint=muted)
        result = await place.becomes(mute_id, "active")
    assert {one.name: one.value for one in result.matchers} == {
        "alertname": "weak-passwords",
        "service_name": target,
        "severity": "critical",
        "role": "app",
    }
    assert [one.labels["check"] for one in await unsilenced(client, target)] == ["tls-off"]
    [silence] = await silences_of(client, mute_id)
    assert silence.id == result.silences[0].silence_id
    assert silence.created_by == "ann"
    assert silence.comment == f"known [watchword:{mute_id}]"
    assert result.starts_at is not None
    assert (silence.ends_at - result.starts_at).total_seconds() == pytest.approx(86400, abs=1)


async def test_a_mute_by_fingerprint_holds_through_an_edit_of_the_inventory_and_breaks_by_an_escalation(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await place.target(target, team="old")
    await place.verdict(target, "weak", {"severity": "warning", "labels": {"role": "app"}})
    before = alert_of(target, "weak", "warning", target_labels={"team": "old"}, labels={"role": "app"})
    [muted] = await fire(client, before)
    async with place.silencer():
        await place.becomes(await place.ask(fingerprint=muted), "active")
    moved = alert_of(target, "weak", "warning", target_labels={"team": "new"}, labels={"role": "app"})
    escalated = alert_of(target, "weak", "critical", target_labels={"team": "new"}, labels={"role": "app"})
    await fire(client, moved, escalated)
    assert [one.labels["severity"] for one in await unsilenced(client, target)] == ["critical"]


async def test_a_label_of_the_target_that_takes_a_findings_name_leaves_no_moment_without_a_silence(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await place.target(target)
    await place.verdict(target, "weak", {"labels": {"role": "app"}})
    [muted] = await fire(client, alert_of(target, "weak", labels={"role": "app"}))
    async with place.silencer():
        mute_id = await place.ask(fingerprint=muted)
        await place.becomes(mute_id, "active")
        await place.target(target, role="primary")

        async def living() -> int:
            return len(await living_of(client, mute_id))

        async def both_live() -> bool:
            return await living() == 2

        async def one_lives() -> bool:
            return await living() == 1

        await eventually(both_live, "a silence beside the first one")
        renamed_labels = alert_of(target, "weak", target_labels={"role": "primary"}, labels={"role": "app"})
        [renamed] = await fire(client, renamed_labels)
        assert await unsilenced(client, target) == []  # under neither name
        await eventually(one_lives, "the first one is ended")
    old, new = await silences_of(client, mute_id)
    assert not old.is_living
    assert ("finding_role", "app") in {(one.name, one.value) for one in new.matchers}
    assert [one.fingerprint for one in await unsilenced(client, target)] == [muted]  # which the publisher has resolved
    result = await place.result(mute_id)
    assert result is not None
    assert result.fingerprints == [muted, renamed]
    assert [one.silence_id for one in result.silences] == [new.id]


async def test_a_finding_of_another_program_is_muted_by_the_labels_of_its_result(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await place.verdict(target, "cve", {"labels": {"role": "x"}}, engine="scanner", labels={"role": "ci"})
    alert = alert_of(target, "cve", target_labels={"role": "ci"}, labels={"role": "x"}, engine="scanner")
    [muted] = await fire(client, alert)
    async with place.silencer():
        mute_id = await place.ask(fingerprint=muted)
        await place.becomes(mute_id, "active")
    for result in await place.history(mute_id):
        named = {one.name: one.value for one in result.matchers}
        assert named == {"alertname": "cve", "service_name": target, "severity": "critical", "finding_role": "x"}


async def test_an_alert_without_a_verdict_is_muted_by_all_its_labels(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    labels = {"alertname": "DiskFull", "service_name": target, "mount": "/var"}
    [muted] = await fire(client, labels)
    async with place.silencer():
        result = await place.becomes(await place.ask(fingerprint=muted), "active")
    assert {one.name: one.value for one in result.matchers} == labels
    assert await unsilenced(client, target) == []


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ({}, []),
        ({"check": "weak"}, ["tls-off"]),
        ({"check": "weak", "severity": "critical"}, ["tls-off", "weak"]),
    ],
    ids=["target", "target and check", "target, check and severity"],
)
async def test_a_mute_by_names(
    place: House, client: AlertmanagerClient, target: str, names: dict[str, str], left: list[str]
) -> None:
    await fire(
        client,
        alert_of(target, "weak", "critical"),
        alert_of(target, "weak", "warning"),
        alert_of(target, "tls-off", "critical"),
    )
    async with place.silencer():
        await place.becomes(await place.ask(target=target, **names), "active")
    assert sorted(one.labels["check"] for one in await unsilenced(client, target)) == left


async def test_a_mute_by_matchers_as_a_structured_cloudevent_until_a_time(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await fire(client, alert_of(target, "weak"))
    end = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=40)
    request = {
        "matchers": [
            {"name": "service_name", "value": f"{target[:-3]}.+", "isRegex": True},
            {"name": "severity", "value": "info", "isEqual": False},
        ],
        "until": end.isoformat(),
        "created_by": "chat",
        "comment": "maintenance",
    }
    event = {"specversion": "1.0", "type": "x", "source": "/chat", "id": "1", "data": request}
    async with place.silencer():
        mute_id = await place.publish(subjects.MUTE_REQUESTED, event)
        result = await place.becomes(mute_id, "active")
    [silence] = await living_of(client, mute_id)
    assert silence.ends_at == end
    assert sorted((one.name, one.is_regex, one.is_equal) for one in silence.matchers) == [
        ("service_name", True, True),
        ("severity", False, False),
    ]
    assert result.created_by == "chat"
    assert await unsilenced(client, target) == []


REFUSED: dict[str, tuple[Any, str]] = {
    "no JSON": (b"mute it!", "not JSON"),
    "wrong types": ({"target": 3}, "target: "),
    "nothing to mute": ({"created_by": "a", "comment": "b"}, "in one way"),
    "everything": (
        {"matchers": [{"name": "alertname", "value": ".+", "isRegex": True}], "created_by": "a", "comment": "b"},
        "silence about everything",
    ),
    "no author": ({"target": "db1", "created_by": " ", "comment": "b"}, "created_by is empty"),
    "no comment": ({"target": "db1", "created_by": "a"}, "comment is empty"),
    "in the past": ({"target": "db1", "created_by": "a", "comment": "b", "until": "2020-01-01"}, "in the past"),
    "too long": ({"target": "db1", "created_by": "a", "comment": "b", "for": "366d"}, "365 days at most"),
    "unknown": ({"fingerprint": "0" * 16, "created_by": "a", "comment": "b"}, "no alert has the fingerprint"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_refused_is_a_result_and_a_dead_letter_with_the_reason(
    place: House, client: AlertmanagerClient, target: str, body: Any, reason: str
) -> None:
    await fire(client, alert_of(target, "weak"))
    async with place.silencer():
        mute_id = await place.publish(subjects.MUTE_REQUESTED, body)
        assert reason in await place.refused(mute_id)
        [letter] = await eventually(place.dead_letters, "a dead letter")
    assert letter.stage == "silencer"
    assert reason in letter.reason
    assert letter.data == (body if isinstance(body, bytes) else json.dumps(body).encode())
    assert await silences_of(client, mute_id) == []


class TestAnUnmute:
    @pytest.fixture
    async def muted(self, place: House, client: AlertmanagerClient, target: str) -> str:
        """The fingerprint of an alert with a verdict."""
        await place.target(target)
        await place.verdict(target, "weak", {"labels": {"role": "app"}})
        [fingerprint] = await fire(client, alert_of(target, "weak", labels={"role": "app"}))
        return fingerprint

    @pytest.mark.parametrize("way", ["id", "fingerprint", "target", "check"])
    async def test_brings_the_alert_back(
        self, place: House, client: AlertmanagerClient, target: str, muted: str, way: str
    ) -> None:
        async with place.silencer():
            mute_id = await place.ask(fingerprint=muted)
            await place.becomes(mute_id, "active")
            ways = {"id": mute_id, "fingerprint": muted, "target": target, "check": "weak"}
            await place.unmute(**{way: ways[way]})
            result = await place.becomes(mute_id, "ended")
        assert result.ended_by == "bob: done"
        assert not result.silences[0].by_person
        assert len(await unsilenced(client, target)) == 1
        assert await living_of(client, mute_id) == []
        assert await place.dead_letters() == []

    async def test_by_id_that_overtakes_its_mute_leaves_no_silence(
        self, place: House, client: AlertmanagerClient, target: str, muted: str
    ) -> None:
        created = (await place.jetstream.stream_info(MUTES)).created
        assert created is not None
        await place.unmute(id=subjects.sequence_id(created, 2))
        mute_id = await place.ask(fingerprint=muted)
        async with place.silencer() as stage:
            await place.caught_up(stage)
            result = await place.result(mute_id)
        assert result is not None
        assert result.ended_by == "bob: done"
        assert await silences_of(client, mute_id) == []

    async def test_by_name_leaves_a_mute_that_came_after_it(
        self, place: House, client: AlertmanagerClient, target: str, muted: str
    ) -> None:
        first = await place.ask(fingerprint=muted)
        await place.unmute(target=target)
        second = await place.ask(fingerprint=muted)
        async with place.silencer():
            await place.becomes(second, "active")
            await place.becomes(first, "ended")
        assert await silences_of(client, first) == []
        assert len(await living_of(client, second)) == 1

    async def test_by_name_of_a_mute_that_is_not_settled_yet_is_no_dead_letter(self, place: House, target: str) -> None:
        await place.configure(Alertmanager(name="away", urls=("http://127.0.0.1:9",)))
        await place.ask(fingerprint="0123456789abcdef")
        await place.unmute(target=target)
        async with place.silencer() as stage:
            await place.caught_up(stage)
            assert await place.dead_letters() == []

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            ({"target": "never-muted"}, "no mute was ever asked for that"),
            ({}, "in one way"),
            ({"id": "chat-7"}, "is not the id of a mute"),
        ],
        ids=["nothing that matches", "nothing at all", "no id"],
    )
    async def test_that_can_do_nothing_is_a_dead_letter(
        self, place: House, client: AlertmanagerClient, request_: dict[str, str], reason: str
    ) -> None:
        async with place.silencer():
            await place.unmute(**request_)
            [letter] = await eventually(place.dead_letters, "a dead letter")
        assert reason in letter.reason


async def test_a_redelivered_request_makes_no_second_silence(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    async with place.silencer() as stage:
        mute_id = await place.ask(target=target)
        await place.becomes(mute_id, "active")
        before = (await place.jetstream.stream_info(MUTES)).state.last_seq
        await place.jetstream.delete_consumer(MUTES, "silencers")

        async def made_again() -> bool:
            information = await place.jetstream.consumer_info(MUTES, "silencers")
            return information.delivered is not None and information.delivered.consumer_seq > 0

        await eventually(lambda: quietly(made_again), "the request is delivered again")
        await place.caught_up(stage)
    assert len(await silences_of(client, mute_id)) == 1
    assert (await place.jetstream.stream_info(MUTES)).state.last_seq == before


async def quietly(look: Any) -> bool:
    """Look at a consumer that may not be there yet."""
    try:
        return bool(await look())
    except NotFoundError:
        return False


async def test_a_silence_that_a_person_ends_stays_ended_also_after_a_restart(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    async with place.silencer():
        mute_id = await place.ask(target=target)
        result = await place.becomes(mute_id, "active")
        await client.delete_silence(str(result.silences[0].silence_id))
        ended = await place.becomes(mute_id, "ended")
    assert ended.silences[0].by_person
    assert ended.ended_by is None
    async with place.silencer():
        other = await place.ask(target=own_name("db"))
        await place.becomes(other, "active")  # so a whole round went by
    assert await living_of(client, mute_id) == []
    assert len(await silences_of(client, mute_id)) == 1


async def test_a_silence_that_a_person_edits_counts_as_long_as_it_keeps_the_marker(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    async with place.silencer():
        mute_id = await place.ask(target=target)
        await place.becomes(mute_id, "active")
        [silence] = await living_of(client, mute_id)
        edited_id = await client.post_silence(
            PostedSilence(
                id=silence.id,
                matchers=silence.matchers,
                starts_at=silence.starts_at,
                ends_at=silence.ends_at + dt.timedelta(days=300),
                created_by="carl",
                comment=f"longer {silence.comment}",
            )
        )
        [edited] = await living_of(client, mute_id)
        await place.becomes(await place.ask(target=own_name("db")), "active")
        assert (await place.states(mute_id)) == {"main": "active"}
        assert [one.id for one in await living_of(client, mute_id)] == [edited_id]
        await place.unmute(id=mute_id)
        await place.becomes(mute_id, "ended")
    assert edited.created_by == "carl"
    assert await living_of(client, mute_id) == []


async def test_of_two_living_silences_of_one_mute_the_older_stays(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    async with place.silencer():
        mute_id = await place.ask(target=target)
        await place.becomes(mute_id, "active")
        [older] = await living_of(client, mute_id)
        younger_id = await client.post_silence(
            PostedSilence(
                matchers=older.matchers,
                starts_at=older.starts_at,
                ends_at=older.ends_at,
                created_by="x",
                comment=older.comment,
            )
        )

        async def one_is_left() -> bool:
            return len(await living_of(client, mute_id)) == 1

        await eventually(one_is_left, "the double is ended")
    assert [one.id for one in await living_of(client, mute_id)] == [older.id]
    assert younger_id != older.id


async def test_a_mute_that_runs_out_is_over_and_says_so(place: House, client: AlertmanagerClient, target: str) -> None:
    await fire(client, alert_of(target, "weak"))
    async with place.silencer():
        mute_id = await place.ask(target=target, **{"for": "2s"})
        await place.becomes(mute_id, "active")
        assert await unsilenced(client, target) == []
        await place.becomes(mute_id, "expired")

        async def is_back() -> bool:
            return len(await unsilenced(client, target)) == 1

        await eventually(is_back, "the alert is active again")
    assert len(await silences_of(client, mute_id)) == 1


async def test_the_default_length_follows_the_configuration(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    await place.put(subjects.setting_key("file", "muting"), Muting(default="2h").model_dump_json().encode())
    async with place.silencer():
        result = await place.becomes(await place.ask(target=target), "active")
        assert result.starts_at is not None
        assert result.ends_at is not None
        assert (result.ends_at - result.starts_at).total_seconds() == 7200
        await place.put(subjects.setting_key("person", "muting"), Muting(default="3h").model_dump_json().encode())
        result = await place.becomes(await place.ask(target=target), "active")
        assert result.starts_at is not None
        assert result.ends_at is not None
        assert (result.ends_at - result.starts_at).total_seconds() == 10800


async def test_amtool_sees_the_mute(
    place: House, client: AlertmanagerClient, alertmanager: EmbeddedServer, target: str
) -> None:
    await fire(client, alert_of(target, "weak"))
    async with place.silencer():
        mute_id = await place.ask(target=target, comment="upgrade on Sunday")
        result = await place.becomes(mute_id, "active")
    program = alertmanager_program()
    asked = [f"--alertmanager.url={alertmanager.url}", "silence", "query", f"service_name={target}", "-o", "json"]
    process = await asyncio.create_subprocess_exec(
        str(program.path.with_name("amtool")), *asked, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    [shown] = json.loads(output)
    assert shown["id"] == result.silences[0].silence_id
    assert shown["comment"] == f"upgrade on Sunday [watchword:{mute_id}]"


async def test_the_stage_is_ready_and_says_when_its_memory_is_gone(
    place: House, client: AlertmanagerClient, target: str
) -> None:
    async with place.silencer() as stage:
        await place.becomes(await place.ask(target=target), "active")
        await eventually(lambda: not stage.problems(), "ready")
        await place.jetstream.delete_stream(MUTES)
        said = await eventually(stage.problems, "not ready")
        assert any("watchword init" in problem for problem in said)
