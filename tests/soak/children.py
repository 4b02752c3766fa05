"""How are processes started, killed, frozen and started again? Each is a process group of its own, so that a kill or a
freeze hits it as it would hit a container; all end with this program, however it ends. Nothing here knows what the
processes do.
"""

import contextlib
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

LOCALHOST = "127.0.0.1"
# Below the range from which outgoing connections take theirs: a server that is away keeps its port.
_PORTS = range(12_000, 32_000)
# Becomes the process after it has asked the kernel (PR_SET_PDEATHSIG) to be killed when its parent dies.
_BECOME = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOCALHOST, port))
            return port


@dataclass
class Child:
    """One process that may be started any number of times. Start it from the main thread."""

    name: str
    command: Callable[[], Sequence[str]]
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: Path = Path("/")
    is_paused: bool = False
    starts: int = 0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def is_running(self) -> bool:
        """Say whether it lives, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return how it ended; None while it lives."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; its output is added to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *self.command()],
                env={**_plain_environment(), **self.environment},
                cwd=self.working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.is_paused = False
        self.starts += 1

    def kill(self) -> None:
        """End it at once with SIGKILL, and all that it has started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self, timeout_seconds: float = 20.0) -> int | None:
        """Ask it to end and return its exit code; None when it had to be killed."""
        if self._process is None or not self.is_running:
            return self.exit_code
        self._process.send_signal(signal.SIGTERM)
        self.resume()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_seconds)
        self.kill()
        return None

    def pause(self) -> None:
        """Freeze it and all that it has started: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self.is_paused = False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def run(command: Sequence[str], environment: Mapping[str, str], timeout_seconds: float = 120.0) -> tuple[int, str]:
    """Run a program to its end; return its exit code and everything that it said."""
    try:
        done = subprocess.run(
            list(command),
            env={**_plain_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"it did not end within {timeout_seconds:g} s"
    return done.returncode, done.stdout + done.stderr


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}


def wait_until(look: Callable[[], bool], what: str, timeout_seconds: float) -> None:
    """Look until something is so. Raises ``TimeoutError`` with what did not happen."""
    deadline = time.monotonic() + timeout_seconds
    while not look():
        if time.monotonic() > deadline:
            message = f"{what}: not within {timeout_seconds:g} s"
            raise TimeoutError(message)
        time.sleep(0.05)
