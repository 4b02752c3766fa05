"""What does the referee see, all the time? Twice a second it looks at both Alertmanagers and reads what was added to
the streams; what disagrees with what must stay, or with the truth of a verdict, is a failure at once. It never acts.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.soak.alertmanagers import Alertmanagers
from tests.soak.answering import Answers
from tests.soak.comparing import Difference, Shown
from tests.soak.journal import EVERYTHING, Journal
from tests.soak.record import Record
from tests.soak.steadiness import Watch
from tests.soak.truth import Truth
from tests.soak.verdicts import Standing, read, transition_of
from tests.soak.wire import Stored, Wire

LOOK_SECONDS = 0.5
_STREAMS = ("CHECK_EVENTS", "CHECK_RESULTS", "MUTES", "ALERT_EVENTS", "DEAD_LETTERS")


@dataclass
class Seen:
    """Everything that was seen so far."""

    standing: Standing
    answers: Answers = field(default_factory=Answers)
    watch: Watch = field(default_factory=Watch)
    shown: dict[str, list[Shown]] = field(default_factory=dict)
    """By Alertmanager, as of the last look at each."""
    transitions: set[tuple[int, Any, str]] = field(default_factory=set)
    dead_letters: list[bytes] = field(default_factory=list)
    mute_results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: list[Difference] = field(default_factory=list)


class Watcher:
    """Looks and reads until it is cancelled."""

    def __init__(
        self, truth: Truth, wire: Wire, alertmanagers: Alertmanagers, journal: Journal, record: Record
    ) -> None:
        self.seen = Seen(Standing(truth.history))
        self._wire = wire
        self._alertmanagers = alertmanagers
        self._journal = journal
        self._record = record
        self._views: dict[str, dict[str, tuple[float, bool]]] = {}
        self._told = 0

    async def run(self) -> None:
        """Look and read, over and over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_on())
            tasks.create_task(self._read_on())

    async def _look_on(self) -> None:
        while True:
            began = time.monotonic()
            expected, began_at = self.seen.watch.expectation(), time.time()
            shown = await self._alertmanagers.alerts()
            self._note_views(shown)
            self.seen.shown.update(shown)
            excused = dict(self.seen.watch.excused)
            self.seen.failures += self.seen.watch.see(expected, shown, began_at)
            for member in excused.keys() - self.seen.watch.excused.keys():
                self._record.refilled_after_seconds.append(time.time() - excused[member])
                self._journal.add([EVERYTHING], f"{member} shows everything again that must stay")
            await asyncio.sleep(max(0.05, LOOK_SECONDS - (time.monotonic() - began)))

    async def _read_on(self) -> None:
        while True:
            await self.read()
            await asyncio.sleep(LOOK_SECONDS)

    async def read(self) -> None:
        """Read what was added to the streams."""
        for stream in _STREAMS:
            async for message in self._wire.news(stream):
                self._record.seen[f"messages of {stream}"] += 1
                with contextlib.suppress(ValueError, KeyError):
                    self._take(stream, message)
        faults = self.seen.standing.faults[self._told :]
        self._told += len(faults)
        self.seen.failures += [Difference(key, text) for key, text in faults]

    def _take(self, stream: str, message: Stored) -> None:
        if stream == "DEAD_LETTERS":
            self.seen.dead_letters.append(message.body)
            self._journal.add([EVERYTHING], f"dead letter: {message.body[:200]!r}", message.stored_at)
            return
        if stream == "CHECK_RESULTS":
            self._take_result(message)
            return
        event = json.loads(message.body)
        names = message.subject.split(".")
        if stream == "CHECK_EVENTS":
            self.seen.answers.take(message.subject, event)
            about = event["targets"] if names[1] == "accepted" else [event["target"]]
            told = {name: event[name] for name in ("id", "run", "checker", "covers", "what", "first") if name in event}
            self._journal.add(about, f"{names[0]}.{names[1]} {told}", message.stored_at)
        elif stream == "ALERT_EVENTS":
            self.seen.transitions.add(transition_of(event))
            self._record.seen["alert events"] += 1
            text = f"alert.{event['transition']} {event['id'].partition('/')[0]} {event['labels']}"
            self._journal.add([event["target"]], text, message.stored_at)
        elif names[1] == "result":
            self.seen.mute_results[str(event["request_id"])] = event
            text = f"mute.result {event['request_id']} {event.get('silences')} {event.get('refused') or ''}"
            about = [one["value"] for one in event.get("matchers", ()) if one["name"] == "service_name"]
            self._journal.add(about, text, message.stored_at)

    def _take_result(self, message: Stored) -> None:
        names = message.subject.split(".")
        verdict = read(message.sequence, message.subject, message.body, message.stored_at)
        if verdict is None:
            self._record.seen["results that are errors" if names[2] == "error" else "results that are broken"] += 1
            self._journal.add([names[4]], f"{names[2]} {message.sequence} {names[5]}: {message.body[:300]!r}")
            return
        self._record.seen["verdicts"] += 1
        self.seen.standing.take(verdict)
        found = ", ".join(sorted(value for _, value in verdict.findings)) or "-"
        text = f"verdict {verdict.sequence} {verdict.check} {verdict.status} [{found}] run {verdict.run}"
        self._journal.add([verdict.target], text, message.stored_at)

    def _note_views(self, shown: Mapping[str, list[Shown]]) -> None:
        for member, alerts in shown.items():
            before = self._views.get(member, {})
            now = {alert.fingerprint: (alert.starts_at, alert.is_suppressed) for alert in alerts}
            names = {alert.fingerprint: alert for alert in [*self.seen.shown.get(member, ()), *alerts]}
            for fingerprint in before.keys() | now.keys():
                if before.get(fingerprint) != now.get(fingerprint):
                    alert = names[fingerprint]
                    state = now.get(fingerprint)
                    what = f"shows since {state[0]:.3f}{' (muted)' if state[1] else ''}" if state else "shows no more"
                    self._record.seen["changes in what Alertmanagers show"] += 1
                    self._journal.add([alert.labels.get("service_name", "")], f"{member} {what} {alert.labels}")
            self._views[member] = now
