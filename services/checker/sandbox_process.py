"""One sandbox process, seen from the checker: how it is started, spoken to, killed, and what its death means. It gets
nothing of the checker but one socket and the place of the code: no environment, no other file, no memory.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

from services.checker.sandbox_frames import HEADER, MOST_REPLY_BYTES, FrameRefused, ScriptLimits
from services.checker.sandbox_worker import READY

_LONGEST_STDERR = 4096
_START = """\
import json, sys
path, parent, seconds, memory_bytes = json.loads(sys.argv[1])
sys.path[:0] = path
from services.checker.sandbox_worker import ScriptLimits, main
main(parent, ScriptLimits(seconds, memory_bytes))
"""


class SandboxProcess:
    """A process that executes scripts, one at a time. Belongs to the event loop and thread that started it."""

    def __init__(self, limits: ScriptLimits) -> None:
        """Start the process; it is of use once ``ready`` has returned. Raises ``OSError`` when it can't be started."""
        self._limits = limits
        path = [os.path.abspath(entry) for entry in sys.path if entry]  # noqa: PTH100 - entries may be archives
        arguments = json.dumps([path, os.getpid(), limits.seconds, limits.memory_bytes])
        self._socket, theirs = socket.socketpair()
        self._stderr, their_stderr = os.pipe()
        try:
            # Not from a thread: the process dies with the thread that starts it. -I and -S keep out whatever the
            # environment or a .pth file would add, and save a third of the time that Python takes to start.
            self._process = subprocess.Popen(  # noqa: S603 - our own program, and no shell
                [sys.executable, "-I", "-S", "-c", _START, arguments],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=their_stderr,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError:
            self._close()
            raise
        finally:
            theirs.close()
            os.close(their_stderr)
        self._socket.setblocking(False)
        os.set_blocking(self._stderr, False)

    @property
    def is_alive(self) -> bool:
        """Tell whether the process is there."""
        return self._process.poll() is None

    async def ready(self) -> None:
        """Wait until the process takes calls. Raises ``EOFError`` when it died instead."""
        await self._receive(len(READY))

    async def call(self, frame: bytes) -> bytearray:
        """Send a frame and return the body of the one that answers it.

        Raises ``EOFError`` or ``ConnectionError`` when the process dies, ``FrameRefused`` when it sends too much.
        """
        await asyncio.get_running_loop().sock_sendall(self._socket, frame)
        (size,) = HEADER.unpack(await self._receive(HEADER.size))
        if size > MOST_REPLY_BYTES:
            raise FrameRefused(
                f"the process of the script would send {size} bytes; at most {MOST_REPLY_BYTES} are read"
            )
        return await self._receive(size)

    def kill(self) -> None:
        """Kill the process; it is gone for good when ``buried`` has returned."""
        self._process.kill()

    async def buried(self) -> str:
        """Wait for the end of a process that is dying, free what it held, and return what it died of."""
        code = await asyncio.to_thread(self._process.wait)
        said = self._said()
        self._close()
        return _meaning(code, said, self._limits)

    async def _receive(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        received = bytearray()
        while len(received) < size:
            part = await loop.sock_recv(self._socket, min(size - len(received), 256 * 1024))
            if not part:
                raise EOFError
            received += part
        return received

    def _said(self) -> str:
        try:
            return os.read(self._stderr, _LONGEST_STDERR).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _close(self) -> None:
        self._socket.close()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1


def _meaning(code: int, said: str, limits: ScriptLimits) -> str:
    """Return what the end of a process says about the script that it was executing."""
    if code == -signal.SIGXCPU:
        return limits.time_text
    if code == -signal.SIGABRT or "memory" in said.lower():
        return limits.memory_text
    if code in (-signal.SIGSEGV, -signal.SIGBUS):
        # The engine runs out of its stack, or trips over memory that it does not get; which of them can't be seen, for
        # the kernel counts what the checker had when it started the process as the process's own.
        return f"the script broke its process: it or its values are nested too deeply, or {limits.memory_text}"
    if code < 0:
        return f"the process of the script was ended from outside by {signal.Signals(-code).name}"
    return f"the process of the script ended with code {code}: {said[-500:] or 'it said nothing'}"
