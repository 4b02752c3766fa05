"""Who waits for a request watches three kinds of messages: what it became (check.accepted, perhaps in parts), the ends
of runs (check.finished), and what was refused. They come in any order: a run of one target may end before
check.accepted is written. This module folds them, and says which targets are done. Pure; what is printed is left to
``running.py``.
"""

from dataclasses import dataclass, field

from pydantic import ValidationError

from shared import dead_letters, subjects
from shared.errors import NameRefused
from shared.events import CheckAccepted, CheckFinished, CheckStarted
from shared.following import Stored
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, DEAD_LETTERS


@dataclass(frozen=True, slots=True)
class Done:
    """A target's run that answers the request."""

    target: str
    engine: str
    event: CheckFinished


@dataclass(slots=True)
class Waiting:
    """What is known of one request so far."""

    request_id: str
    sequence: int
    """Its place in CHECK_REQUESTS."""
    runs_created: str
    """Which CHECK_RUNS the sequences of its parts count in."""
    what: str | None = None
    first: int = 0
    targets: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    done: dict[str, Done] = field(default_factory=dict)
    refused: str | None = None
    """Why the request became a dead letter."""
    _parts: dict[int, int] = field(default_factory=dict)
    _ends: dict[tuple[str, str], list[Done]] = field(default_factory=dict)

    def take(self, stream: str, stored: Stored) -> list[Done]:
        """Take in one message, and return the targets that are done by it. What can't be read says nothing."""
        try:
            if stream == DEAD_LETTERS:
                self._take_dead_letter(stored)
                return []
            if stream == CHECK_EVENTS:
                return self._take_event(stored)
        except (ValidationError, NameRefused):
            pass
        return []

    def _take_dead_letter(self, stored: Stored) -> None:
        letter = dead_letters.read(stored)
        if letter.stream == CHECK_REQUESTS and letter.sequence == self.sequence:
            self.refused = letter.reason

    def _take_event(self, stored: Stored) -> list[Done]:
        parts = stored.subject.split(".")
        match parts:
            case ["check", "accepted", request] if subjects.name_of(request) == self.request_id:
                return self._take_accepted(CheckAccepted.model_validate_json(stored.data))
            case ["check", "started", _, target, what]:
                event = CheckStarted.model_validate_json(stored.data)
                if subjects.name_of(what) == self.what and event.sequence >= self.first:
                    self.running.add(subjects.name_of(target))
                return []
            case ["check", "finished", engine, target, what]:
                finished = CheckFinished.model_validate_json(stored.data)
                done = Done(subjects.name_of(target), subjects.name_of(engine), finished)
                self._ends.setdefault((done.target, subjects.name_of(what)), []).append(done)
                return self._newly_done([done.target])
            case _:
                return []

    def _take_accepted(self, event: CheckAccepted) -> list[Done]:
        self.what, self.first = event.what, event.first
        self._parts[event.part] = event.parts
        self.targets |= set(event.targets)
        self.unknown += [name for name in event.unknown if name not in self.unknown]
        return self._newly_done(event.targets)

    def _newly_done(self, targets: list[str]) -> list[Done]:
        found = []
        for target in targets:
            if self.what is None or target not in self.targets or target in self.done:
                continue
            for end in self._ends.get((target, self.what), []):
                if self._began_after(end.event):
                    self.done[target] = end
                    self.running.discard(target)
                    found.append(end)
                    break
        return found

    def _began_after(self, end: CheckFinished) -> bool:
        created, _, sequence = self.request_id.partition("-")
        is_past_request = (end.covers_requests or 0) >= int(sequence) and end.requests_created == created
        # Either is enough: a server that was cut off may have told the run of fewer requests than there were.
        return is_past_request or (end.covers >= self.first and end.runs_created in {None, self.runs_created})

    @property
    def is_accepted(self) -> bool:
        """Say whether everything that the request became is known."""
        return bool(self._parts) and len(self._parts) == max(self._parts.values())

    @property
    def is_over(self) -> bool:
        """Say whether there is nothing more to wait for."""
        return self.refused is not None or (self.is_accepted and not self.left)

    @property
    def left(self) -> set[str]:
        """Return the targets that are not done yet."""
        return self.targets - self.done.keys()
