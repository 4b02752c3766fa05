"""Which targets are to be judged next? Those of which something has changed, and those whose time has come; so a look
costs what is due, not what exists. Pure.
"""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterable


class Agenda:
    """The targets that wait to be judged, in the order in which they were noted."""

    def __init__(self) -> None:
        self._is_every_target_noted = True
        self._noted: dict[str, None] = {}
        self._due: list[tuple[dt.datetime, str]] = []
        self._due_at: dict[str, dt.datetime] = {}

    @property
    def has_more(self) -> bool:
        """Say whether targets wait."""
        return bool(self._noted) or self._is_every_target_noted

    def note(self, name: str) -> None:
        """Have a target judged soon."""
        self._noted[name] = None

    def note_all(self) -> None:
        """Have every target judged soon."""
        self._is_every_target_noted = True

    def note_for(self, name: str, at: dt.datetime) -> None:
        """Have a target judged at that time, and no longer at another one that was noted before."""
        self._due_at[name] = at
        if at.year < dt.MAXYEAR:
            heapq.heappush(self._due, (at, name))

    def strike(self, name: str) -> None:
        """Take off a target that is being judged."""
        self._noted.pop(name, None)

    def forget(self, name: str) -> None:
        """Take off a target that is gone."""
        self._due_at.pop(name, None)

    def clear(self) -> None:
        """Have nothing judged before its time."""
        self._noted.clear()

    def gather(self, targets: Iterable[str], now: dt.datetime) -> None:
        """Note the targets whose time has come; all of these when every one is to be judged."""
        if self._is_every_target_noted:
            self._is_every_target_noted = False
            self._noted.update(dict.fromkeys(targets))
        while self._due and self._due[0][0] <= now:
            due_at, name = heapq.heappop(self._due)
            if self._due_at.get(name) == due_at:
                self._noted[name] = None

    def take(self, most: int) -> list[str]:
        """Take off so many targets, and return them."""
        taken = list(itertools.islice(self._noted, most))
        for name in taken:
            del self._noted[name]
        return taken
