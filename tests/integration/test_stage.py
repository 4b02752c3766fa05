"""What every stage does the same way: connect, follow the configuration, tell how it is, and stop."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from faststream import FastStream
from nats.js import JetStreamContext
from pydantic import SecretStr

from examples.servers.certificates import write_certificates
from shared import connecting, publishing, subjects
from shared.configuration import Change
from shared.declaring import declare
from shared.errors import NatsUnavailable, ServerTooOld
from shared.settings import ProcessSettings
from shared.stage import FollowedConfiguration, Stage, make_application, make_stage, started
from shared.streams import CONFIGURATION, bucket_stream
from shared.targets import Target
from tests.conftest import StartNats
from tests.integration.command_line import PROGRAM
from tests.integration.nats_clients import connected, until
from tests.unit.shared.inventory import a_target
from watchword.debian_packages import find_program
from watchword.embedded import EmbeddedServer


async def put(jetstream: JetStreamContext, target: Target) -> int:
    subject = subjects.bucket_subject(CONFIGURATION, subjects.target_key(target.name))
    return (await jetstream.publish(subject, target.model_dump_json().encode())).seq


@contextlib.asynccontextmanager
async def followed(jetstream: JetStreamContext) -> AsyncIterator[tuple[FollowedConfiguration, list[Change]]]:
    changes: list[Change] = []
    configuration = FollowedConfiguration(jetstream, changes.append)
    await configuration.start()
    changes.clear()
    try:
        yield configuration, changes
    finally:
        await configuration.stop()


def a_stage(server: EmbeddedServer, **settings: object) -> tuple[FastStream, Stage, list[str]]:
    """A stage of one task, and what happens to it."""
    stage = make_stage("tester", ProcessSettings(nats_url=server.url, **settings))  # type: ignore[arg-type]
    stage.is_health_served_elsewhere = "http_port" not in settings
    events: list[str] = []

    async def work() -> None:
        events.append("works")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ends")

    @contextlib.asynccontextmanager
    async def running(stage: Stage) -> AsyncIterator[None]:
        assert stage.configuration is not None
        events.append(f"begins with {len(stage.configuration.view.all_targets())} targets")
        stage.spawn(work(), "the work")
        yield
        events.append("is left")

    return make_application(stage, running), stage, events


async def test_the_configuration_is_followed_entry_by_entry(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await put(jetstream, a_target("old"))
        async with followed(jetstream) as (configuration, changes):
            assert configuration.view.target("old") == a_target("old")
            revision = await put(jetstream, a_target("new", labels={"team": "a"}))
            view = await configuration.catch_up()
            assert view.target("new") == a_target("new", labels={"team": "a"})
            assert changes == [Change("target", "new", revision, is_removal=False)]
            assert configuration.applied == revision


@pytest.mark.parametrize("operation", ["DEL", "PURGE"])
async def test_an_explicit_removal_removes(start_nats: StartNats, operation: str) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await put(jetstream, a_target("t"))
        async with followed(jetstream) as (configuration, changes):
            subject = subjects.bucket_subject(CONFIGURATION, subjects.target_key("t"))
            await jetstream.publish(subject, b"", headers={"KV-Operation": operation})
            view = await configuration.catch_up()
            assert view.is_target_removed("t")
            assert changes[0].is_removal


async def test_what_is_absent_from_a_bucket_made_anew_stays_in_the_view(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (client, jetstream):
        await put(jetstream, a_target("t"))
        async with followed(jetstream) as (configuration, _):
            before = configuration.created
            await jetstream.delete_stream(bucket_stream(CONFIGURATION))
            await until(lambda: "watchword init" in (configuration.problem or ""), "it says what to do")
            await declare(client, jetstream)
            view = await configuration.catch_up()
            assert view.target("t") is not None
            assert not view.is_target_removed("t")
            assert configuration.created != before
            assert configuration.applied < 3
            assert configuration.problem is None


async def test_an_entry_that_cant_be_read_leaves_the_one_before_it(start_nats: StartNats) -> None:
    async with connected(start_nats(), is_declared=True) as (_, jetstream):
        await put(jetstream, a_target("t"))
        async with followed(jetstream) as (configuration, changes):
            subject = subjects.bucket_subject(CONFIGURATION, subjects.target_key("t"))
            await jetstream.publish(subject, b'{"name": "t", "engine": "oracle"}')
            view = await configuration.catch_up()
            assert view.target("t") == a_target("t")
            assert "engine" in view.unreadable[subjects.target_key("t")]
            assert changes[0].kind == "unreadable"


async def test_a_stage_begins_with_the_configuration_known_and_ends_its_tasks_first(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True) as (_, jetstream):
        await put(jetstream, a_target("t"))
        application, stage, events = a_stage(server)
        async with started(application):
            await until(lambda: "works" in events, "it works")
            assert stage.problems() == []
        assert events == ["begins with 1 targets", "works", "ends", "is left"]


async def test_a_stage_waits_for_the_streams_and_says_so(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server) as (client, jetstream):
        application, stage, events = a_stage(server)

        async def run() -> None:
            async with started(application):
                await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await until(lambda: any("watchword init" in line for line in stage.problems()), "it says what it waits for")
        assert events == []
        await declare(client, jetstream)
        await until(lambda: events and not stage.problems(), "it is ready")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_task_that_ends_makes_the_stage_unready(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True):
        application, stage, _ = a_stage(server)

        async def break_down() -> None:
            raise RuntimeError("a bug")

        async with started(application):
            stage.spawn(break_down(), "another task")
            await until(lambda: stage.problems() == ["another task ended"], "it says so")


async def test_a_stage_that_can_store_nothing_is_unready_while_it_tries(
    start_nats: StartNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "ANSWER_SECONDS", 0.3)
    server = start_nats()
    async with connected(server, is_declared=True):
        application, stage, _ = a_stage(server)
        async with started(application):
            await until(lambda: not stage.problems(), "it is ready")
            server.process.pause()
            storing = asyncio.create_task(publishing.publish(stage.jetstream, "check.requested", b"{}"))
            await until(lambda: any("check.requested" in said for said in stage.problems()), "it says so")
            server.process.resume()
            await storing
            await until(lambda: not stage.problems(), "it is ready again")


async def test_a_stage_serves_its_health(start_nats: StartNats) -> None:
    server = start_nats()
    async with connected(server, is_declared=True):
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            port = chosen.getsockname()[1]
        application, stage, _ = a_stage(server, http_port=port)
        async with started(application), httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{port}/readyz"
            assert (await client.get(url)).status_code == 200
            server.process.kill()
            await until(stage.problems, "it noticed")
            answer = await client.get(url)
            assert answer.status_code == 503
            assert answer.json()["stages"]["tester"]


async def test_a_server_that_is_too_old_is_refused(start_nats: StartNats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_NATS_SERVER_BINARY", str(find_program("nats-server", "nats-server").path))
    application, _, events = a_stage(start_nats())
    with pytest.raises(ServerTooOld, match=r"2\.11 or later"):
        async with started(application):
            pass
    assert events == []


async def test_a_password_that_nats_refuses_is_said_without_the_password(start_nats: StartNats) -> None:
    server = start_nats(extra_configuration='authorization { user: "watchword", password: "right" }')
    application, _, _ = a_stage(server, nats_user="watchword", nats_password=SecretStr("hunter2"))
    with pytest.raises(NatsUnavailable, match="WATCHWORD_NATS_URL") as refused:
        async with asyncio.timeout(20), started(application):
            pass
    assert "hunter2" not in str(refused.value)
    del refused, application
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nats-py leaves the connection to the garbage collector
        gc.collect()


async def test_a_stage_with_the_right_password_is_let_in(start_nats: StartNats) -> None:
    server = start_nats(extra_configuration='authorization { user: "watchword", password: "right" }')
    async with connected(server, is_declared=True, user="watchword", password="right"):
        application, stage, _ = a_stage(server, nats_user="watchword", nats_password=SecretStr("right"))
        async with started(application):
            assert stage.problems() == []


async def test_a_stage_shows_its_token(start_nats: StartNats) -> None:
    server = start_nats(extra_configuration='authorization { token: "secret" }')
    async with connected(server, is_declared=True, token="secret"):
        application, stage, _ = a_stage(server, nats_token=SecretStr("secret"))
        async with started(application):
            assert stage.problems() == []


async def test_a_stage_speaks_tls_and_shows_its_certificate(start_nats: StartNats, tmp_path: Path) -> None:
    made = write_certificates(tmp_path)
    server = start_nats(
        extra_configuration=(
            f"tls {{ cert_file: {str(made.certificate_path)!r}, key_file: {str(made.key_path)!r}, "
            f"ca_file: {str(made.authority_path)!r}, verify: true }}"
        )
    )
    files = {
        "nats_ca_file": made.authority_path,
        "nats_cert_file": made.client_certificate_path,
        "nats_key_file": made.client_key_path,
    }
    settings = ProcessSettings(nats_url=server.url, **files)
    async with connecting.connected(settings, "test") as client:
        await declare(client, client.jetstream())
    application, stage, _ = a_stage(server, **files)
    async with started(application):
        assert stage.problems() == []


_USERS = """
authorization {{ users: [
  {{ user: "operator", password: "o" }}
  {{ user: "stage", password: "s", permissions: {{ publish: {{ deny: [{denied}] }} }} }}
] }}
"""


def _started(stage: str, environment: dict[str, str], out: BinaryIO) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([PROGRAM, "serve", stage], env=environment, stdout=out, stderr=out)


async def test_a_stage_whose_server_does_not_answer_while_it_starts_starts_again(
    start_nats: StartNats, tmp_path: Path
) -> None:
    silent, open_to_all = _USERS.format(denied='"$JS.API.>"'), _USERS.format(denied="")
    server = start_nats(extra_configuration=silent)
    async with connected(server, is_declared=True, user="operator", password="o"):
        log = tmp_path / "stage.log"
        environment = {**os.environ, "WATCHWORD_NATS_URL": server.url.replace("://", "://stage:s@")}
        with log.open("wb") as out:
            process = _started("silencer", environment, out)
        try:
            await until(lambda: "starting again" in log.read_text(), "the first start to fail")
            configuration = server.process.plan.log_path.with_name("nats.conf")
            configuration.write_text(configuration.read_text().replace(silent, open_to_all))
            os.kill(server.pid, signal.SIGHUP)
            await until(lambda: '"event": "ready"' in log.read_text(), "the stage to be ready")
            assert process.poll() is None
        finally:
            process.terminate()
            assert process.wait(20) == 0, log.read_text()
