"""``watchword report`` on a real NATS server: what the streams say, without running anything."""

import datetime as dt

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import subjects
from shared.declaring import declare
from shared.events import AlertChanged, CheckResult, Finding
from shared.severity import Severity
from tests.conftest import StartNats
from tests.integration.command_line import CommandLine
from tests.integration.test_apply import on
from tests.unit.inventory.samples import a_check, a_target
from watchword.inventory.bucket import put

NOW = dt.datetime.now(dt.UTC)


def weak(role: str, days: float) -> Finding:
    since = NOW - dt.timedelta(days=days)
    return Finding(summary=f"Role {role} is weak", severity=Severity.ERROR, labels={"role": role}, failing_since=since)


async def publish(jetstream: JetStreamContext, status: str, check: str, *findings: Finding, target: str = "db") -> None:
    body = {"status": status, "engine": "postgresql", "target": target, "check": check, "run": "1-1"}
    result = CheckResult.model_validate({**body, "findings": list(findings), "reason": "nobody answers"})
    subject = subjects.error if status == "error" else subjects.verdict
    await jetstream.publish(subject("postgresql", target, check), result.to_bytes())


async def prepare(client: Client, jetstream: JetStreamContext) -> None:
    await declare(client, jetstream)
    for name in ("db", "other"):
        await put(jetstream, subjects.target_key(name), a_target(name), 0)
    for name in ("pg_one", "pg_two", "pg_three"):
        await put(jetstream, subjects.check_key(name), a_check(name), 0)
    await publish(jetstream, "failed", "pg_one", weak("old", 30), weak("young", 1))
    await publish(jetstream, "passed", "pg_two")
    await publish(jetstream, "error", "pg_three")
    gone = weak("gone", 9)
    event = AlertChanged(
        id="1-1/x",
        key=gone.key("postgresql", "db", "pg_two"),
        transition="resolved",
        engine="postgresql",
        target="db",
        check="pg_two",
        severity=gone.severity,
        labels={"alertname": "pg_two", **gone.labels},
        summary=gone.summary,
        at=NOW,
    )
    await jetstream.publish(subjects.alert_event("resolved", "postgresql", "db", "pg_two"), event.to_bytes())


@pytest.fixture
def watchword(start_nats: StartNats) -> CommandLine:
    command = CommandLine(start_nats().url)
    on(command.nats_url, prepare)
    return command


def test_a_report_tells_how_the_fleet_stands_by_what_the_streams_say(watchword: CommandLine) -> None:
    done = watchword("report", "--since", "7d", "-o", "json")
    counts = {target["target"]: target["counts"] for target in done.json["targets"]}
    assert {status: number for status, number in counts["db"].items() if number} == {
        "failed": 1, "error": 1, "passed": 1
    }  # fmt: skip
    assert {status: number for status, number in counts["other"].items() if number} == {"unknown": 3}
    findings = [one for target in done.json["targets"] for state in target["checks"] for one in state["findings"]]
    assert {one["labels"]["role"]: one["is_new"] for one in findings} == {"old": False, "young": True}
    assert [one["labels"] for one in done.json["fixed"]] == [{"role": "gone"}]
    assert done.json["fixed_known_from"] is not None
    assert done.code == 1

    chosen = watchword("report", "--target", "db", "--check", "pg_two")
    assert chosen.code == 0
    assert "1 target, 1 check: 1 passed" in chosen.out
    assert watchword("report", "--target", "other").code == 3  # nobody has looked
    assert watchword("report", "--target", "db", "--fail-on", "critical").code == 3  # one could not look

    accepted = ("checks", "accept", "pg_one", "--target", "db", "--for", "2w", "--reason", "moves soon")
    assert watchword(*accepted).code == 0
    told = watchword("report", "--check", "pg_one", "--target", "db")
    assert told.code == 0
    assert "by ada: moves soon" in told.out
    assert "1 failed, and accepted" in told.out


def test_what_can_not_be_reported_is_told_with_what_can(watchword: CommandLine) -> None:
    for words, hint in (
        (("--target", "bd"), "--target bd matches nothing"),
        (("--check", "pg_on"), "--check pg_on matches nothing"),
        (("--since", "yesterday"), "such as 7d"),
        (("--since", "2999-01-01"), "in the future"),
        (("--output", "report.doc"), "can't be told by its name"),
    ):
        done = watchword("report", *words)
        assert done.code == 2
        assert hint in done.err


def test_a_report_without_nats_says_so() -> None:
    done = CommandLine("nats://127.0.0.1:9")("report", "-o", "json")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: ")
