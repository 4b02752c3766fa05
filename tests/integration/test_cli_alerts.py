"""``watchword alerts`` on real Alertmanagers."""

import datetime as dt
import secrets
from dataclasses import dataclass

import httpx
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import subjects
from shared.configuration import Alertmanager, Alertmanagers, Installation
from shared.declaring import declare
from shared.streams import CONFIGURATION
from tests.conftest import StartAlertmanager, StartNats
from tests.integration.command_line import CommandLine
from tests.integration.test_apply import on
from tests.unit.inventory.samples import a_check, a_target
from watchword.embedded import EmbeddedServer
from watchword.inventory.bucket import put

NOW = dt.datetime.now(dt.UTC)


@dataclass
class Place:
    """An installation with an Alertmanager that it shares with others."""

    watchword: CommandLine
    alertmanager: EmbeddedServer
    url: str
    """The installation's own."""

    def post(self, name: str, *, severity: str = "warning", url: str | None = None, hours: int = 3) -> None:
        source = self.url if url is None else url
        labels = {"alertname": name, "check": name, "service_name": "db", "severity": severity, "place": self.url}
        began = NOW - dt.timedelta(hours=hours)
        alert = {
            "labels": labels,
            "annotations": {"summary": f"{name} is weak \x1b[31m"},
            "startsAt": began.isoformat(),
            "endsAt": (NOW + dt.timedelta(hours=1)).isoformat(),
            "generatorURL": f"{source}/check/postgresql/db/{name}",
        }
        httpx.post(f"{self.alertmanager.url}/api/v2/alerts", json=[alert]).raise_for_status()

    def silence(self, name: str) -> str:
        matchers = [
            {"name": "alertname", "value": name, "isRegex": False},
            {"name": "place", "value": self.url, "isRegex": False},
        ]
        body = {
            "matchers": matchers,
            "startsAt": NOW.isoformat(),
            "endsAt": (NOW + dt.timedelta(hours=5)).isoformat(),
            "createdBy": "grace",
            "comment": "known [watchword:1-2]",
        }
        answer = httpx.post(f"{self.alertmanager.url}/api/v2/silences", json=body)
        answer.raise_for_status()
        return str(answer.json()["silenceID"])


def configure(watchword: CommandLine, installation: str, *alertmanagers: Alertmanager) -> None:
    async def write(client: Client, jetstream: JetStreamContext) -> None:
        await declare(client, jetstream)
        for kind, setting in (
            ("installation", Installation(url=installation)),
            ("alertmanagers", Alertmanagers(alertmanagers=alertmanagers)),
        ):
            subject = subjects.bucket_subject(CONFIGURATION, subjects.setting_key("person", kind))
            await jetstream.publish(subject, setting.model_dump_json().encode())

    on(watchword.nats_url, write)


@pytest.fixture
def place(start_nats: StartNats, start_alertmanager: StartAlertmanager) -> Place:
    # Of its own: a mute of another test, which heeds no target's label, would silence what this one looks for.
    alertmanager = start_alertmanager()
    watchword = CommandLine(start_nats().url)
    url = f"http://{secrets.token_hex(4)}.example"
    configure(watchword, url, Alertmanager(name="main", urls=(alertmanager.url,)))
    return Place(watchword, alertmanager, url)


def test_active_alerts_of_this_installation_are_shown_the_worst_first(place: Place) -> None:
    place.post("mild", severity="notice")
    place.post("bad", severity="critical")
    place.post("of_others", url="http://elsewhere.example")
    place.post("muted")
    place.silence("muted")
    done = place.watchword("alerts")
    assert done.code == 0
    assert len(done.out.splitlines()) == 3, done
    heading, first, second = done.out.splitlines()
    assert heading.split() == ["SEVERITY", "TARGET", "CHECK", "SUMMARY", "AGE", "FINGERPRINT"]
    assert first.split()[:3] == ["critical", "db", "bad"]
    assert second.split()[:3] == ["notice", "db", "mild"]
    assert "3h" in first
    assert "\x1b" not in done.out


def test_muted_alerts_are_shown_with_who_muted_them_and_why(place: Place) -> None:
    place.post("muted")
    silence_id = place.silence("muted")
    assert place.watchword("alerts").err == "no alert is active\n"
    assert "by grace until" in (shown := place.watchword("alerts", "--all").out)
    assert shown.rstrip().endswith(": known")
    (one,) = place.watchword("alerts", "--all", "-o", "json").json
    assert one["is_active"] is False
    (silence,) = one["silences"]
    assert (silence["id"], silence["created_by"]) == (silence_id, "grace")
    assert 'alertname="muted"' in silence["matchers"]


def test_alerts_are_chosen_by_target_and_check_and_counted_by_the_exit_code(place: Place) -> None:
    place.post("one")
    place.post("two")
    chosen = place.watchword("alerts", "--check", "two", "-o", "json", "--exit-code")
    assert chosen.code == 1
    assert [one["check"] for one in chosen.json] == ["two"]
    nothing = place.watchword("alerts", "--target", "another", "--exit-code")
    assert (nothing.code, nothing.out) == (0, "")


def test_alerts_of_other_programs_are_shown_when_asked_for(place: Place) -> None:
    place.post("of_others", url="http://elsewhere.example")
    shown = place.watchword("alerts", "--all-sources", "-o", "json").json
    assert place.url in [one["labels"]["place"] for one in shown if one["check"] == "of_others"]


def test_one_alert_in_two_alertmanagers_is_one_line(place: Place, start_alertmanager: StartAlertmanager) -> None:
    second = start_alertmanager(route_prefix="/alertmanager")
    configure(
        place.watchword,
        place.url,
        Alertmanager(name="main", urls=(place.alertmanager.url,)),
        Alertmanager(name="second", urls=("http://127.0.0.1:9", second.url)),
    )
    place.post("both")
    place.silence("both")
    Place(place.watchword, second, place.url).post("both")
    (one,) = place.watchword("alerts", "--all", "-o", "json").json
    assert one["alertmanagers"] == ["main", "second"]
    assert one["is_active"] is True  # in the second it is not muted
    assert len(one["silences"]) == 1


def test_an_alertmanager_that_does_not_answer_is_told_and_the_others_are_shown(place: Place) -> None:
    place.post("one")
    configure(
        place.watchword,
        place.url,
        Alertmanager(name="main", urls=(place.alertmanager.url,)),
        Alertmanager(name="gone", urls=("http://127.0.0.1:9",)),
    )
    done = place.watchword("alerts", "-o", "json")
    assert done.code == 3
    assert [one["check"] for one in done.json] == ["one"]
    assert "http://127.0.0.1:9 can't be reached" in done.err
    configure(place.watchword, place.url, Alertmanager(name="gone", urls=("http://127.0.0.1:9",)))
    nothing = place.watchword("alerts")
    assert (nothing.code, nothing.out) == (3, "")


def test_without_an_alertmanager_it_is_said_where_to_name_one(
    start_nats: StartNats, alertmanager: EmbeddedServer
) -> None:
    watchword = CommandLine(start_nats().url)
    on(watchword.nats_url, declare)
    done = watchword("alerts")
    assert done.code == 3
    assert "WATCHWORD_ALERTMANAGER_URL" in done.err
    named = CommandLine(watchword.nats_url, {"WATCHWORD_ALERTMANAGER_URL": alertmanager.url})
    assert named("alerts").code == 0


def test_the_doctor_asks_each_alertmanager(place: Place) -> None:
    lines = place.watchword("doctor", "-o", "json").json
    (line,) = [one for one in lines if one["about"] == f"Alertmanager {place.alertmanager.url}"]
    assert line["level"] == "ok"
    assert line["what"].startswith("version 0.")


@pytest.mark.parametrize("words", ["zzzz", "orders", "0000"])
def test_an_alert_that_is_none_can_not_be_muted(place: Place, words: str) -> None:
    done = place.watchword("mute", words, "--comment", "x")
    assert done.code == 2
    assert f"{words!r} is no alert that fires" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("orders-db/pg_one", "there is no target 'orders-db'; did you mean 'order-db'?"),
        ("order-db/pg_oen", "there is no check 'pg_oen'; did you mean 'pg_one'?"),
    ],
)
def test_a_mistyped_target_or_check_is_not_muted(place: Place, words: str, said: str) -> None:
    async def write(_: Client, jetstream: JetStreamContext) -> None:
        await put(jetstream, subjects.target_key("order-db"), a_target("order-db"), 0)
        await put(jetstream, subjects.check_key("pg_one"), a_check("pg_one"), 0)

    on(place.watchword.nats_url, write)
    done = place.watchword("mute", words, "--comment", "x")
    assert done.code == 2
    assert said in done.err
    assert place.watchword("mutes", "--all", "-o", "json").json == []


def test_the_target_of_another_program_is_muted_when_an_alert_shows_it(place: Place) -> None:
    place.post("image_is_old")
    done = place.watchword("mute", "db/image_is_old", "--comment", "x")
    assert done.code == 3  # it is asked for; no silencer runs here
    assert "no silencer answered in time" in done.err
