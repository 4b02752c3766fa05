"""What strangers wrote into a database: how does it arrive in Alertmanager and on a terminal, and who else sees it?"""

import asyncio
import json
import re
import time
from typing import Any

import httpx
import pytest

from services.checker.sandbox import Sandbox
from services.checker.script import ScriptJob
from services.publisher.app import make_publisher
from services.publisher.settings import PublisherSettings
from shared.alert_labels import LONGEST_VALUE_BYTES
from shared.stage import started
from tests.integration.checker_fleet import eventually, fleet_on
from tests.integration.command_line import CommandLine

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ROWS = """name, number FROM (VALUES
  (1, '"><script>alert(1)</script>'), (2, E'two\\nlines\\r\\nof text'), (3, E'\\x1b[31mred\\x1b]0 title\\x07'),
  (4, repeat('long', 262144)), (5, U&'\\202Eevil'), (6, U&'\\009B31m'), (7, '{{ .Labels }} {{ template "x" }}'),
  (8, ''), (9, '../../etc/passwd'), (10, '=HYPERLINK("http://x")')) AS strangers(number, name)"""
SCRIPT = """
def check_context(docs, context):
  return [
    {
      "summary": "role " + row["name"],
      "description": "role " + row["name"],
      "severity": "warning",
      "labels": {"number": str(row["number"]), "role": row["name"], 'odd "name': row["name"]},
    }
    for row in docs[0]
  ]
"""
KEEPS = """
kept = []
def check_context(docs, context):
  kept.append(docs[0][0]["secret"])
  return []
"""
LOOKS = """
def check_context(docs, context):
  return [{"summary": str(kept), "description": "d", "severity": "error", "labels": {}}]
"""


async def test_texts_of_strangers_arrive_cut_and_clean(start_nats, start_alertmanager, postgresql):
    nats_server, alertmanager = start_nats(), start_alertmanager()
    url = alertmanager.url.rstrip("/")
    settings = PublisherSettings(nats_url=nats_server.url, alertmanager_url=url)
    application, stage = make_publisher(settings)
    stage.is_health_served_elsewhere = True
    async with fleet_on(nats_server.url) as fleet, fleet.checker(), started(application):
        place = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}
        await fleet.target("orders", **place)
        # U&'…' is refused where names could hide in it; as characters they go through.
        rows = ROWS.replace("U&'\\202Eevil'", "chr(8238) || 'evil'").replace("U&'\\009B31m'", "chr(155) || '31m'")
        await fleet.check("texts", SCRIPT, queries=[{"type": "POSTGRESQL_SELECT", "text": rows}])
        await fleet.request(targets=["orders"], checks=["texts"])
        result = await fleet.status("orders", "texts", "failed")
        assert len(result.model_dump_json()) < 512 * 1024

        async def ten() -> list[dict[str, Any]]:
            async with httpx.AsyncClient() as client:
                found = (await client.get(f"{url}/api/v2/alerts")).json()
            return found if len(found) >= 10 else []

        alerts = await eventually(ten, "the alerts", 30)
    by_number = {alert["labels"]["number"]: alert for alert in alerts}
    assert set(by_number) == {str(number) for number in range(1, 11)}
    assert by_number["1"]["labels"]["role"] == '"><script>alert(1)</script>'  # as data, for others to escape
    assert by_number["2"]["labels"]["role"] == "two lines of text"
    assert by_number["3"]["labels"]["role"] == "[31mred ]0 title"
    assert by_number["7"]["labels"]["role"] == '{{ .Labels }} {{ template "x" }}'
    assert "role" not in by_number["8"]["labels"]
    for alert in alerts:
        assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in alert["labels"])
        assert all(len(value.encode()) <= LONGEST_VALUE_BYTES for value in alert["labels"].values())
        assert not any(re.search("[\x00-\x1f\x7f-\x9f]", value) for value in alert["labels"].values())
        assert len(json.dumps(alert)) < 64 * 1024
    watchword = CommandLine(nats_server.url, {"WATCHWORD_ALERTMANAGER_URL": url})
    for words in (["alerts"], ["alerts", "-o", "json"], ["targets"]):
        done = await asyncio.to_thread(watchword, *words)
        assert done.code == 0, done.err
        assert not STEERS.search(done.out + done.err), words
        if words == ["alerts", "-o", "json"]:
            assert len(done.json) == 10


async def test_a_script_can_not_leave_data_for_another():
    """In one process, one after the other: what a script keeps would be another target's to see."""
    canary = f"canary{time.monotonic_ns()}"
    async with Sandbox(workers=1) as sandbox:
        for script in (KEEPS, KEEPS + "  ", LOOKS, KEEPS.replace("kept.append", "print(kept); kept.append")):
            outcome = await sandbox.run(ScriptJob("c", script, 2, [[{"secret": canary}]]))
            assert outcome.error is not None, script
            assert canary not in f"{outcome.findings} {outcome.printed}"
            if script is not LOOKS:
                assert "Immutable" in str(outcome.error)


@pytest.mark.parametrize(
    "script",
    ["load('/etc/passwd', 'x')", "open('/etc/passwd')", "import os", "__import__('os')", "getattr(1, '__class__')"],
)
async def test_a_script_has_no_way_out(script):
    async with Sandbox(workers=1) as sandbox:
        body = f"def check_context(docs, context):\n  {script}\n  return []\n"
        assert (await sandbox.run(ScriptJob("c", body, 2, [[]]))).error is not None
