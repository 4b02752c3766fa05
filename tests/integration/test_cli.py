"""The command line on a real NATS server: what it reads, what it writes, and how it ends."""

import asyncio
import datetime as dt
import json
import os
import pty
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import subjects
from shared.configuration import Configuration
from shared.dead_letters import LETTER as LETTER_NUMBER
from shared.dead_letters import REPLAYED_AT, REPLAYED_BY, REPLAYED_FROM, DeadLetter, Replayed, bury, headers_of
from shared.declaring import declare
from shared.events import CheckFinished, CheckResult, Finding
from shared.schedules import disabled_by, schedule_of
from shared.severity import Severity
from shared.streams import CHECK_REQUESTS, CHECK_RESULTS
from tests.conftest import StartNats
from tests.integration.command_line import CommandLine
from tests.integration.test_apply import bucket, on
from tests.unit.inventory.samples import a_check, a_target
from watchword.inventory.bucket import put

NOW = dt.datetime.now(dt.UTC)


async def prepare(client: Client, jetstream: JetStreamContext) -> None:
    """Declare the streams, and configure two targets and two checks."""
    await declare(client, jetstream)
    for target in (a_target("db", labels={"team": "a"}), a_target("other", pool="berlin")):
        await put(jetstream, subjects.target_key(target.name), target, 0)
    for check in (a_check("pg_one"), a_check("pg_two", interval="rare")):
        await put(jetstream, subjects.check_key(check.name), check, 0)


@pytest.fixture
def watchword(start_nats: StartNats) -> CommandLine:
    """An installation with two targets and two checks, and no stage running."""
    command = CommandLine(start_nats().url)
    on(command.nats_url, prepare)
    return command


def configuration(watchword: CommandLine) -> Configuration:
    return on(watchword.nats_url, bucket).view


def result(status: str, *findings: Finding, check: str = "pg_one", reason: str | None = None) -> CheckResult:
    body = {"status": status, "target": "db", "engine": "postgresql", "check": check, "findings": list(findings)}
    return CheckResult.model_validate({**body, "run": "1-1", "reason": reason})


WEAK = Finding(summary="Role intern is a superuser", severity=Severity.CRITICAL, labels={"role": "intern"})


def publish(watchword: CommandLine, *messages: tuple[str, bytes]) -> None:
    async def send(_: Client, jetstream: JetStreamContext) -> None:
        for subject, body in messages:
            await jetstream.publish(subject, body)

    on(watchword.nats_url, send)


@pytest.mark.parametrize(
    "words",
    [("targets",), ("run",), ("alerts",), ("mutes",), ("checks", "list"), ("dead", "list"), ("doctor",), ("events",)],
    ids=" ".join,
)
def test_without_a_server_a_command_says_so_in_one_line_and_ends_with_3(words: tuple[str, ...]) -> None:
    done = CommandLine("nats://ada:hunter2@127.0.0.1:9")(*words)
    assert (done.code, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith("error: no NATS server answers at nats://***@127.0.0.1:9")
    assert "watchword up" in line
    assert "--nats-url" in line


def test_without_the_streams_a_command_says_what_makes_them(start_nats: StartNats) -> None:
    watchword = CommandLine(start_nats().url)
    done = watchword("targets")
    assert done.code == 3
    assert "watchword init" in done.err
    first, second = watchword("init", "-o", "json"), watchword("init", "-o", "json")
    assert len(first.json["changes"]) == 10
    assert second.json["changes"] == []
    assert watchword("targets").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "No such command"),
        (("run", "--nonsense"), "No such option"),
        (("run", "--label", "team"), "is not KEY=VALUE"),
        (("run", "--timeout", "soon"), "is not a duration"),
        (("run", "--engine", "oracle"), "allowed: postgresql, mysql, mongodb"),
        (
            ("mute", "0a5ad1ecd9402d6d", "--for", "1h", "--until", "2030-01-01", "--comment", "x"),
            "either --for or --until",
        ),
        (("mute", "0a5ad1ecd9402d6d", "--for", "0s", "--comment", "x"), "365d"),
        (("mute", "0a5ad1ecd9402d6d", "--until", "2020-01-01", "--comment", "x"), "is past"),
        (("mute", "0a5ad1ecd9402d6d"), "say why"),
        (("checks", "schedule", "pg_one"), "--reset"),
        (("checks", "schedule", "pg_one", "now and then"), "is not a schedule"),
        (("dead", "drop"), "--all"),
        (("apply", "nowhere.yaml"), "there is no file nowhere.yaml"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_wrong_usage_ends_with_2_and_says_what_would_be_right(words: tuple[str, ...], said: str) -> None:
    done = CommandLine("nats://127.0.0.1:9")(*words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("words", [("targets",), ("serve", "checker"), ("up",)], ids=" ".join)
def test_a_wrong_variable_of_the_environment_is_named(words: tuple[str, ...]) -> None:
    done = CommandLine("nats://127.0.0.1:9", {"WATCHWORD_HTTP_PORT": "many"}).run(*words)
    assert done.code == 2
    assert done.err.startswith("error: WATCHWORD_HTTP_PORT: ")
    assert len(done.err.splitlines()) == 1


def test_targets_show_how_each_stands(watchword: CommandLine) -> None:
    publish(
        watchword,
        (subjects.verdict("postgresql", "db", "pg_one"), result("failed", WEAK).to_bytes()),
        (subjects.verdict("postgresql", "db", "pg_two"), result("passed", check="pg_two").to_bytes()),
        (subjects.error("postgresql", "db", "pg_two"), result("error", check="pg_two", reason="refused").to_bytes()),
    )
    done = watchword("targets", "-o", "json")
    assert done.code == 0
    db, other = done.json
    assert db["counts"] == {"failed": 1, "accepted": 0, "passed": 0, "skipped": 0, "error": 1}
    assert db["errors"] == {"pg_two": "refused"}
    assert (other["counts"]["failed"], other["last_look"], other["pool"]) == (0, None, "berlin")
    lines = watchword("targets", "db").out.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[:6] == ["db", "postgresql", "db1:5432", "default", "1", "0"]


def test_a_check_is_switched_off_and_on_for_one_target_or_for_all(watchword: CommandLine) -> None:
    def is_off(target: str) -> bool:
        return disabled_by(configuration(watchword), "pg_one", target) is not None

    assert watchword("checks", "disable", "pg_one", "--target", "db", "--reason", "inside").code == 0
    assert (is_off("db"), is_off("other")) == (True, False)
    (one, two) = watchword("checks", "list", "-o", "json").json
    assert (one["is_enabled"], one["disabled_on"], two["disabled_on"]) == (True, ["db"], [])
    shown = watchword("checks", "list", "--target", "db").out
    assert "off by ada: inside" in shown
    assert watchword("checks", "disable", "pg_one", "--author", "eve").code == 0
    assert (is_off("db"), is_off("other")) == (True, True)
    enabled = watchword("checks", "enable", "pg_one")
    assert "still off on db" in enabled.err
    assert (is_off("db"), is_off("other")) == (True, False)
    assert watchword("checks", "enable", "pg_one", "--target", "db", "-o", "json").json["value"] is None
    assert not is_off("db")


def test_what_the_file_switched_off_is_switched_on_by_a_persons_word(watchword: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "watchword.yaml"
    check = "postgresql_superuser_roles"
    file.write_text(f"targets: [{{name: db, dsn: 'postgresql://u@db1'}}]\nsettings: {{disabled: [{check}]}}\n")
    assert watchword("apply", str(file)).code == 0
    assert disabled_by(configuration(watchword), check, "db") is not None
    done = watchword("checks", "enable", check, "--reason", "needed", "-o", "json")
    assert (done.json["value"]["disabled"], done.json["value"]["author"]) == (False, "ada")
    assert disabled_by(configuration(watchword), check, "db") is None


def test_a_check_runs_on_another_schedule_until_it_is_reset(watchword: CommandLine) -> None:
    def schedule(target: str) -> str:
        view = configuration(watchword)
        check = view.check("pg_two")
        assert check is not None
        return schedule_of(view, check, target)

    assert watchword("checks", "schedule", "pg_two", "15m").code == 0
    assert watchword("checks", "schedule", "pg_two", "0 3 * * * Europe/Berlin", "--target", "db").code == 0
    assert (schedule("db"), schedule("other")) == ("0 3 * * * Europe/Berlin", "15m")
    assert watchword("checks", "schedule", "pg_two", "--reset").code == 0
    assert watchword("checks", "schedule", "pg_two", "--reset", "--target", "db").code == 0
    assert (schedule("db"), schedule("other")) == ("rare", "rare")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("checks", "disable", "pg_on"), "did you mean 'pg_one'?"),
        (("checks", "show", "pg_tow"), "did you mean 'pg_two'?"),
        (("checks", "disable", "pg_one", "--target", "bd"), "there is no target 'bd'"),
        (("checks", "list", "--target", "oter"), "did you mean 'other'?"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(
    watchword: CommandLine, words: tuple[str, ...], said: str
) -> None:
    done = watchword(*words)
    assert done.code == 2
    assert said in done.err


LETTER = DeadLetter("checker", "not JSON: \x1b[31m", "check.requested", CHECK_REQUESTS, 3, b"{oops", stored_at=NOW)


def a_dead_letter(watchword: CommandLine, **headers: str) -> int:
    letter = replace(LETTER, headers=headers)

    async def store(_: Client, jetstream: JetStreamContext) -> int:
        return await bury(jetstream, letter)

    return on(watchword.nats_url, store)


def test_dead_letters_are_listed_shown_replayed_and_dropped(watchword: CommandLine) -> None:
    number = a_dead_letter(watchword, **{"Nats-Msg-Id": "x", "ce-id": "7"})
    (listed,) = watchword("dead", "list", "-o", "json").json
    assert (listed["number"], listed["subject"], listed["body"]) == (number, "check.requested", "{oops")
    shown = watchword("dead", "show", str(number)).out
    assert "not JSON" in shown
    assert "{oops" in shown
    assert "\x1b" not in shown
    (replayed,) = watchword("dead", "replay", str(number), "-o", "json").json
    assert replayed["subject"] == "check.requested"

    async def read(_: Client, jetstream: JetStreamContext) -> tuple[bytes | None, dict[str, str] | None]:
        raw = await jetstream.get_msg(CHECK_REQUESTS, replayed["sequence"])
        return raw.data, raw.headers

    data, headers = on(watchword.nats_url, read)
    assert data == b"{oops"
    assert headers is not None
    kept = {name: value for name, value in headers.items() if not name.startswith("Nats-")}
    assert kept == {"ce-id": "7", REPLAYED_FROM: str(number)}
    assert watchword("dead", "list", "-o", "json").json == []
    assert watchword("dead", "drop", str(number)).code == 0
    gone = watchword("dead", "replay", str(number))
    assert gone.code == 2
    assert f"there is no dead letter {number}" in gone.err


def test_a_dead_letter_is_replayed_once_and_its_trail_is_kept(watchword: CommandLine) -> None:
    number = a_dead_letter(watchword, **{"ce-id": "7"})
    (replayed,) = watchword("dead", "replay", str(number), "-o", "json").json
    assert "could not be handled" not in watchword("doctor", "-o", "json").out
    (kept,) = watchword("dead", "list", "--all", "-o", "json").json
    assert (kept["number"], kept["body"], kept["headers"], kept["reason"]) == (
        *(number, "{oops", {"ce-id": "7"}),
        "not JSON:  [31m",
    )
    assert kept["replayed_as"] == f"CHECK_REQUESTS {replayed['sequence']}"
    assert kept["replayed_by"]
    assert kept["replayed_at"]
    twice = watchword("dead", "replay", str(number))
    assert twice.code == 2
    assert f"was replayed by {kept['replayed_by']}" in twice.err
    assert watchword("dead", "replay", str(number), "--again").code == 0
    assert len(watchword("dead", "list", "--all", "-o", "json").json) == 1


def test_a_replay_that_broke_off_is_told_and_never_repeated_in_silence(watchword: CommandLine) -> None:
    number = a_dead_letter(watchword)

    async def break_off(_: Client, jetstream: JetStreamContext) -> None:
        begun = replace(LETTER, own_sequence=number, replayed=Replayed("ada", NOW, ""))
        headers = headers_of(begun) | {LETTER_NUMBER: str(number), REPLAYED_BY: "ada", REPLAYED_AT: NOW.isoformat()}
        await jetstream.publish(subjects.replayed_letter(number), LETTER.data, headers=headers)

    on(watchword.nats_url, break_off)
    (listed,) = watchword("dead", "list", "-o", "json").json
    assert (listed["number"], listed["replayed_by"], listed["replayed_as"]) == (number, "ada", "")
    refused = watchword("dead", "replay", str(number))
    assert refused.code == 2
    assert "whether it got there is not known" in refused.err
    assert watchword("dead", "replay", str(number), "--again").code == 0
    assert watchword("dead", "list", "-o", "json").json == []


def test_a_result_is_not_replayed_over_a_newer_one(watchword: CommandLine) -> None:
    subject = subjects.verdict("trivy", "shop", "cve")
    result = CheckResult(status="passed", engine="trivy", target="shop", check="cve").to_bytes()

    async def store(_: Client, jetstream: JetStreamContext) -> int:
        first = await jetstream.publish(subject, b"{broken")
        letter = DeadLetter("publisher", "broken", subject, CHECK_RESULTS, first.seq, result)
        await jetstream.delete_msg(CHECK_RESULTS, first.seq)
        number = await bury(jetstream, letter)
        await jetstream.publish(subject, result)
        return number

    number = on(watchword.nats_url, store)
    refused = watchword("dead", "replay", str(number))
    assert refused.code == 2
    assert "a newer one stands" in refused.err
    (kept,) = watchword("dead", "list", "-o", "json").json
    assert kept["replayed_at"] is None


def test_all_dead_letters_are_dropped_at_once(watchword: CommandLine) -> None:
    a_dead_letter(watchword)
    assert watchword("dead", "drop", "--all", "-o", "json").json == {"dropped": [1]}
    assert watchword("dead", "drop", "--all", "-o", "json").json == {"dropped": []}


def test_the_doctor_names_everything_that_is_missing_and_ends_with_3(watchword: CommandLine) -> None:
    done = watchword("doctor", "-o", "json")
    assert done.code == 3
    said = {(line["about"], line["level"]): line for line in done.json}
    assert ("NATS", "ok") in said
    assert ("streams", "ok") in said
    assert said["checker", "fail"]["to_do"] == "start one: watchword serve checker"
    assert ("publisher", "fail") in said
    assert ("silencer", "fail") in said
    assert ("pool default", "fail") in said
    assert "WATCHWORD_POOLS=berlin" in said["pool berlin", "fail"]["to_do"]
    assert ("Alertmanager", "fail") in said
    assert "db, other" in said["targets", "warn"]["what"]
    lines = watchword("doctor").out.splitlines()
    assert any(line.startswith("fail  checker: ") for line in lines)


def test_the_doctor_sees_a_stream_that_was_changed(watchword: CommandLine) -> None:
    async def change(_: Client, jetstream: JetStreamContext) -> None:
        config = (await jetstream.stream_info("MUTES")).config
        config.max_age = 60.0
        config.duplicate_window = 30.0
        await jetstream.update_stream(config)
        await jetstream.delete_stream("DEAD_LETTERS")

    on(watchword.nats_url, change)
    lines = [line for line in watchword("doctor", "-o", "json").json if line["about"] == "streams"]
    assert [line["level"] for line in lines] == ["fail", "fail"]
    assert "MUTES differs: max_age" in lines[0]["what"]
    assert lines[1]["what"] == "missing: DEAD_LETTERS"


def test_the_doctor_says_when_an_account_may_not_ask(start_nats: StartNats) -> None:
    permissions = 'permissions: {publish: ["_INBOX.>"], subscribe: ["_INBOX.>"]}'
    users = f'authorization {{ users: [{{user: "eve", password: "s", {permissions}}}] }}'
    server = start_nats(extra_configuration=users)
    login = {"WATCHWORD_NATS_USER": "eve", "WATCHWORD_NATS_PASSWORD": "s"}
    done = CommandLine(server.url, login)("doctor", "-o", "json")
    assert done.code == 3
    assert [line["level"] for line in done.json] == ["ok", "fail"]
    assert "may this account ask it?" in done.json[1]["to_do"]


def at_a_terminal(watchword: CommandLine, answer: str, *words: str) -> tuple[int, str]:
    """Run a command as somebody at a terminal, who answers its question."""
    ours, theirs = pty.openpty()
    with watchword.start(*words, stdin=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while not re.search(rb"[?:\]] ?:? *$", said.replace(b"\x1b[0m", b"")):
            said += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        out, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, said.decode() + out


def test_removals_are_asked_for_at_a_terminal(watchword: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "watchword.yaml"
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    code, said = at_a_terminal(watchword, "n", "apply", str(file))
    assert code == 130
    assert "Apply this?" in said
    assert configuration(watchword).target("other") is not None
    code, _ = at_a_terminal(watchword, "y", "apply", str(file))
    assert code == 0
    assert configuration(watchword).target("other") is None


def test_a_mute_asks_why_at_a_terminal() -> None:
    nowhere = CommandLine("nats://127.0.0.1:9")
    code, said = at_a_terminal(nowhere, "moves on friday", "mute", "0a5ad1ecd9402d6d")
    assert "Why is it muted?" in said
    assert code == 3  # there is no server; what was answered was enough


class Checker:
    """What a checker says to a request, said by the test itself on a real server."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self.jetstream = jetstream

    @classmethod
    async def on(cls, watchword: CommandLine) -> "Checker":
        return cls((await nats.connect(watchword.nats_url)).jetstream())

    async def close(self) -> None:
        await self.jetstream._nc.close()

    async def request(self) -> tuple[str, dict[str, object]]:
        """Wait for the next request, and return its id and body."""
        subscription = await self.jetstream.pull_subscribe("check.requested", "checkers", stream=CHECK_REQUESTS)
        (message,) = await subscription.fetch(1, timeout=30)
        await message.ack()
        created = (await self.jetstream.stream_info(CHECK_REQUESTS)).created
        assert created is not None
        return subjects.sequence_id(created, message.metadata.sequence.stream), json.loads(message.data)

    async def accept(self, request_id: str, *targets: str, unknown: tuple[str, ...] = ()) -> None:
        body = {"request_id": request_id, "sequence": 1, "what": "all", "first": 5, "targets": targets}
        subject = subjects.accepted(request_id)
        await self.jetstream.publish(subject, json.dumps({**body, "unknown": unknown}).encode())

    async def finish(self, target: str, *, covers: int = 5, **counts: int) -> None:
        runs = (await self.jetstream.stream_info("CHECK_RUNS")).created
        assert runs is not None
        body = CheckFinished.model_validate(
            {
                "run": "1-1",
                "target": target,
                "checks": ["pg_one", "pg_two"],
                "covers": covers,
                "started_at": NOW,
                "duration_ms": 120,
                "runs_created": subjects.created_token(runs),
                **counts,
            }
        )
        await self.jetstream.publish(subjects.finished("postgresql", target, "all"), body.to_bytes())

    async def verdict(self, one: CheckResult) -> None:
        subject = (subjects.verdict if one.is_verdict else subjects.error)(one.engine, one.target, one.check)
        await self.jetstream.publish(subject, one.to_bytes())


async def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"passed": 2}, 0),
        ({"passed": 1, "failed": 1}, 1),
        ({"failed": 1, "error": 1}, 1),
        ({"passed": 1, "error": 1}, 3),
        ({"skipped": 2}, 0),
    ],
    ids=["passed", "failed", "failed and could not look", "could not look", "does not apply"],
)
def test_a_run_ends_with_what_the_checks_came_to(watchword: CommandLine, counts: dict[str, int], code: int) -> None:
    async def story() -> tuple[int, str, str]:
        checker = await Checker.on(watchword)
        process = watchword.start("run", "--wait", "--target", "db", "--reason", "a fix", "-o", "json")
        request_id, body = await checker.request()
        assert (body["targets"], body["requested_by"], body["reason"]) == (["db"], "ada", "a fix")
        await checker.finish("db", covers=4, failed=2)  # of a run that began before
        await checker.accept(request_id, "db", unknown=("x*",))
        await checker.verdict(result("failed", WEAK) if "failed" in counts else result("passed"))
        if "error" in counts:
            await checker.verdict(result("error", check="pg_two", reason="refused"))
        await checker.finish("db", **counts)
        await checker.close()
        return await ended(process)

    got, out, err = asyncio.run(story())
    assert got == code
    assert "matched nothing: x*" in err
    (target,) = json.loads(out)["targets"]
    assert {name: target[name] for name in counts} == counts
    statuses = [one["status"] for one in target["results"]]
    assert ("failed" in statuses) == ("failed" in counts)
    assert ("error" in statuses) == ("error" in counts)


def test_a_run_of_some_checks_ends_with_what_these_came_to_also_when_a_larger_run_answered_it(
    watchword: CommandLine,
) -> None:
    async def story() -> tuple[int, str, str]:
        checker = await Checker.on(watchword)
        process = watchword.start("run", "--wait", "--check", "*_two", "-o", "json")
        request_id, _ = await checker.request()
        await checker.verdict(result("failed", WEAK))
        await checker.verdict(result("passed", check="pg_two"))
        await checker.accept(request_id, "db")
        await checker.finish("db", failed=1, passed=1)
        await checker.close()
        return await ended(process)

    code, out, _ = asyncio.run(story())
    assert code == 0
    (target,) = json.loads(out)["targets"]
    assert [one["check"] for one in target["results"]] == ["pg_two"]
    assert (target["passed"], target["failed"]) == (1, 0)


def test_a_run_shows_what_was_found_and_who_was_not_done_in_time(watchword: CommandLine) -> None:
    async def story() -> tuple[int, str, str]:
        checker = await Checker.on(watchword)
        process = watchword.start("run", "--wait", "--timeout", "3s")
        request_id, _ = await checker.request()
        await checker.verdict(result("failed", WEAK))
        await checker.verdict(result("error", check="pg_two", reason="permission denied"))
        await checker.accept(request_id, "db", "other")
        await checker.finish("db", failed=1, error=1)
        await checker.close()
        return await ended(process)

    code, out, _ = asyncio.run(story())
    assert code == 1
    assert out.splitlines() == [
        "db: 1 failed, 1 could not look (0.12 s)",
        "  critical  pg_one: Role intern is a superuser (role=intern)",
        "  could not look  pg_two: permission denied",
        "other: not finished within 0:00:03",
    ]


def test_a_run_that_matches_nothing_ends_with_2_and_names_what_was_meant(watchword: CommandLine) -> None:
    async def story() -> tuple[int, str, str]:
        checker = await Checker.on(watchword)
        process = watchword.start("run", "--wait", "--target", "dc")
        request_id, _ = await checker.request()
        sequence = subjects.parse_sequence_id(request_id)[1]
        letter = DeadLetter(
            "checker", "nothing matches: unknown dc", "check.requested", CHECK_REQUESTS, sequence, b"{}"
        )
        await bury(checker.jetstream, letter)
        await checker.close()
        return await ended(process)

    code, out, err = asyncio.run(story())
    assert (code, out) == (2, "")
    assert "nothing matches: unknown dc" in err
    assert "allowed: db, other" in err


def test_a_run_that_no_checker_takes_ends_with_3(watchword: CommandLine) -> None:
    done = watchword("run", "--wait", "--timeout", "1s")
    assert (done.code, done.out) == (3, "")
    assert "no checker took request" in done.err
    assert "watchword doctor" in done.err


def test_a_run_without_waiting_prints_the_id_of_its_request(watchword: CommandLine) -> None:
    done = watchword("run", "--check", "pg_*", "--label", "team=a", "--engine", "postgresql")
    assert done.code == 0
    assert subjects.parse_sequence_id(done.out.strip())[1] == 1

    async def read(_: Client, jetstream: JetStreamContext) -> bytes | None:
        return (await jetstream.get_msg(CHECK_REQUESTS, 1)).data

    body = json.loads(on(watchword.nats_url, read) or b"")
    assert body == {"checks": ["pg_*"], "engine": "postgresql", "selector": {"team": "a"}, "requested_by": "ada"}


def test_events_are_followed_live_as_lines_of_json(watchword: CommandLine) -> None:
    publish(watchword, (subjects.verdict("postgresql", "db", "pg_one"), result("failed", WEAK).to_bytes()))
    with watchword.start("events", "check.result.*", "--target", "db", "-n", "1", "-o", "json") as process:
        assert process.stderr is not None
        assert "following" in process.stderr.readline()
        publish(
            watchword,
            (subjects.verdict("postgresql", "another", "pg_one"), b"{}"),
            (subjects.verdict("postgresql", "db", "pg_one"), result("passed").to_bytes()),
        )
        out, _ = process.communicate(timeout=30)
    (line,) = out.splitlines()
    event = json.loads(line)
    assert (event["kind"], event["names"]) == ("check.result.verdict", ["postgresql", "db", "pg_one"])
    assert event["event"]["status"] == "passed"
    assert process.returncode == 0


def test_requests_are_overheard_without_being_taken_away(watchword: CommandLine) -> None:
    with watchword.start("events", "check.requested", "-n", "1") as process:
        assert process.stderr is not None
        assert "following" in process.stderr.readline()
        publish(watchword, ("check.requested", b'{"targets": ["db"]}'))
        out, _ = process.communicate(timeout=30)
    assert "targets=db" in out

    async def waiting(_: Client, jetstream: JetStreamContext) -> int:
        return (await jetstream.stream_info(CHECK_REQUESTS)).state.messages

    assert on(watchword.nats_url, waiting) == 1


def test_ctrl_c_ends_a_command_cleanly(watchword: CommandLine) -> None:
    with watchword.start("events") as process:
        assert process.stderr is not None
        assert "following" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_reader_that_has_had_enough_is_no_failure(watchword: CommandLine, output: str) -> None:
    with watchword.start("checks", "show", "pg_one", "-o", output) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("variables", "has_colours"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colours", "none"]
)
def test_colours_are_for_terminals_only(watchword: CommandLine, variables: dict[str, str], has_colours: bool) -> None:
    command = CommandLine(watchword.nats_url, {**variables, "TERM": "xterm-256color", "COLUMNS": "100"})
    ours, theirs = pty.openpty()
    with command.start("doctor", stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # what Linux says when the other side is closed
                break
            if not piece:
                break
            shown += piece
        process.wait(30)
    os.close(ours)
    assert bool(re.search(rb"\x1b\[(?:\d+;)*3[0-7]m", shown)) == has_colours
    assert b"fail" in shown


def test_a_failure_that_nobody_foresaw_is_one_line_without_a_traceback(watchword: CommandLine) -> None:
    quiet = watchword("dead", "show", str(2**70))
    assert quiet.code == 3
    assert "Traceback" not in quiet.err
    assert len(quiet.err.splitlines()) == 1
    told = watchword("dead", "show", str(2**70), "--debug")
    assert told.code == 3
    assert "Traceback" in told.err
