"""What runs inside a sandbox process: a loop that reads one script call from its socket, executes it and writes what
became of it. Before the first call the process gives up whatever a script has no use for: files, sockets, other
processes, more memory than the limit. ``sandbox.py`` starts it with an empty environment; it knows nothing of the
checker but the calls, and dies with it.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from collections import OrderedDict

from services.checker.errors import ScriptFailed
from services.checker.sandbox_frames import HEADER, ScriptLimits, call_from_bytes, framed, outcome_to_bytes
from services.checker.script import CompiledScript, ScriptCall, ScriptOutcome
from services.checker.script_engine import Stop, never

READY = framed(b"ready")

_SOCKET = 0
_MOST_KEPT_SCRIPTS = 256
_LONGEST_KEPT_SCRIPT = 64 * 1024
_MOST_MEMORY_BETWEEN_CALLS = 128 * 1024**2
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_WORDS_FOR_MEMORY = ("memory", "capacity", "AlignedSize")
"""What the engine's panics have in them when a value would be larger than it can be."""
_FIRST_CALL = ScriptCall("def check_context(docs, context):\n  return [{}]", "[]", "{}")


def main(parent: int, limits: ScriptLimits) -> None:
    """Answer calls until the checker closes the socket, or a call leaves this process unfit for another."""
    _die_with(parent)
    scripts = _Scripts()
    # A first call imports everything that is needed later, while files can still be opened.
    outcome_to_bytes(scripts.run(_FIRST_CALL, never))
    memory = os.open("/proc/self/statm", os.O_RDONLY)
    _restrict(limits, most_files=memory + 1)
    _write(READY)
    while (body := _read()) is not None:
        _restrict_processor_time(limits)
        outcome, is_fit = _answer(body, scripts, limits)
        # What this process keeps is missing from the next script's share, so beyond a measure it is replaced.
        resident_pages = int(os.pread(memory, 200, 0).split()[1])
        is_last = not is_fit or resident_pages * resource.getpagesize() > _MOST_MEMORY_BETWEEN_CALLS
        _write(outcome_to_bytes(outcome, is_last=is_last))
        if is_last:
            return


class _Scripts:
    """The scripts that were called last, compiled."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[tuple[str, bool], CompiledScript] = OrderedDict()

    def run(self, call: ScriptCall, stop: Stop) -> ScriptOutcome:
        key = call.script, call.with_branches
        script = self._compiled.pop(key, None)
        if script is None:
            try:
                script = CompiledScript(call.script, stop, with_branches=call.with_branches)
            except ScriptFailed as failed:
                return ScriptOutcome(error=str(failed))
        if len(call.script) <= _LONGEST_KEPT_SCRIPT:
            self._compiled[key] = script
        if len(self._compiled) > _MOST_KEPT_SCRIPTS:
            self._compiled.popitem(last=False)
        return script.run(call, stop)


def _answer(body: bytearray, scripts: _Scripts, limits: ScriptLimits) -> tuple[ScriptOutcome, bool]:
    """Return what became of one call, and whether this process is fit for another."""
    ends_at = time.monotonic() + limits.seconds

    def stop() -> str:
        return limits.time_text if time.monotonic() > ends_at else ""

    try:
        return scripts.run(call_from_bytes(body), stop), True
    except MemoryError:
        return ScriptOutcome(error=limits.memory_text), False
    except BaseException as error:
        # The engine's panics come as an exception that has no public name and is none of Exception.
        if type(error).__name__ != "PanicException":
            raise
        is_memory = any(word in str(error) for word in _WORDS_FOR_MEMORY)
        return ScriptOutcome(error=limits.memory_text if is_memory else f"the script broke the engine: {error}"), False


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        # It died before we could ask to die with it.
        raise SystemExit


def _restrict(limits: ScriptLimits, most_files: int) -> None:
    for limit, value in (
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_NOFILE, most_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def _restrict_processor_time(limits: ScriptLimits) -> None:
    """Let the kernel end this process even when nobody is left to watch the clock."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _read() -> bytearray | None:
    header = _read_exactly(HEADER.size)
    return _read_exactly(HEADER.unpack(header)[0]) if header else None


def _read_exactly(size: int) -> bytearray | None:
    """Return that many bytes, or None when the checker has closed the socket."""
    received = bytearray()
    while len(received) < size:
        part = os.read(_SOCKET, min(size - len(received), 1024**2))
        if not part:
            return None
        received += part
    return received


def _write(frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(_SOCKET, view) :]
