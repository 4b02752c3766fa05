"""How is a server started beside us, and how do we know that it is up? One mechanism for every server that ``watchword
up``, the demo and the tests start: on 127.0.0.1, on a given or a free port, with a log file of its own. It guarantees
that a started server answers, that a failure says which port or which last lines of the log are to blame, and that no
server outlives us, whatever kills us. What is started, with which configuration, is left to the caller.

    ServerError
    ├── ServerProgramMissing   the program is not on this machine
    ├── PortInUse              somebody else listens there
    ├── ServerEnded            it died while it was starting
    └── ServerNotReady         it runs, but did not answer in time
"""

import asyncio
import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import WatchwordError

LOCALHOST = "127.0.0.1"
_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_SECONDS = 0.02
_TAIL_LINES = 15
# Below the range that the kernel gives to outgoing connections: such a connection could otherwise take the port of a
# server that is being restarted.
FREE_PORTS = range(12_000, 32_000)
_FREE_PORT_ATTEMPTS = 200
_given_ports: set[int] = set()
_TAIL_BYTES = 65_536


class ServerError(WatchwordError):
    """A server that should run beside us does not."""


class ServerProgramMissing(ServerError):
    """The server's program is not on this machine; the text says how to get it."""


class PortInUse(ServerError):
    """The port that the server should listen on is taken."""


class ServerEnded(ServerError):
    """The server's process ended while it was starting; the text ends with the last lines of its log."""


class ServerNotReady(ServerError):
    """The server's process runs but did not answer within its time."""


@dataclass(frozen=True)
class ServerPlan:
    """Everything that is needed to start one server, again and again.

    ``command`` is called with the port at each start and may write configuration files; ``is_ready`` is called with
    the port until it says yes. Port 0 means: any free one, chosen at the first start and kept afterwards.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    is_ready: Callable[[int], bool]
    log_path: Path
    working_folder: Path = Path("/")
    port: int = 0
    port_hint: str = "Choose another port."
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    """Give up root for this user; only root can ask for it."""
    stop_signal: signal.Signals = signal.SIGTERM
    """For a clean stop. The server also gets it when we die without stopping it."""
    start_timeout_seconds: float = 30.0
    stop_timeout_seconds: float = 10.0


class ServerProcess:
    """One server: started, stopped, killed and started again on its data and its port.

    Use it with ``with``. Start it from a thread that lives as long as the server should: Linux sends the parent's
    death signal when the *thread* that started it ends.
    """

    def __init__(self, plan: ServerPlan) -> None:
        self.plan = plan
        self.port = plan.port
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0

    @property
    def pid(self) -> int:
        """The process id; of the last run when it is stopped."""
        if self._process is None:
            raise ServerError(f"{self.plan.name} was not started yet, so it has no process id.")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives. It says nothing about whether the server answers."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers; when it does not, nothing of it is left running."""
        self.spawn()
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def spawn(self) -> None:
        """Start it without waiting for it."""
        if self.is_running:
            raise ServerError(f"{self.plan.name} runs already (process {self.pid}).")
        if self.port == 0:
            self.port = free_port()
        elif not is_port_free(self.port):
            raise PortInUse(
                f"{self.plan.name} can't listen on {LOCALHOST}:{self.port}: another program uses this port. "
                f"{self.plan.port_hint}"
            )
        command = [*self.plan.command(self.port)]
        self.plan.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.plan.log_path.open("ab") as log:
            self._log_begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [
                    sys.executable,
                    *("-I", "-S", str(_LAUNCHER)),
                    *(str(os.getpid()), str(int(self.plan.stop_signal)), self.plan.user or "-"),
                    *command,
                ],
                cwd=self.plan.working_folder,  # ours may be closed to the server's user
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_without_our_settings(os.environ) | dict(self.plan.environment),
                # Ctrl-C in the terminal is for us alone; we stop our servers last.
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when the server answers; raise when it ends before, or does not answer within its time."""
        deadline = time.monotonic() + self.plan.start_timeout_seconds
        while not self.plan.is_ready(self.port):
            if not self.is_running:
                raise ServerEnded(self._describe(f"ended at its start with exit code {self._exit_code()}"))
            if time.monotonic() > deadline:
                timeout = f"{self.plan.start_timeout_seconds:g} s"
                raise ServerNotReady(self._describe(f"did not answer on {LOCALHOST}:{self.port} within {timeout}"))
            time.sleep(_POLL_SECONDS)
        if not self.is_running:  # then it was another program that answered
            raise ServerEnded(self._describe(f"ended at its start with exit code {self._exit_code()}"))

    def stop(self) -> None:
        """Ask it to end, kill it when it does not within its time. Nothing happens when it has ended already."""
        if self._process is None or not self.is_running:
            return
        self._process.send_signal(self.plan.stop_signal)
        self._process.send_signal(signal.SIGCONT)  # a paused process ends only after it goes on
        try:
            self._process.wait(self.plan.stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop it and start it again on its port and its data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it keeps its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def wait_ended(self) -> int:
        """Wait until the process ends, for whatever reason, and return its exit code."""
        if self._process is not None and self.is_running:
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            descriptor = os.pidfd_open(self.pid)
            try:
                loop.add_reader(descriptor, ended.set)
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        return self._exit_code()

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines that this run of the server wrote."""
        try:
            with self.plan.log_path.open("rb") as log:
                log.seek(max(self._log_begin, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                written = log.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(written[-lines:])

    def _exit_code(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.plan.name} was not started yet, so it has no exit code.")
        return self._process.wait()

    def _describe(self, what: str) -> str:
        tail = self.log_tail() or "(it wrote nothing)"
        return f"{self.plan.name} {what}. The last lines of {self.plan.log_path}:\n{tail}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def is_port_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now, and that this process was never given before. It is not reserved: of
    several processes whoever binds first has it.
    """
    for _ in range(_FREE_PORT_ATTEMPTS):
        port = secrets.choice(FREE_PORTS)
        if port not in _given_ports and is_port_free(port):
            _given_ports.add(port)
            return port
    raise PortInUse(f"No port of {LOCALHOST} between {FREE_PORTS.start} and {FREE_PORTS.stop - 1} is free.")


def accepts_connections(port: int) -> bool:
    """Whether something listens on this port of 127.0.0.1; the simplest readiness."""
    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1):
        return True
    return False


def answers_http(port: int, path: str, statuses: frozenset[int] = frozenset({200})) -> bool:
    """Whether ``GET path`` is answered with one of these statuses."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in statuses
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _without_our_settings(environment: Mapping[str, str]) -> dict[str, str]:
    # Above all the databases' passwords in WATCHWORD_SECRET_…: no other program needs to have them.
    return {name: value for name, value in environment.items() if not name.startswith("WATCHWORD_")}
