"""The stream MUTES as a list, and an Alertmanager's silences as a dictionary, for tests of the silencer's core."""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from services.silencer.reconcile import Action, End, Make, Plan, Record
from services.silencer.results import settled, tended, with_silence
from services.silencer.wanted import Mute, Wanted
from shared import subjects
from shared.alertmanager_api import PostedSilence, Silence
from shared.following import Stored
from shared.mutes import Matcher, MuteResult, SilenceMade

CREATED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
AM = "main"


@dataclass
class Mutes:
    """What was stored, and the fold of it."""

    now: dt.datetime = NOON
    stored: list[Stored] = field(default_factory=list)
    wanted: Wanted = field(default_factory=lambda: Wanted(CREATED))

    def store(self, subject: str, body: Any, headers: dict[str, str] | None = None) -> str:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = Stored(subject, len(self.stored) + 1, data, headers or {}, self.now)
        self.stored.append(message)
        self.wanted.apply(message)
        return subjects.sequence_id(CREATED, message.sequence)

    def ask(self, **request: Any) -> str:
        asked = {"target": "db1", "check": "weak", "created_by": "ann", "comment": "known", **request}
        return self.store("mute.requested", {name: value for name, value in asked.items() if value is not None})

    def unmute(self, **request: Any) -> str:
        return self.store("unmute.requested", {"requested_by": "bob", "reason": "fixed", **request})

    def write(self, mute_id: str, result: MuteResult | None) -> None:
        if result is not None:
            self.store(subjects.mute_result(mute_id), result.to_bytes())

    def settle(self, mute_id: str, found: Any = None, alertmanagers: tuple[str, ...] = (AM,)) -> Mute:
        result = settled(self[mute_id], found, default=DAY, alertmanagers=alertmanagers, now=self.now)
        self.write(mute_id, result)
        return self[mute_id]

    def tend(self, mute_id: str, labels: dict[str, str] | None = None) -> Mute:
        self.write(mute_id, tended(self[mute_id], labels, self.now))
        return self[mute_id]

    def record(self, mute_id: str, made: SilenceMade) -> Mute:
        self.write(mute_id, with_silence(self[mute_id], made))
        return self[mute_id]

    def muted(self, **request: Any) -> str:
        """Ask for a mute and settle it."""
        mute_id = self.ask(**request)
        self.settle(mute_id)
        return mute_id

    def __getitem__(self, mute_id: str) -> Mute:
        return self.wanted.mutes[mute_id]


def as_expired(silence: Silence) -> Silence:
    """Return a silence as Alertmanager shows it after its end."""
    return silence.model_copy(update={"status": silence.status.model_copy(update={"state": "expired"})})


@dataclass
class World:
    """One Alertmanager as its API describes it, and the mutes that are wanted."""

    mutes: Mutes = field(default_factory=Mutes)
    silences: dict[str, Silence] = field(default_factory=dict)
    count: int = 0
    log: list[Action] = field(default_factory=list)

    def listed(self) -> list[Silence]:
        """Return the silences with the states that they have now."""
        return [as_expired(one) if one.ends_at <= self.mutes.now else one for one in self.silences.values()]

    def living(self, mute_id: str) -> list[Silence]:
        marker = f"[watchword:{mute_id}]"
        return [one for one in self.listed() if one.is_living and marker in one.comment]

    def make(self, posted: PostedSilence) -> str:
        self.count += 1
        silence_id = f"silence-{self.count}"
        self.silences[silence_id] = Silence.model_validate(
            {
                "id": silence_id,
                "matchers": posted.matchers,
                "startsAt": max(posted.starts_at, self.mutes.now),
                "endsAt": posted.ends_at,
                "createdBy": posted.created_by,
                "comment": posted.comment,
                "status": {"state": "active"},
            }
        )
        return silence_id

    def change(self, silence_id: str, **fields: Any) -> None:
        self.silences[silence_id] = self.silences[silence_id].model_copy(update=fields)

    def end(self, silence_id: str) -> None:
        if silence_id in self.silences and self.silences[silence_id].ends_at > self.mutes.now:
            self.change(silence_id, ends_at=self.mutes.now)

    def edit_matchers(self, silence_id: str) -> str:
        """Do what Alertmanager does when a person edits matchers: the old one ends, one with another id begins."""
        old = self.silences[silence_id]
        self.end(silence_id)
        return self.make(
            PostedSilence(
                matchers=(*old.matchers, Matcher(name="edited", value=f"by-{self.count}")),
                starts_at=self.mutes.now,
                ends_at=max(old.ends_at, self.mutes.now + dt.timedelta(hours=1)),
                created_by="carl",
                comment=old.comment,
            )
        )

    def carry_out(self, plans: list[Plan], fuel: int = 1_000_000) -> None:
        """Do what the plans say; with little fuel the process dies on its way, also between making and writing."""
        for plan in plans:
            for action in plan.actions:
                if fuel <= 0:
                    return
                fuel -= 1
                self.log.append(action)
                match action:
                    case Make():
                        silence_id = self.make(action.silence)
                        if fuel <= 0:
                            return
                        fuel -= 1
                        made = SilenceMade(alertmanager=AM, silence_id=silence_id, state="active")
                        self.mutes.record(plan.mute.id, made)
                    case End():
                        self.end(action.silence_id)
                    case Record():
                        self.mutes.record(plan.mute.id, action.made)
