"""A server beside us starts, answers, ends when told to, and says why when it does not. The servers are small Python
programs, so that each way to misbehave is there."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from watchword.embedded import EmbeddedServer
from watchword.processes import (
    LOCALHOST,
    PortInUse,
    ServerEnded,
    ServerError,
    ServerNotReady,
    ServerPlan,
    ServerProcess,
    accepts_connections,
    free_port,
    is_port_free,
)

LISTENS = """
import os, signal, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    {before}
    while True:
        listening.accept()[0].close()
"""
PROJECT = Path(__file__).parents[2]


def listening(*, before: str = "pass") -> Callable[[int], Sequence[str]]:
    """The command of a server that listens, and does something else before."""
    return lambda port: [sys.executable, "-c", LISTENS.format(before=before), str(port)]


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., ServerPlan]:
    def plan(command: Callable[[int], Sequence[str]] | None = None, **more: object) -> ServerPlan:
        settings = {"is_ready": accepts_connections, "log_path": tmp_path / "server.log", **more}
        return ServerPlan(name="The small server", command=command or listening(), **settings)  # type: ignore[arg-type]  # mypy can't see through **

    return plan


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOCALHOST, 0)) as taken:
        yield taken.getsockname()[1]


def is_gone(pid: int) -> bool:
    """Whether a process ended; one that nobody has waited for yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def test_server_on_a_free_port_keeps_it_over_restarts(plan_of: Callable[..., ServerPlan]) -> None:
    with ServerProcess(plan_of()) as server:
        port, pid = server.port, server.pid
        assert accepts_connections(port)
        server.restart()
        assert server.port == port
        assert server.pid != pid
        assert accepts_connections(port)
    assert not server.is_running
    assert is_port_free(port)


def test_a_free_port_is_given_once() -> None:
    assert len({free_port() for _ in range(300)}) == 300


def test_free_ports_are_those_that_outgoing_connections_never_take() -> None:
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(free_port() < lowest for _ in range(50))


def test_port_in_use_is_named_with_the_way_out(plan_of: Callable[..., ServerPlan], taken_port: int) -> None:
    server = ServerProcess(plan_of(port=taken_port, port_hint="Choose another one with --small-port."))
    with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{taken_port}.*--small-port"):
        server.start()
    assert not server.is_running


def test_server_that_ends_at_its_start_is_explained_by_its_log(plan_of: Callable[..., ServerPlan]) -> None:
    failing = "for line in range(30): print('line', line)\n    sys.exit(3)"
    server = ServerProcess(plan_of(listening(before=failing), is_ready=lambda port: False))
    with pytest.raises(ServerEnded, match=r"(?s)exit code 3\..*server\.log:\nline 15\n.*line 29$"):
        server.start()


def test_log_of_an_earlier_start_explains_nothing(plan_of: Callable[..., ServerPlan], tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text("an old failure\n")
    server = ServerProcess(plan_of(listening(before="sys.exit(1)"), is_ready=lambda port: False))
    with pytest.raises(ServerEnded, match=r"\(it wrote nothing\)"):
        server.start()


def test_program_that_is_not_there_is_named(plan_of: Callable[..., ServerPlan]) -> None:
    server = ServerProcess(plan_of(lambda port: ["/nowhere/server", str(port)]))
    with pytest.raises(ServerEnded, match="/nowhere/server: No such file or directory"):
        server.start()


def test_server_that_never_answers_is_given_up_and_ended(plan_of: Callable[..., ServerPlan]) -> None:
    server = ServerProcess(plan_of(is_ready=lambda port: False, start_timeout_seconds=0.3))
    with pytest.raises(ServerNotReady, match=r"did not answer on 127\.0\.0\.1:\d+ within 0\.3 s"):
        server.start()
    assert not server.is_running


def test_server_that_ignores_the_request_to_end_is_killed(plan_of: Callable[..., ServerPlan]) -> None:
    stubborn = listening(before="signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)")
    with ServerProcess(plan_of(stubborn, stop_timeout_seconds=0.3)) as server:
        wait_until(lambda: "deaf" in server.log_tail())
        server.stop()
        assert not server.is_running


async def test_paused_server_can_be_resumed_and_stopped(plan_of: Callable[..., ServerPlan]) -> None:
    with ServerProcess(plan_of()) as server:
        server.pause()
        wait_until(lambda: Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        server.resume()
        wait_until(lambda: accepts_connections(server.port))
        server.pause()
        server.stop()
        assert await server.wait_ended() == -signal.SIGTERM  # it ended by itself and had not to be killed


def test_second_start_of_a_running_server_is_refused(plan_of: Callable[..., ServerPlan]) -> None:
    with ServerProcess(plan_of()) as server, pytest.raises(ServerError, match="runs already"):
        server.start()


def test_server_gets_none_of_our_secrets(plan_of: Callable[..., ServerPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SECRET_ORDERS", "hunter2")
    monkeypatch.setenv("TZ", "UTC")
    tells = listening(before="print(sorted(os.environ), flush=True)")
    with ServerProcess(plan_of(tells, environment={"MORE": "1"})) as server:
        wait_until(lambda: "TZ" in server.log_tail())
        assert "MORE" in server.log_tail()
        assert "WATCHWORD" not in server.log_tail()


def test_ctrl_c_in_our_terminal_is_not_for_the_server(plan_of: Callable[..., ServerPlan]) -> None:
    with ServerProcess(plan_of()) as server:
        assert os.getpgid(server.pid) != os.getpgid(0)


async def test_end_of_a_server_is_noticed(plan_of: Callable[..., ServerPlan]) -> None:
    async with EmbeddedServer(ServerProcess(plan_of()), "tcp://127.0.0.1:{port}") as server:
        ended = asyncio.create_task(server.wait_ended())
        await asyncio.sleep(0)
        assert not ended.done()
        os.kill(server.pid, signal.SIGKILL)
        assert await asyncio.wait_for(ended, 10) == -signal.SIGKILL
        assert await server.wait_ended() == -signal.SIGKILL


async def test_start_that_is_given_up_leaves_nothing(plan_of: Callable[..., ServerPlan]) -> None:
    server = EmbeddedServer(ServerProcess(plan_of(is_ready=lambda port: False)), "tcp://127.0.0.1:{port}")
    starting = asyncio.create_task(server.start())
    await asyncio.sleep(0)  # until it waits for the answer
    assert server.process.is_running
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not server.process.is_running


def test_no_server_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent_program = f"""
import asyncio, pathlib
from watchword.embedded import NatsSettings, embedded_nats

async def main():
    async with embedded_nats(NatsSettings(pathlib.Path({str(tmp_path)!r}), port=0)) as server:
        print(server.pid, flush=True)
        await server.wait_ended()

asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", parent_program], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server_pid = int(parent.stdout.readline())
        assert not is_gone(server_pid)
        parent.kill()
        parent.wait()
    wait_until(lambda: is_gone(server_pid))
