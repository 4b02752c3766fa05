"""Looking at databases once, several side by side, with the code that a checker runs. The process for the scripts
starts while the drivers load and the databases are connected to, for each of them takes a good part of a second.
"""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.checker.engines import CONNECTS, load
from services.checker.engines.protocol import Connect, Connection, Document, Limits, Login
from services.checker.errors import LoginRefused
from services.checker.examine import Examination, examine
from services.checker.sandbox import Sandbox, SandboxUnavailable
from services.checker.script import ScriptJob, ScriptOutcome
from shared.checks import Check, Engine
from shared.ending import end
from watchword.cli.scan_places import Place

AT_A_TIME = 8
"""Databases looked at side by side."""

TellProgress = Callable[[int, int], None]
"""Gets how many databases are done, of how many."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look at one database brought."""

    place: Place
    examination: Examination
    seconds: float
    is_refused: bool
    """The login was refused."""


class _Scripts:
    """A sandbox that may still be starting."""

    def __init__(self, starting: "asyncio.Task[Sandbox]") -> None:
        self._starting = starting
        self._is_in_use = False

    async def run(self, job: ScriptJob) -> ScriptOutcome:
        sandbox = await asyncio.shield(self._starting)
        self._is_in_use = True
        return await sandbox.run(job)

    async def compile(self, checks: Sequence[Check]) -> None:
        """Have scripts compiled before anybody needs them, which takes longer than to run them: each is called with
        nothing, and what becomes of that is forgotten. Ends when the first is really called.
        """
        try:
            sandbox = await asyncio.shield(self._starting)
        except SandboxUnavailable:
            return  # whoever needs it is told
        for check in checks:
            if self._is_in_use:
                return
            nothing: tuple[Document, ...] = tuple(() for _ in check.queries)
            await sandbox.run(ScriptJob(check.name, check.script, check.format, nothing))


def _without_logs(_level: str, _event: str, /, **_about: str) -> None:
    """Say nothing: what becomes of a script stands in the report."""


@asynccontextmanager
async def _scripts(checks: Sequence[Check]) -> AsyncIterator[_Scripts]:
    sandbox = Sandbox(workers=1, spares=0, log=_without_logs)
    starting = asyncio.create_task(sandbox.__aenter__())
    try:
        await asyncio.sleep(0)  # the process is started here, and loads while this one does
        scripts = _Scripts(starting)
        compiling = asyncio.create_task(scripts.compile(checks))
        try:
            yield scripts
        finally:
            await end(compiling)
    finally:
        if not starting.done():
            starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await sandbox.close()


async def look_at(
    places: Sequence[Place],
    checks_of: Callable[[Engine], Sequence[Check]],
    limits: Limits,
    tell: TellProgress = lambda done, of: None,  # noqa: ARG005 (nobody listens)
) -> list[Looked]:
    """Look at every place once, and return what came of it in their order.

    Raises ``SandboxUnavailable`` when no script can be run; never raises for what a database or a check does.
    """
    free = asyncio.Semaphore(AT_A_TIME)
    done = 0

    async def one(place: Place, scripts: _Scripts) -> Looked:
        nonlocal done
        async with free:
            await loaded[place.target.engine]
            looked = await _look(place, checks_of(place.target.engine), limits, scripts)
        done += 1
        tell(done, len(places))
        return looked

    engines = dict.fromkeys(place.target.engine for place in places)
    async with _scripts([check for engine in engines for check in checks_of(engine)]) as scripts:
        # In a thread, so that the scripts are compiled meanwhile, by the process that will run them.
        loaded = {engine: asyncio.create_task(asyncio.to_thread(load, engine)) for engine in engines}
        return list(await asyncio.gather(*(one(place, scripts) for place in places)))


async def _look(place: Place, checks: Sequence[Check], limits: Limits, scripts: _Scripts) -> Looked:
    began = time.monotonic()
    refusals: list[LoginRefused] = []
    examination = await examine(
        place.target,
        checks,
        login=lambda: place.login,
        connect=_noting(CONNECTS[place.target.engine], refusals),
        scripts=scripts,
        limits=limits,
    )
    return Looked(place, examination, time.monotonic() - began, is_refused=bool(refusals))


def _noting(connect: Connect, refusals: list[LoginRefused]) -> Connect:
    """Return a way to connect that also notes when the login is refused."""

    async def connect_and_note(login: Login, limits: Limits) -> Connection:
        try:
            return await connect(login, limits)
        except LoginRefused as refused:
            refusals.append(refused)
            raise

    return connect_and_note


def now() -> dt.datetime:
    """Return the moment of the report."""
    return dt.datetime.now(dt.UTC)
