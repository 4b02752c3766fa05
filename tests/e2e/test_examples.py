"""The programs of others: each example runs as its documentation says, against real stages."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import Pipeline
from tests.integration.checker_fleet import eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
FAILS = """
def check_context(docs, context):
  return [{"summary": "weak", "severity": "warning", "labels": {"row": "1"}}]
"""
PASSES = "def check_context(docs, context):\n  return []\n"


async def run(script: str, pipeline: Pipeline, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run an example as its reader would."""
    command = [sys.executable, str(EXAMPLES / script), "--nats", pipeline.nats_url, *words]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
async def target(pipeline, postgresql):
    place = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}
    await pipeline.fleet.target("orders-db", **place)
    return "orders-db"


async def test_deployment_job_forces_a_run_and_waits_for_its_end(pipeline, target):
    await pipeline.fleet.check("good", PASSES)
    pipeline.start("checker")
    done = await run("after_migration/check_after_migration.py", pipeline, "--target", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed, 0 failed" in done.stdout
    await pipeline.fleet.check("bad", FAILS)
    done = await run("after_migration/check_after_migration.py", pipeline, "--target", target)
    assert (done.returncode, "1 failed" in done.stdout) == (1, True)


async def test_deployment_job_for_an_unknown_target_says_where_to_look(pipeline, target):
    pipeline.start("checker")
    words = ("--target", "nobody", "--timeout", "5")
    done = await run("after_migration/check_after_migration.py", pipeline, *words)
    assert done.returncode == 3
    assert "watchword dead list" in done.stdout


async def test_scanner_of_another_kind_raises_and_resolves_an_alert(pipeline):
    pipeline.start("publisher")
    image = "registry/shop:1.4"
    words = ("--image", image, "--vulnerability", "CVE-2026-0001")
    done = await run("other_scanner/publish_finding.py", pipeline, *words)
    assert (done.returncode, done.stderr) == (0, "")
    alert = await pipeline.alert("image_vulnerabilities", image)
    assert alert["labels"] == {
        "alertname": "image_vulnerabilities",
        "check": "image_vulnerabilities",
        "service_name": image,
        "service_type": "container",
        "severity": "critical",
        "team": "shop",
        "vulnerability": "CVE-2026-0001",
    }
    await run("other_scanner/publish_finding.py", pipeline, "--image", image)
    await pipeline.no_alert("image_vulnerabilities", image)


async def test_follower_sees_each_transition(pipeline, target):
    for stage in ("checker", "publisher"):
        pipeline.start(stage)
    await pipeline.fleet.check("c", FAILS)
    await pipeline.fleet.request()
    await pipeline.alert("c", target)
    await pipeline.fleet.check("c", PASSES)
    await pipeline.fleet.request()
    await pipeline.no_alert("c", target)
    done = await run("alert_follower/follow_alerts.py", pipeline, "--name", "pager", "--count", "2")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["firing", "resolved"]


async def test_chat_command_mutes_and_is_answered(pipeline, target):
    for stage in ("checker", "publisher", "silencer"):
        pipeline.start(stage)
    await pipeline.fleet.check("c", FAILS)
    await pipeline.fleet.request()
    await pipeline.alert("c", target)
    done = await run("chat_mute/mute_from_chat.py", pipeline, "--user", "ada", f"/mute {target} c 2h ticket 4711")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("muted until ")
    await pipeline.no_alert("c", target)
    assert await eventually(pipeline.alerts, "the alert, still firing")
    refused = await run("chat_mute/mute_from_chat.py", pipeline, "--user", "", f"/mute {target} c 2h ticket 4711")
    assert refused.returncode == 1
    assert refused.stdout.startswith("refused: ")
