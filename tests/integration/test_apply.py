"""``watchword apply`` on a real NATS server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared import subjects
from shared.configuration import Disabled
from shared.declaring import declare
from shared.following import Follower, Stored
from shared.streams import CONFIGURATION, bucket_stream
from tests.conftest import StartNats
from tests.integration.command_line import CommandLine
from tests.unit.inventory.samples import a_check, a_target, an_inventory
from tests.unit.inventory.test_reading import OWN_CHECK
from watchword.check_files.library import built_in_checks
from watchword.inventory.applying import ChangedMeanwhile, write_plan
from watchword.inventory.bucket import Snapshot, put, read_bucket
from watchword.inventory.planning import make_plan

Answer = TypeVar("Answer")
Ask = Callable[[Client, JetStreamContext], Awaitable[Answer]]


def on(url: str, ask: Ask[Answer]) -> Answer:
    """Do something on a server, from a test that is no coroutine itself (for a command runs a loop of its own)."""

    async def run() -> Answer:
        client = await nats.connect(url)
        try:
            return await ask(client, client.jetstream())
        finally:
            await client.close()

    return asyncio.run(run())


async def bucket(_: Client, jetstream: JetStreamContext) -> Snapshot:
    return await read_bucket(jetstream)


async def history(_: Client, jetstream: JetStreamContext) -> list[Stored]:
    """Return what stands in the bucket's stream, in the order of writing."""
    found: list[Stored] = []
    follower = Follower(jetstream, bucket_stream(CONFIGURATION), found.append, last_per_subject=False)
    await follower.start()
    await follower.stop()
    return found


@pytest.fixture
def watchword(start_nats: StartNats) -> CommandLine:
    command = CommandLine(start_nats().url)
    on(command.nats_url, declare)
    return command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "watchword.yaml"


def test_an_inventory_is_written_once_and_then_changes_nothing(watchword: CommandLine, file: Path) -> None:
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1', labels: {team: a}}]\nmute: {default: 8h}\n")
    first = watchword("apply", str(file))
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines() == [
        f"+ {len(built_in_checks())} built-in checks",
        "+ setting muting: 8h",
        "+ target db: postgresql at db1:5432, pool default",
        f"{len(built_in_checks()) + 2} to add",
        f"applied: {len(built_in_checks()) + 2} added",
    ]
    view = on(watchword.nats_url, bucket).view
    assert [target.name for target in view.all_targets()] == ["db"]
    assert tuple(view.all_checks()) == built_in_checks()
    before = view.revision
    again = watchword("apply", str(file))
    assert (again.code, again.out) == (0, "nothing to change\n")
    assert on(watchword.nats_url, bucket).view.revision == before


def test_a_dry_run_shows_the_plan_and_writes_nothing(watchword: CommandLine, file: Path) -> None:
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    before = on(watchword.nats_url, bucket).view.revision
    done = watchword("apply", str(file), "--dry-run", "-o", "json")
    assert done.code == 0
    assert done.json["applied"] is False
    target = next(step for step in done.json["steps"] if step["kind"] == "target")
    assert (target["action"], target["name"], target["before"]) == ("add", "db", None)
    assert target["after"]["host"] == "db1"
    assert on(watchword.nats_url, bucket).view.revision == before


def test_checks_and_settings_are_written_first_targets_after_them_removals_last(
    watchword: CommandLine, file: Path
) -> None:
    file.write_text("targets: [{name: old, dsn: 'postgresql://u@db1'}]\nmute: {default: 8h}\n")
    watchword("apply", str(file))
    done_before = on(watchword.nats_url, bucket).view.revision
    (file.parent / "mine.yaml").write_text(OWN_CHECK)
    file.write_text(
        "targets: [{name: new, dsn: 'postgresql://u@db1'}]\nchecks: [mine.yaml]\nsettings: {disabled: [my_check]}\n"
    )
    assert watchword("apply", str(file)).code == 0
    written = [one for one in on(watchword.nats_url, history) if one.sequence > done_before]
    keys = [one.subject.removeprefix(f"$KV.{CONFIGURATION}.") for one in written]
    assert keys == [
        "setting.file.disabled.my_check",
        "check.my_check",
        "target.new",
        "target.old",
        "setting.file.muting",
    ]
    markers = [one.headers.get("KV-Operation") for one in written]
    assert markers == [None, None, None, "DEL", "DEL"]


def test_what_people_set_at_run_time_stays(watchword: CommandLine, file: Path) -> None:
    check = built_in_checks()[0].name
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    watchword("apply", str(file))
    assert watchword("checks", "disable", check, "--reason", "not now").code == 0
    file.write_text(f"targets: [{{name: db, dsn: 'postgresql://u@db1'}}]\nsettings: {{disabled: [{check}]}}\n")
    assert watchword("apply", str(file)).code == 0
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    assert watchword("apply", str(file)).code == 0
    setting = on(watchword.nats_url, bucket).view.setting(Disabled, "disabled", check)
    assert setting is not None
    assert (setting.author, setting.reason) == ("ada", "not now")


def test_a_password_in_clear_is_refused_and_never_reaches_nats(watchword: CommandLine, file: Path) -> None:
    file.write_text("targets:\n  - {name: db, dsn: 'postgresql://u:hunter2@db1'}\n")
    done = watchword("apply", str(file))
    assert done.code == 2
    assert done.err.startswith(f"{file}:2:21: targets[0].dsn: a password in clear never leaves the process")
    assert f"watchword up --config {file}" in done.err
    assert "hunter2" not in done.out + done.err
    written = on(watchword.nats_url, history)
    assert not any(b"hunter2" in one.data or one.subject.endswith("target.db") for one in written)


def test_mistakes_are_shown_all_at_once_and_nothing_is_written(watchword: CommandLine, file: Path) -> None:
    file.write_text("targets:\n  - {name: db, engine: oracle, host: x}\nmute: {default: long}\n")
    before = on(watchword.nats_url, bucket).view.revision
    done = watchword("apply", str(file))
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first.startswith(f"{file}:2:24: targets[0].engine: can't be 'oracle'; allowed: ")
    assert second.startswith(f"{file}:3:17: mute.default: ")
    assert on(watchword.nats_url, bucket).view.revision == before


def test_a_broken_check_keeps_its_old_definition_while_the_others_are_applied(
    watchword: CommandLine, file: Path
) -> None:
    mine = file.parent / "mine.yaml"
    mine.write_text(OWN_CHECK)
    file.write_text("checks: [mine.yaml]\ntargets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    assert watchword("apply", str(file)).code == 0
    mine.write_text("checks: [")
    (file.parent / "other.yaml").write_text(OWN_CHECK.replace("my_check", "other_check"))
    file.write_text("checks: [mine.yaml, other.yaml]\ntargets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    done = watchword("apply", str(file))
    assert done.code == 2
    assert f"{mine}:2:1: error: not YAML" in done.err
    assert "check my_check stays as it is" in done.out
    view = on(watchword.nats_url, bucket).view
    assert view.check("my_check") is not None
    assert view.check("other_check") is not None


def test_an_empty_file_does_not_remove_all_targets_by_mistake(watchword: CommandLine, file: Path) -> None:
    file.write_text("targets: [{name: db, dsn: 'postgresql://u@db1'}]\n")
    watchword("apply", str(file))
    file.write_text("# nothing yet\n")
    done = watchword("apply", str(file))
    assert done.code == 2
    assert "--allow-empty" in done.err
    assert on(watchword.nats_url, bucket).view.target("db") is not None
    assert watchword("apply", str(file), "--allow-empty").code == 0
    view = on(watchword.nats_url, bucket).view
    assert view.target("db") is None
    assert view.is_target_removed("db")


def test_a_target_comes_back_after_its_removal(watchword: CommandLine, file: Path) -> None:
    both = "targets: [{name: a, dsn: 'postgresql://u@db1'}, {name: b, dsn: 'postgresql://u@db1'}]\n"
    one = "targets: [{name: a, dsn: 'postgresql://u@db1'}]\n"
    for text, expected in ((both, ["a", "b"]), (one, ["a"]), (both, ["a", "b"])):
        file.write_text(text)
        assert watchword("apply", str(file)).code == 0
        assert [target.name for target in on(watchword.nats_url, bucket).view.all_targets()] == expected


async def test_a_change_by_somebody_else_after_the_plan_is_noticed(start_nats: StartNats) -> None:
    client = await nats.connect(start_nats().url)
    jetstream = client.jetstream()
    await declare(client, jetstream)
    plan = make_plan(an_inventory(a_target("a"), a_target("b"), a_check("pg_a")), await read_bucket(jetstream))
    await put(jetstream, subjects.target_key("b"), a_target("b", host="another"), 0)
    with pytest.raises(ChangedMeanwhile, match=r"target b meanwhile; 2 of 3 changes are written"):
        await write_plan(jetstream, plan)
    left = make_plan(an_inventory(a_target("a"), a_target("b"), a_check("pg_a")), await read_bucket(jetstream))
    assert [(step.action, step.key) for step in left.steps] == [("change", "target.b")]
    await client.close()


async def test_two_who_apply_the_same_file_at_once_both_succeed(start_nats: StartNats) -> None:
    client = await nats.connect(start_nats().url)
    jetstream = client.jetstream()
    await declare(client, jetstream)
    inventory = an_inventory(*(a_target(f"db-{number}") for number in range(200)))
    plans = [make_plan(inventory, await read_bucket(jetstream)) for _ in range(2)]
    await asyncio.gather(*(write_plan(jetstream, plan) for plan in plans))
    assert len((await read_bucket(jetstream)).view.all_targets()) == 200
    await client.close()
