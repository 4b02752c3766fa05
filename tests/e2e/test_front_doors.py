"""The whole story through the doors that others use: raw bytes on NATS, plain HTTP on Alertmanager, its own amtool."""

import asyncio
import datetime as dt
import json
import subprocess

import psycopg
import pytest

from shared import subjects
from tests.integration.checker_fleet import eventually
from watchword.check_files.library import built_in_checks
from watchword.debian_packages import find_program

ROLE, CHECK = "front_door_intern", "postgresql_superuser_roles"


@pytest.fixture
def administrator(postgresql):
    with psycopg.connect(
        host=postgresql.host, port=postgresql.port, user=postgresql.user, dbname="postgres", autocommit=True
    ) as connection:
        yield connection
        connection.execute(f"DROP ROLE IF EXISTS {ROLE}")


async def test_a_weakness_becomes_an_alert_is_fixed_and_another_is_muted(pipeline, postgresql, administrator):
    fleet = pipeline.fleet
    for check in built_in_checks():
        await fleet.put(subjects.check_key(check.name), check.model_dump_json().encode())
    place = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}
    await fleet.target("orders-db", labels={"environment": "production"}, **place)
    for stage in ("scheduler", "checker", "publisher", "silencer"):
        pipeline.start(stage)
    await pipeline.alert("postgresql_trust_authentication", "orders-db", timeout_seconds=60)

    administrator.execute(f"CREATE ROLE {ROLE} LOGIN SUPERUSER")
    await fleet.client.publish("check.requested", b"{}")
    alert = await _of_the_role(pipeline, is_wanted=True)
    assert alert["labels"] == {
        "alertname": CHECK,
        "check": CHECK,
        "service_name": "orders-db",
        "service_type": "postgresql",
        "severity": "warning",
        "environment": "production",
        "role": ROLE,
    }
    assert {"summary", "description", "read_more_url"} <= alert["annotations"].keys()

    administrator.execute(f"ALTER ROLE {ROLE} NOSUPERUSER")
    await fleet.client.publish("check.requested", b"{}")
    await _of_the_role(pipeline, is_wanted=False)

    other = await pipeline.alert("postgresql_trust_authentication", "orders-db")
    request = {"fingerprint": other["fingerprint"], "created_by": "ada", "comment": "known"}
    asked = await fleet.jetstream.publish("mute.requested", json.dumps(request).encode())
    result = await eventually(lambda: _mute_result(pipeline, asked.seq), "the silence")
    (silence,) = result["silences"]
    length = dt.datetime.fromisoformat(result["ends_at"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=23, minutes=59) < length <= dt.timedelta(hours=24)

    async def is_off_the_list():
        active = {alert["fingerprint"] for alert in await pipeline.alerts(silenced="false")}
        firing = {alert["fingerprint"] for alert in await pipeline.alerts()}
        return other["fingerprint"] not in active and other["fingerprint"] in firing

    await eventually(is_off_the_list, "the muted alert to leave the list while it fires")
    amtool = find_program("alertmanager", "amtool").path
    command = [str(amtool), f"--alertmanager.url={pipeline.alertmanager_url}", "silence", "query", "-q"]
    seen = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=True)
    assert seen.stdout.split() == [silence["silence_id"]]


async def _of_the_role(pipeline, *, is_wanted):
    async def look():
        found = [one for one in await pipeline.alerts(silenced="false") if one["labels"].get("role") == ROLE]
        of_check = [one for one in found if one["labels"]["alertname"] == CHECK]
        if is_wanted:
            return of_check[0] if of_check else None
        return not of_check

    return await eventually(look, "the alert of the role" if is_wanted else "no alert of the role")


async def _mute_result(pipeline, sequence):
    for event in await pipeline.fleet.all_events("mute.result.*"):
        if event["request_id"].endswith(f"-{sequence}") and any(
            "silence_id" in silence for silence in event.get("silences", [])
        ):
            return event
    return None
