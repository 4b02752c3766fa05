"""What was true when? Each change of the world takes a while (a statement is sent, repeated, and confirmed), so it is
known only between which two moments it happened. From that follows what somebody who looked between two other moments
must have seen, or that nobody can say. Pure; moments are seconds since 1970.
"""

import math
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Fact = TypeVar("Fact", bound=Hashable)


@dataclass
class Change:
    """A fact became true or false at some moment between these two."""

    becomes: bool
    earliest: float
    latest: float = math.inf


@dataclass
class History(Generic[Fact]):
    """All changes of all facts, which are false until something else is noted."""

    _changes: dict[Fact, list[Change]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, fact: Fact, at: float, *, becomes: bool) -> Change:
        """Note that from now on a fact may have changed; the caller sets ``latest`` when it surely has."""
        change = Change(becomes, at)
        self._changes[fact].append(change)
        return change

    def true_now(self) -> set[Fact]:
        """Return the facts whose last change made them true."""
        return {fact for fact, changes in self._changes.items() if changes and changes[-1].becomes}

    def seen_between(self, fact: Fact, begin: float, end: float) -> bool | None:
        """Return what was to be seen by one who looked once between two moments; None when that is not certain."""
        seen = False
        for change in self._changes.get(fact, ()):
            if change.earliest <= end and change.latest >= begin:
                return None
            if change.latest < begin:
                seen = change.becomes
        return seen

    def last_change(self, fact: Fact) -> Change | None:
        """Return the last change of a fact."""
        changes = self._changes.get(fact)
        return changes[-1] if changes else None
