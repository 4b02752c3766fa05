"""What people say about findings at run time, on a real NATS server: what is written, and where it is shown."""

import datetime as dt
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import subjects
from shared.accepted import exception_names, exceptions_for, severity_here
from shared.configuration import Configuration, RiskAccepted
from shared.declaring import declare
from shared.events import Accepted, CheckResult, Finding
from shared.severity import Severity
from tests.conftest import StartAlertmanager, StartNats
from tests.integration.command_line import CommandLine
from tests.integration.test_apply import bucket, on
from tests.unit.inventory.samples import a_check, a_target
from watchword.inventory.bucket import put

FOR_A_WHILE = ("--for", "2w", "--reason", "moves soon")


def found(role: str, **more: Any) -> Finding:
    return Finding(summary=f"Role {role} is weak", severity=Severity.ERROR, labels={"role": role}, **more)


async def prepare(client: Client, jetstream: JetStreamContext) -> None:
    """Declare the streams; two targets and a check, whose last verdict on one of them has two findings."""
    await declare(client, jetstream)
    for target in (a_target("db"), a_target("other"), a_target("shop", engine="mysql")):
        await put(jetstream, subjects.target_key(target.name), target, 0)
    await put(jetstream, subjects.check_key("pg_one"), a_check("pg_one"), 0)
    await write_verdict(jetstream, found("a"), found("b"))
    await write_verdict(jetstream, found("c"), engine="trivy", target="image", check="cve")


async def write_verdict(jetstream: JetStreamContext, *findings: Finding, **names: str) -> None:
    body = {"status": "failed", "engine": "postgresql", "target": "db", "check": "pg_one", "run": "1-1", **names}
    result = CheckResult.model_validate({**body, "findings": list(findings)})
    await jetstream.publish(subjects.verdict(result.engine, result.target, result.check), result.to_bytes())


@pytest.fixture
def watchword(start_nats: StartNats) -> CommandLine:
    command = CommandLine(start_nats().url)
    on(command.nats_url, prepare)
    return command


def configuration(watchword: CommandLine) -> Configuration:
    return on(watchword.nats_url, bucket).view


def test_a_finding_is_accepted_with_author_and_reason_and_what_it_is_about_is_shown(watchword: CommandLine) -> None:
    done = watchword(
        *("checks", "accept", "pg_one", "--target", "db", "--label", "role=a"),
        *("--until", "2999-01-31", "--reason", "moves soon", "--by", "the board"),
    )
    assert (done.code, done.err) == (0, "")
    first, second = done.out.splitlines()
    assert first.startswith("findings of pg_one on db are accepted until 2999-0")
    assert second == "  error  Role a is weak  (role=a)"
    (exception,) = exceptions_for(configuration(watchword), "pg_one", "db")
    assert (exception.labels, exception.reason, exception.author) == ({"role": "a"}, "moves soon", "ada")
    assert (exception.accepted_by, exception.until) == ("the board", dt.datetime(2999, 2, 1, tzinfo=dt.UTC))


def test_the_same_words_again_change_the_exception_and_end_takes_it_back(watchword: CommandLine) -> None:
    words = ("checks", "accept", "pg_one", "--target", "db")
    watchword(*words, *FOR_A_WHILE)
    watchword(*words, "--for", "1d", "--reason", "longer")
    (exception,) = exceptions_for(configuration(watchword), "pg_one", "db")
    assert exception.reason == "longer"
    done = watchword(*words, "--end")
    assert (done.code, done.out) == (0, "findings of pg_one on db are accepted no more\n")
    assert exceptions_for(configuration(watchword), "pg_one", "db") == []


def test_an_exception_of_the_file_is_ended_by_a_word_that_weighs_more(watchword: CommandLine) -> None:
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)

    async def write(_: Client, jetstream: JetStreamContext) -> None:
        setting = RiskAccepted(check="pg_one", target="db", until=tomorrow, author="watchword apply", by="bob")
        await put(jetstream, subjects.setting_key("file", *exception_names("pg_one", "db", {})), setting, 0)

    on(watchword.nats_url, write)
    assert watchword("checks", "accept", "pg_one", "-t", "db", "--end").code == 0
    (exception,) = exceptions_for(configuration(watchword), "pg_one", "db")
    assert exception.until <= dt.datetime.now(dt.UTC)


def test_findings_of_other_programs_can_be_accepted(watchword: CommandLine) -> None:
    done = watchword("checks", "accept", "cve", "--target", "image", *FOR_A_WHILE)
    assert (done.code, done.out.splitlines()[1]) == (0, "  error  Role c is weak  (role=c)")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pg_one", "-t", "db", "--reason", "x"), "say until when"),
        (("pg_one", "-t", "db", "--for", "1d", "--until", "2999-01-01", "--reason", "x"), "say until when"),
        (("pg_one", "-t", "db", "--for", "1d"), "say why it is accepted"),
        (("pg_one", "-t", "db", "--until", "soon", "--reason", "x"), "--until: 'soon' is neither a date"),
        (("pg_one", "-t", "db", "--for", "soon", "--reason", "x"), "--for: 'soon' is not a duration"),
        (("pg_one", "-t", "db", "--until", "2020-01-01", "--reason", "x"), "is over already"),
        (("pg_one", "-t", "db", "--label", "role", *FOR_A_WHILE), "is not KEY=VALUE"),
        (("pg_on", "-t", "db", *FOR_A_WHILE), "there is no check 'pg_on'; did you mean 'pg_one'?"),
        (("pg_one", "-t", "dbx", *FOR_A_WHILE), "there is no target 'dbx'; did you mean 'db'?"),
        (("pg_one", "-t", "db", "--end"), "there is no such exception for pg_one on db"),
    ],
)
def test_what_can_not_be_accepted_is_wrong_usage(watchword: CommandLine, words: tuple[str, ...], told: str) -> None:
    before = configuration(watchword).revision
    done = watchword("checks", "accept", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert configuration(watchword).revision == before


def test_exceptions_are_listed_with_what_they_are_about_now(watchword: CommandLine) -> None:
    assert "nothing is accepted" in watchword("checks", "exceptions").err
    watchword("checks", "accept", "pg_one", "-t", "db", *FOR_A_WHILE)
    watchword("checks", "accept", "pg_one", "-t", "other", "-l", "role=x", "--for", "1d", "--reason", "lab")
    other, db = watchword("checks", "exceptions", "-o", "json").json
    assert (db["target"], db["findings"], db["is_over"], db["reason"]) == ("db", 2, False, "moves soon")
    assert (other["target"], other["findings"], other["labels"]) == ("other", 0, {"role": "x"})
    heading, first, second = watchword("checks", "exceptions").out.splitlines()
    assert heading.split() == ["CHECK", "TARGET", "LABELS", "UNTIL", "BY", "FINDINGS", "REASON"]
    assert "role=x" in first
    assert second.split()[-3:] == ["2", "moves", "soon"]


def test_what_is_accepted_is_shown_among_all_alerts_and_with_its_check(
    watchword: CommandLine, start_alertmanager: StartAlertmanager
) -> None:
    command = CommandLine(watchword.nats_url, {"WATCHWORD_ALERTMANAGER_URL": start_alertmanager().url})
    command("checks", "accept", "pg_one", "-t", "db", "-l", "role=a", "--until", "2999-01-31", "--reason", "lab")
    (row,) = command("alerts", "--all", "-o", "json").json
    assert (row["check"], row["labels"], row["is_active"]) == ("pg_one", {"role": "a"}, False)
    assert (row["accepted"]["by"], row["accepted"]["reason"]) == ("ada", "lab")
    line = command("alerts", "--all").out.splitlines()[1]
    assert "accepted until 2999-02-01 00:00 UTC by ada: lab" in line
    assert command("alerts", "-o", "json").json == []
    assert "by ada: lab" in command("checks", "show", "pg_one").out


def test_a_target_on_which_all_findings_are_accepted_has_not_failed(watchword: CommandLine) -> None:
    word = Accepted(until=dt.datetime(2999, 1, 1, tzinfo=dt.UTC), by="ada", reason="lab")

    def counts() -> dict[str, int]:
        return dict(next(target["counts"] for target in watchword("targets", "db", "-o", "json").json))

    async def accept_both(_: Client, jetstream: JetStreamContext) -> None:
        await write_verdict(jetstream, found("a", accepted=word), found("b", accepted=word))

    async def accept_one(_: Client, jetstream: JetStreamContext) -> None:
        await write_verdict(jetstream, found("a", accepted=word), found("b"))

    on(watchword.nats_url, accept_one)
    assert (counts()["failed"], counts()["accepted"]) == (1, 0)
    on(watchword.nats_url, accept_both)
    assert (counts()["failed"], counts()["accepted"]) == (0, 1)


def test_a_severity_is_set_for_one_or_for_all_and_taken_back(watchword: CommandLine) -> None:
    done = watchword("checks", "severity", "pg_one", "notice", "--reason", "behind a firewall")
    assert (done.code, done.out) == (0, "findings of pg_one are notice on all targets\n")
    done = watchword("checks", "severity", "pg_one", "critical", "--target", "db", "-o", "json")
    assert (done.json["setting"], done.json["value"]["severity"]) == (["severity", "pg_one", "db"], "critical")
    view = configuration(watchword)
    assert severity_here(view, "pg_one", "db") is Severity.CRITICAL
    assert severity_here(view, "pg_one", "other") is Severity.NOTICE
    shown = watchword("checks", "show", "pg_one").out
    assert "notice, says ada: behind a firewall" in shown
    assert "critical on db, says ada" in shown
    watchword("checks", "severity", "pg_one", "--target", "db", "--reset")
    assert severity_here(configuration(watchword), "pg_one", "db") is Severity.NOTICE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pg_one",), "say which severity, such as critical, or --reset"),
        (("pg_one", "bad"), "'bad' is no severity; allowed: emergency, alert"),
        (("pg_one", "warn"), "did you mean 'warning'?"),
        (("pg_one", "error", "-t", "shop"), "pg_one is a check for postgresql, and shop is mysql"),
    ],
)
def test_what_is_no_severity_is_wrong_usage(watchword: CommandLine, words: tuple[str, ...], told: str) -> None:
    done = watchword("checks", "severity", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
