"""The story: a weak fleet is checked, a new weakness stands in Alertmanager, its fix makes the alert go away, another
alert is muted for 24 hours. Every request that is shown is really sent, every answer really came.
"""

import asyncio
import contextlib
import os
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nats

from examples.demo import showing
from examples.demo.databases import Fleet
from examples.demo.showing import StepFailed, say, step, wait_for
from watchword.debian_packages import find_program
from watchword.processes import ServerProgramMissing

WEAK_ROLE = "intern"
CHECK = "postgresql_superuser_roles"
OF_THE_INTERN = [f'alertname="{CHECK}"', f'role="{WEAK_ROLE}"']


@dataclass(frozen=True)
class Place:
    """Where ``watchword up`` is."""

    program: str
    nats_url: str
    alertmanager_url: str
    health_url: str
    folder: Path

    def watchword(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Watchword, show it and what it printed."""
        showing.command(["watchword", *words])
        environment = {**os.environ, "WATCHWORD_NATS_URL": self.nats_url, "COLUMNS": "120"}
        done = subprocess.run(
            [self.program, *words], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        showing.output(done.stdout + done.stderr)
        return done

    def alerts(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return alerts of Alertmanager, without showing the request."""
        response = httpx.get(f"{self.alertmanager_url}/api/v2/alerts", params=parameters, timeout=5)
        response.raise_for_status()
        return list(response.json())

    def alert_of(self, check: str, **labels: str) -> dict[str, Any] | None:
        """Return the active alert of a check with these labels, or None."""
        for alert in self.alerts(silenced="false"):
            found = alert["labels"]
            if found["alertname"] == check and labels.items() <= found.items():
                return alert
        return None


def publish_empty_request(place: Place) -> None:
    """Publish the bytes ``{}`` with plain nats-py: run every check on every target, now."""

    async def publish() -> None:
        connection = await nats.connect(place.nats_url)
        await connection.publish("check.requested", b"{}")
        await connection.flush()
        await connection.close()

    showing.console.print("   [dim]nats-py>[/dim] await connection.publish('check.requested', b'{}')", markup=True)
    asyncio.run(publish())


def watch_the_fleet_be_checked(place: Place) -> None:
    """Step 2: the scheduler has asked for a first run of everything by itself."""
    step(2, "The fleet is checked, at once and by itself: new targets run when they appear")
    place.watchword("targets")

    def every_database_has_alerts() -> list[dict[str, Any]] | None:
        alerts = place.alerts(silenced="false")
        return alerts if {alert["labels"]["service_name"] for alert in alerts} >= DATABASES else None

    wait_for("alerts of all three databases", every_database_has_alerts, 30)
    alerts = showing.get(f"{place.alertmanager_url}/api/v2/alerts", {"silenced": "false"})
    counts = Counter((alert["labels"]["service_name"], alert["labels"]["severity"]) for alert in alerts)
    for (database, severity), count in sorted(counts.items()):
        say(f"{database:12} {count} {severity}")


DATABASES = {"orders-db", "shop-db", "sessions-db"}


def make_a_weakness(place: Place, fleet: Fleet) -> dict[str, Any]:
    """Step 3: a new weakness stands in Alertmanager moments after somebody asks."""
    step(3, "Somebody makes an intern a superuser; the bytes {} on check.requested find it")
    statement = f"CREATE ROLE {WEAK_ROLE} LOGIN SUPERUSER"
    showing.statement("orders-db", statement)
    fleet.on_orders(statement)
    publish_empty_request(place)
    alert, took = wait_for("the alert", lambda: place.alert_of(CHECK, service_name="orders-db", role=WEAK_ROLE), 10)
    say(f"[bold]the alert stands in Alertmanager after {took * 1000:.0f} ms[/bold]")
    showing.get(f"{place.alertmanager_url}/api/v2/alerts", {"silenced": "false", "filter": OF_THE_INTERN})
    showing.answer([{part: alert[part] for part in ("fingerprint", "labels", "annotations", "startsAt", "status")}])
    return alert


def fix_it(place: Place, fleet: Fleet, alert: dict[str, Any]) -> None:
    """Step 4: the fix, as the alert itself tells it; a forced run resolves the alert."""
    step(4, "The weakness is fixed with the statement that the alert carries; a forced run makes the alert go away")
    remedy = next(
        line for line in alert["annotations"]["remediation"].splitlines() if line.strip() and not line.startswith("--")
    )
    showing.statement("orders-db", remedy)
    fleet.on_orders(remedy)
    began = time.monotonic()
    place.watchword("run", "--target", "orders-db", "--check", CHECK, "--wait")
    wait_for(
        "the alert to be gone",
        lambda: True if place.alert_of(CHECK, service_name="orders-db", role=WEAK_ROLE) is None else None,
        10,
    )
    say(f"[bold]gone from Alertmanager {(time.monotonic() - began) * 1000:.0f} ms after the command began[/bold]")
    left = showing.get(f"{place.alertmanager_url}/api/v2/alerts", {"silenced": "false", "filter": OF_THE_INTERN})
    showing.answer(left)
    if left:
        message = "the alert is still there"
        raise StepFailed(message)


def mute_another(place: Place) -> None:
    """Step 5: an alert that is known is muted for 24 hours: it leaves the list of active alerts, and still fires."""
    step(5, "Another alert is known and accepted for today: it is muted for 24 hours")
    alert, _ = wait_for("an alert of sessions-db", lambda: place.alert_of("mongodb_authorization_disabled"), 10)
    fingerprint = alert["fingerprint"]
    done = place.watchword("mute", fingerprint, "--for", "24h", "--comment", "moves behind a firewall tomorrow")
    if done.returncode:
        message = "muting failed"
        raise StepFailed(message)
    wait_for(
        "the alert to leave the list",
        lambda: True if place.alert_of("mongodb_authorization_disabled") is None else None,
        10,
    )
    chosen = {"filter": 'alertname="mongodb_authorization_disabled"'}
    url = f"{place.alertmanager_url}/api/v2/alerts"
    showing.answer(showing.get(url, {"silenced": "false", **chosen}))
    (muted,) = showing.get(url, chosen)
    showing.answer([{part: muted[part] for part in ("fingerprint", "status")}])
    (silence_id,) = muted["status"]["silencedBy"]
    silence = showing.get(f"{place.alertmanager_url}/api/v2/silence/{silence_id}")
    showing.answer({part: silence[part] for part in ("id", "matchers", "startsAt", "endsAt", "createdBy", "comment")})
    with contextlib.suppress(ServerProgramMissing):
        amtool = str(find_program("alertmanager", "amtool").path)
        words = [f"--alertmanager.url={place.alertmanager_url}", "silence", "query"]
        showing.command(["amtool", *words])
        done = subprocess.run([amtool, *words], capture_output=True, text=True, check=False, timeout=30)
        showing.output(done.stdout + done.stderr)


def show_what_is_left(place: Place) -> None:
    """Step 6: the same on the command line."""
    step(6, "What is left, on the command line")
    done = place.watchword("alerts")
    if done.returncode not in {0, 1}:
        message = "watchword alerts failed"
        raise StepFailed(message)
    place.watchword("doctor")


def how_to_play(place: Place) -> None:
    """Say what the reader can do while everything is up."""
    step(7, "Everything stays up: play with it, Ctrl-C ends it")
    say(f"Alertmanager        {place.alertmanager_url}")
    say(f"NATS                {place.nats_url}")
    say(f"health and metrics  {place.health_url}/readyz, /metrics")
    say(f"inventory           {place.folder / 'watchword.yaml'}")
    say("")
    say(f"export WATCHWORD_NATS_URL={place.nats_url}")
    program = place.program
    for words in ("alerts --all", "run --wait", "checks list", "events", "mutes", "targets", "--help"):
        say(f"{program} {words}")
