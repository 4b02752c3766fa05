"""Where scripts run: processes with limits on time and memory, kept ready, so that a call costs a fraction of a
millisecond. Whatever a script does becomes one outcome, the next call finds a fresh process waiting, and the checker's
own memory does not grow. What a script may do at all is for ``script.py``; what its process gives up stands in
``sandbox_worker.py``.

The processes are not those of a pool library on purpose. multiprocessing, pebble and loky fork them off the checker
with its passwords in memory, or give them its environment and run its main module again; they read pickles, which is
to execute what the process of a hostile script sends; and none of them caps what it reads.
"""

import asyncio
import time
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakKeyDictionary

from services.checker.errors import ScriptFailed
from services.checker.sandbox_frames import FrameRefused, ScriptLimits, call_to_bytes, outcome_from_bytes
from services.checker.sandbox_process import SandboxProcess
from services.checker.script import ScriptJob, ScriptOutcome, call_of

__all__ = ["Sandbox", "SandboxUnavailable", "ScriptLimits"]

_START_SECONDS = 30.0
_RESTART_PAUSE_SECONDS = 0.5
_GRACE_SECONDS = 0.5
"""A script is asked to end when its time is over, and killed this much later when it can't hear."""
_SLOWEST_BYTES_PER_SECOND = 20 * 1024**2
"""The documents' way to the script is not the script's time."""


class Logs(Protocol):
    """Where a sandbox says what it had to do."""

    def __call__(self, level: str, event: str, /, **about: str) -> None:
        """Log one event."""
        ...


def _log(level: str, event: str, /, **about: str) -> None:
    # Loaded with the first event: who asks a database once and quickly has no time for it.
    import structlog  # noqa: PLC0415

    getattr(structlog.get_logger(__name__), level)(event, **about)


class SandboxUnavailable(ScriptFailed):
    """No process for scripts can be started; the text has the reason."""


class Sandbox:
    """Runs scripts, as many at a time as it has workers: ``async with Sandbox(workers=4) as sandbox:``.

    One process more than that is kept ready, so that after a script that had to be killed the next one need not wait
    for a start.
    """

    def __init__(self, workers: int, limits: ScriptLimits | None = None, spares: int = 1, log: Logs = _log) -> None:
        """Prepare a sandbox; no process is started yet."""
        self._log = log
        self._limits = limits or ScriptLimits()
        self._wanted = workers + spares
        self._slots = asyncio.Semaphore(workers)
        # The process that was used last comes first: it has its scripts compiled. None says that there are no more.
        self._idle: asyncio.LifoQueue[SandboxProcess | None] = asyncio.LifoQueue()
        self._processes: set[SandboxProcess] = set()
        self._ends: WeakKeyDictionary[SandboxProcess, asyncio.Task[str]] = WeakKeyDictionary()
        self._supplies: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        """Start the processes. Raises ``SandboxUnavailable``."""
        started = await asyncio.gather(*(self._start() for _ in range(self._wanted)), return_exceptions=True)
        for process in started:
            if isinstance(process, BaseException):
                await self.close()
                raise process
            self._idle.put_nowait(process)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sandbox."""
        await self.close()

    async def run(self, job: ScriptJob) -> ScriptOutcome:
        """Run a script and return what became of it; never raises for what the script does.

        To cancel it kills the script.
        """
        async with self._slots:
            try:
                # Not before there is a slot: the documents of all jobs that wait would be in memory twice.
                frame = call_to_bytes(call_of(job))
                process = await self._take()
            except ScriptFailed as failed:
                return ScriptOutcome(error=str(failed))
            begun = time.perf_counter()
            outcome = await self._call(process, frame, job.check_name)
        return replace(outcome, duration_ms=(time.perf_counter() - begun) * 1000)

    async def close(self) -> None:
        """Kill every process and wait until none is left. A script that still runs ends with an error."""
        self._is_closed = True
        self._idle.put_nowait(None)
        for supply in self._supplies:
            supply.cancel()
        await asyncio.gather(*self._supplies, return_exceptions=True)
        await asyncio.gather(*map(self._end, self._processes))

    async def _take(self) -> SandboxProcess:
        """Return a process that is ready, and is the caller's until it is put back or replaced."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while (process := await self._idle.get()) is not None:
                    if process.is_alive:
                        return process
                    self._replace(process)
        except TimeoutError:
            raise SandboxUnavailable(f"no process for scripts became ready within {_START_SECONDS:g} s") from None
        # For whoever else waits.
        self._idle.put_nowait(None)
        raise SandboxUnavailable("the sandbox for scripts is closed")

    async def _call(self, process: SandboxProcess, frame: bytes, check_name: str) -> ScriptOutcome:
        seconds = self._limits.seconds + _GRACE_SECONDS + len(frame) / _SLOWEST_BYTES_PER_SECOND
        is_fit = False
        try:
            async with asyncio.timeout(seconds):
                body = await process.call(frame)
            outcome, is_last = outcome_from_bytes(body)
            is_fit = not is_last
        except TimeoutError:
            reason = self._limits.time_text
        except FrameRefused as refused:
            reason = str(refused)
        except (EOFError, ConnectionError):
            reason = await asyncio.shield(self._end(process))
        else:
            return outcome
        finally:
            if is_fit:
                self._idle.put_nowait(process)
            else:
                self._replace(process)
        self._log("warning", "script killed", check=check_name, reason=reason)
        return ScriptOutcome(error=reason)

    def _replace(self, process: SandboxProcess) -> None:
        """Do away with a process and have another started, without waiting for either."""
        self._end(process)
        if not self._is_closed:
            supply = asyncio.create_task(self._supply())
            self._supplies.add(supply)
            supply.add_done_callback(self._supplies.discard)

    async def _supply(self) -> None:
        while not self._is_closed:
            try:
                self._idle.put_nowait(await self._start())
            except SandboxUnavailable as unavailable:
                self._log("error", "no process for scripts", reason=str(unavailable))
                await asyncio.sleep(_RESTART_PAUSE_SECONDS)
            else:
                return

    async def _start(self) -> SandboxProcess:
        try:
            process = SandboxProcess(self._limits)
        except OSError as error:
            raise SandboxUnavailable(f"no process for scripts can be started: {error}") from error
        self._processes.add(process)
        is_ready = False
        try:
            async with asyncio.timeout(_START_SECONDS):
                await process.ready()
            is_ready = True
        except TimeoutError:
            raise SandboxUnavailable(f"a process for scripts was not ready within {_START_SECONDS:g} s") from None
        except (EOFError, ConnectionError):
            reason = await asyncio.shield(self._end(process))
            raise SandboxUnavailable(f"a process for scripts died at its start: {reason}") from None
        finally:
            if not is_ready:
                self._end(process)
        return process

    def _end(self, process: SandboxProcess) -> asyncio.Task[str]:
        """Kill a process and return the task that waits for its end; its result is what the process died of."""
        if process not in self._ends:
            process.kill()
            self._ends[process] = asyncio.create_task(self._bury(process))
        return self._ends[process]

    async def _bury(self, process: SandboxProcess) -> str:
        reason = await process.buried()
        self._processes.discard(process)
        return reason
