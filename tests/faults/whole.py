"""The whole pipeline while something is done to it: every stage as a process, an alert that has to stand all the time,
and another one under a mute. After the fault the pipeline has to work again, from a weakness to its alert and to its
end. How the stages are put around servers is told in ``whole_on.py``.
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from nats.errors import Error as NatsError

from shared import subjects
from shared.streams import CHECK_RESULTS, MUTES
from tests.e2e.processes import Pipeline
from tests.faults.steady import Alerts, Seen, start_and_silences, staying
from tests.faults.truth import SEES, Truth
from tests.integration.checker_fleet import eventually
from watchword.embedded import EmbeddedServer
from watchword.processes import free_port

STEADY, MUTED = 1, 2
"""The rows that stay weak: one that everybody sees, one under a mute."""
STAGES = ("scheduler", "checker", "publisher", "silencer")
ROUND_SECONDS = 2.0
"""How often stages compare what is with what should be."""
AGAIN_SECONDS = 60.0
"""How long the pipeline may take to be whole again; a busy machine has time enough."""


@dataclass
class Whole:
    """All stages, on servers of the test's own."""

    pipeline: Pipeline
    truth: Truth
    place: dict[str, Any]
    http: httpx.AsyncClient
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _next_row: int = 10

    async def begin(self, **environments: dict[str, str]) -> None:
        """Configure one target and one check, start every stage, and wait until both alerts stand, one muted."""
        await self.configure()
        self.truth.weaken(STEADY)
        self.truth.weaken(MUTED)
        for stage in STAGES:
            self.start(stage, **environments.get(stage, {}))
        await self.ready()
        await self.until_rows({STEADY, MUTED}, "the first alerts")
        await self.mute(MUTED)

    async def configure(self) -> None:
        """Write the inventory, as ``watchword apply`` would."""

        async def are_written() -> bool:
            await self.pipeline.fleet.target("one", **self.place)
            await self.pipeline.fleet.check("c", SEES, queries=[self.truth.query()])
            return True

        await self.until(are_written, "the inventory is written")

    def start(self, stage: str, name: str = "", **environment: str) -> None:
        """Start a stage, and remember where it tells how it is."""
        port = self.ports[name or stage] = free_port()
        self.processes[name or stage] = self.pipeline.start(
            stage, WATCHWORD_HTTP_PORT=str(port), **{"WATCHWORD_ROUND_SECONDS": f"{ROUND_SECONDS:g}", **environment}
        )

    def stop(self, name: str) -> None:
        """Ask a stage to end, and wait until it did."""
        process = self.processes.pop(name)
        del self.ports[name]
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    async def problems(self) -> dict[str, list[str]]:
        """Return what each stage says that is wrong with it; one that does not answer says so."""
        found = {}
        for name, port in self.ports.items():
            try:
                answer = await self.http.get(f"http://127.0.0.1:{port}/readyz")
                found[name] = [said for all_said in answer.json()["stages"].values() for said in all_said]
            except httpx.HTTPError as away:
                found[name] = [f"does not answer: {type(away).__name__}"]
        return found

    async def ready(self, timeout_seconds: float = AGAIN_SECONDS) -> None:
        """Wait until every stage says that it is."""
        last: dict[str, list[str]] = {}

        async def look() -> bool:
            last.update(await self.problems())
            return not any(last.values())

        await self._eventually(look, lambda: f"all ready, not {last}", timeout_seconds)

    async def unready(self, *stages: str, saying: str) -> None:
        """Wait until each of these stages says that something is wrong."""
        last: dict[str, list[str]] = {}

        async def look() -> bool:
            last.update(await self.problems())
            return all(any(saying in said for said in last[stage]) for stage in stages)

        await self._eventually(look, lambda: f"{stages} say {saying!r}, not {last}", AGAIN_SECONDS)

    async def alerts(self) -> Alerts:
        """Return the alerts of our check, muted ones as well."""
        answer = await self.http.get(f"{self.pipeline.alertmanager_url}/api/v2/alerts")
        answer.raise_for_status()
        return [alert for alert in answer.json() if alert["labels"]["alertname"] == "c"]

    async def rows(self) -> dict[int, dict[str, Any]]:
        """Return the alerts of our check by the row that is weak."""
        return {int(alert["labels"]["row"]): alert for alert in await self.alerts()}

    async def until_rows(self, rows: set[int], what: str, timeout_seconds: float = AGAIN_SECONDS) -> None:
        """Wait until exactly these rows have alerts."""
        last: dict[int, Any] = {}

        async def look() -> bool:
            shown = await self.rows()  # before the last answer is forgotten: the time may be over in between
            last.clear()
            last.update(shown)
            return set(last) == rows

        await self._eventually(
            look, lambda: f"{what}: alerts of {sorted(rows)}, not of {sorted(last)}", timeout_seconds
        )

    async def silences(self) -> list[dict[str, Any]]:
        """Return the silences that are in force."""
        answer = await self.http.get(f"{self.pipeline.alertmanager_url}/api/v2/silences")
        answer.raise_for_status()
        return [silence for silence in answer.json() if silence["status"]["state"] != "expired"]

    async def mute(self, row: int, **more: Any) -> str:
        """Mute the alert of a row, wait until it is silenced, and return the mute's id."""
        alert = (await self.rows())[row]
        request = {"fingerprint": alert["fingerprint"], "created_by": "ann", "comment": "known", **more}
        stored = await self.publish(subjects.MUTE_REQUESTED, request)
        created = (await self.pipeline.fleet.jetstream.stream_info(MUTES)).created
        assert created is not None
        mute_id = subjects.sequence_id(created, stored)

        async def is_muted() -> bool:
            return any(f"[watchword:{mute_id}]" in one["comment"] for one in await self.silences_of(row))

        await self._eventually(is_muted, lambda: f"the alert of row {row} is muted by {mute_id}", AGAIN_SECONDS)
        return mute_id

    async def silences_of(self, row: int) -> list[dict[str, Any]]:
        """Return the silences that keep the alert of a row quiet."""
        alert = (await self.rows()).get(row)
        by = alert["status"]["silencedBy"] if alert else []
        return [one for one in await self.silences() if one["id"] in by]

    async def unmute(self, mute_id: str) -> None:
        """End a mute and wait until its silence is gone."""
        await self.publish(subjects.UNMUTE_REQUESTED, {"id": mute_id, "requested_by": "bob", "reason": "done"})

        async def is_gone() -> bool:
            return not any(f"[watchword:{mute_id}]" in one["comment"] for one in await self.silences())

        await self._eventually(is_gone, lambda: f"the silence of {mute_id} is gone", AGAIN_SECONDS)

    async def publish(self, subject: str, body: dict[str, Any], timeout_seconds: float = AGAIN_SECONDS) -> int:
        """Store a message as any client would that repeats until it is acknowledged, and return its sequence."""
        payload, give_up_at = json.dumps(body).encode(), time.monotonic() + timeout_seconds
        while True:
            try:
                return (await self.pipeline.fleet.jetstream.publish(subject, payload, timeout=2)).seq
            except Exception:
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(0.1)

    async def check(self) -> int:
        """Ask for a run, and return the request's sequence."""
        return await self.publish(subjects.CHECK_REQUESTED, {"targets": ["one"], "requested_by": "the test"})

    def new_row(self) -> int:
        """Return a row that no alert was ever about."""
        self._next_row += 1
        return self._next_row

    async def repair(self, row: int, timeout_seconds: float = AGAIN_SECONDS) -> None:
        """Repair one weakness, and see its alert end."""
        rows = set(await self.rows()) - {row}
        self.truth.execute(f"DELETE FROM {self.truth.name} WHERE id = {row}")
        await self.check()
        await self.until_rows(rows, "a repaired weakness", timeout_seconds)

    async def works(self, *, mutes: bool = True) -> None:
        """See a weakness become an alert, be muted, be heard again, and end."""
        row, standing = self.new_row(), set(await self.rows())
        self.truth.weaken(row)
        await self.check()
        await self.until_rows(standing | {row}, "a new weakness")
        if mutes:
            mute_id = await self.mute(row)
            assert len(await self.silences_of(row)) == 1
            await self.unmute(mute_id)
        await self.repair(row)

    @contextlib.asynccontextmanager
    async def steady(self) -> AsyncIterator[Seen]:
        """While the block lasts both alerts stand and keep their starts, and the mute is one silence."""
        before = await self.rows()
        (silence,) = await self.silences_of(MUTED)
        async with staying(self.alerts, [before[STEADY], before[MUTED]], keeping=start_and_silences) as seen:
            yield seen
        of_the_mute = [one for one in await self.silences() if one["comment"] == silence["comment"]]
        assert [one["id"] for one in of_the_mute] == [silence["id"]], self.told("the mute is not one silence any more")

    async def answered(self, sequences: list[int]) -> None:
        """Wait until each of these requests was accepted, and a run that covers it has ended."""
        missing: list[int] = []

        async def look() -> bool:
            accepted = await self.pipeline.fleet.all_events("check.accepted.>")
            ends = await self.pipeline.fleet.all_events("check.finished.>")
            covered = max((end["covers"] for end in ends), default=0)
            good = {one["sequence"] for one in accepted if one["first"] <= covered}
            missing[:] = sorted(set(sequences) - good)
            return not missing

        await self._eventually(look, lambda: f"all requests are answered, these are not: {missing}", AGAIN_SECONDS)

    async def restarted(self, server: EmbeddedServer) -> None:
        """Start a server again that was killed; links in this loop go on meanwhile."""
        server.process.spawn()
        await asyncio.to_thread(server.process.wait_until_ready)

    async def verdicts(self) -> int:
        """Return how many verdicts were ever stored."""
        return (await self.pipeline.fleet.jetstream.stream_info(CHECK_RESULTS)).state.last_seq

    def told(self, what: str) -> str:
        """Return a failure's message with what the stages said."""
        return f"{what}\n{self.pipeline.logs()}"

    async def until(self, look: Callable[[], Any], what: str, timeout_seconds: float = AGAIN_SECONDS) -> None:
        """Wait until something is so."""
        await self._eventually(look, lambda: what, timeout_seconds)

    async def _eventually(self, look: Callable[[], Any], what: Callable[[], str], timeout_seconds: float) -> None:
        async def patiently() -> Any:
            try:
                return await look()
            except (NatsError, TimeoutError, httpx.HTTPError):
                return None  # what is being harmed can't be asked just now

        try:
            await eventually(patiently, "", timeout_seconds)
        except TimeoutError:
            raise AssertionError(self.told(f"not within {timeout_seconds:g} s: {what()}")) from None
