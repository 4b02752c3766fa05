"""How are the actions carried out that are no faults? One after the other; before each, what it touches is no longer
expected to stay as it is, and after each the truth is another one. Nothing is judged here.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.soak import truth as knowing
from tests.soak.actions import Apply, Ask, Mute, Plant, Repair, Unmute, Weaken
from tests.soak.answering import Asked
from tests.soak.children import run
from tests.soak.comparing import is_muted_by
from tests.soak.databases import Databases
from tests.soak.house import PROGRAM
from tests.soak.inventory import AlertKey, document
from tests.soak.journal import EVERYTHING, Journal
from tests.soak.record import Record
from tests.soak.truth import Truth, is_touched
from tests.soak.watching import Seen
from tests.soak.weaknesses import Weakness
from tests.soak.wire import Wire

FREQUENT_SECONDS = 60
"""How often the first check of each engine runs by itself."""
_APPLY_SECONDS = 180.0
_FIXED_SECONDS = 120.0


@dataclass
class Hands:
    """What acting needs."""

    truth: Truth
    seen: Seen
    wire: Wire
    databases: Databases
    journal: Journal
    record: Record
    folder: Path
    dsn_of: Mapping[str, str]
    alertmanager_urls: Sequence[str]
    built_in: Sequence[str]
    """The names of the built-in checks, all of which are off."""
    environment: Callable[[], Mapping[str, str]]
    asked: int = 0

    async def do(self, action: Weaken | Repair | Ask | Mute | Unmute | Apply | Plant) -> None:
        """Carry out one action."""
        match action:
            case Weaken(weakness):
                await self._set(weakness, weak=True)
            case Repair(weakness):
                await self._set(weakness, weak=False)
            case Ask():
                await self.ask(action)
            case Mute():
                await self._mute(action)
            case Unmute():
                await self._unmute(action)
            case Apply():
                await self.apply(action)
            case Plant():
                await self._plant(action)
        self.record.actions[type(action).__name__.lower()] += 1

    async def ask(self, action: Ask) -> None:
        """Force a run, and remember that an answer is owed."""
        self.asked += 1
        words = f"ask-{self.asked} of the referee"
        sent_at = time.time()
        sequence = await self.wire.store("check.requested", knowing.request_body(action, words), words)
        created = await self.wire.created("CHECK_REQUESTS")
        self.truth.asked.append(Asked(words, f"{created}-{sequence}", sent_at, action.targets))
        about = [EVERYTHING] if action.targets is None else action.targets
        self.journal.add(about, f"{words}: targets {action.targets}, checks {action.checks}", sent_at)

    async def apply(self, action: Apply) -> None:
        """Write the inventory file and apply it, until the command says that it did."""
        self.seen.watch.forget(lambda key: is_touched(action, key))
        about = {EVERYTHING} if len(action.touched) > 8 else {target for target, _ in action.touched}
        self.journal.add(about, f"apply: {action.what} {sorted(map(str, action.touched))[:6]}")
        self.truth.excuse(action, lambda asked: self.seen.answers.missing(asked) is None)
        path = self.folder / "watchword.yaml"
        path.write_text(
            json.dumps(
                document(
                    action.inventory,
                    dsn_of=self.dsn_of,
                    disabled=self.built_in,
                    frequent_seconds=FREQUENT_SECONDS,
                    alertmanagers=self.alertmanager_urls,
                ),
                indent=1,
            )
        )
        deadline = time.monotonic() + _APPLY_SECONDS
        command = [PROGRAM, "apply", str(path), "--yes", "-o", "json"]
        while (done := await asyncio.to_thread(run, command, self.environment()))[0] != 0:
            self.journal.add([EVERYTHING], f"apply was refused ({done[0]}): {done[1][-300:]}")
            if time.monotonic() > deadline:
                message = f"`watchword apply` was refused for {_APPLY_SECONDS:g} s: {done[1]}"
                raise RuntimeError(message)
            await asyncio.sleep(1.0)
        self.truth.inventory = action.inventory
        self.truth.excuse(action, lambda asked: self.seen.answers.missing(asked) is None)
        self.record.actions[f"apply: {action.what}"] += 1
        self.journal.add(about, f"applied: {action.what}")

    async def _set(self, weakness: Weakness, *, weak: bool) -> None:
        place = weakness.place.name
        about = [place, *(one.name for one in self.truth.inventory.targets.values() if one.place == weakness.place)]
        self.seen.watch.forget(lambda key: _is_of(key, weakness))
        change = self.truth.history.begin(weakness, time.time(), becomes=weak)
        word = "weaken" if weak else "repair"
        self.journal.add(about, f"{word} {weakness.check} {weakness.value}: begins")
        await asyncio.to_thread(self.databases.set, weakness, weak=weak)
        change.latest = time.time()
        self.journal.add(about, f"{word} {weakness.check} {weakness.value}: confirmed")

    async def _mute(self, mute: Mute) -> None:
        key = (mute.target, mute.check, *(mute.finding or ("", "")))
        steady = self.seen.watch.steady.get(key)
        fingerprint = steady.fingerprint if steady else None
        words = knowing.words_of(mute)
        self.journal.add([mute.target], f"mute-{mute.number} {mute.check} {mute.finding} fingerprint {fingerprint}")
        sequence = await self.wire.store("mute.requested", knowing.mute_body(mute, fingerprint), words)
        self.truth.mutes[mute.number] = mute
        self.record.actions["mute by fingerprint" if fingerprint else "mute by names"] += 1
        if fingerprint:
            # What a fingerprint means is looked up in an Alertmanager: until that is done, the alert has to stay.
            identifier = f"{await self.wire.created('MUTES')}-{sequence}"
            await self._until_fixed(identifier)

    async def _until_fixed(self, identifier: str) -> None:
        deadline = time.monotonic() + _FIXED_SECONDS
        while not self.seen.mute_results.get(identifier, {}).get("matchers"):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.1)

    async def _unmute(self, action: Unmute) -> None:
        mute = self.truth.mutes.pop(action.number)
        self.seen.watch.forget(lambda key: is_muted_by(key, mute))
        asked: dict[str, str] = {"target": action.target, "check": action.check}
        if action.is_by_id:
            result = next((one for one in self.seen.mute_results.values() if _is_for(one, mute)), None)
            asked = {"id": str(result["request_id"])} if result else asked
        self.journal.add([action.target], f"unmute-{action.number} {asked}")
        body = json.dumps({**asked, "requested_by": "the referee", "reason": "it is over"}).encode()
        await self.wire.store("unmute.requested", body, f"unmute-{action.number} of the referee")

    async def _plant(self, action: Plant) -> None:
        engine = "postgresql" if action.target.startswith("pg") else "mysql"
        subject, body = knowing.plant(action, engine)
        mark = knowing.mark_of(action)
        self.truth.planted.append(mark)
        self.journal.add([action.target], f"{mark} on {subject}")
        await self.wire.store(subject, body, mark)
        self.record.actions[f"plant: {action.kind}"] += 1


def _is_of(key: AlertKey, weakness: Weakness) -> bool:
    target, check, *finding = key
    return (target.partition("-")[0], check, tuple(finding)) == (
        weakness.place.name,
        weakness.check,
        weakness.finding,
    )


def _is_for(result: Mapping[str, object], mute: Mute) -> bool:
    return str(result.get("comment", "")) == knowing.words_of(mute)
