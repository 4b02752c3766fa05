"""Which alerts does one Alertmanager get now? First what changed, then what is due to be sent again. The outbox holds
only who, never what: the newest state is looked up when it is sent, so nothing waits twice and the queue is never
longer than there are alerts. A turn costs what is due, not what exists. It has no clock; times are seconds of one that
never goes back.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Sequence

_LONG_WHILE = 10
"""In re-sends."""


class Outbox:
    """The queue of one Alertmanager, by fingerprints."""

    def __init__(self, resend_seconds: float) -> None:
        self._resend_seconds = resend_seconds
        self._urgent: OrderedDict[str, None] = OrderedDict()
        self._due_at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._refused: dict[str, int] = {}
        self._failed: set[str] = set()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._failed)

    def urge(self, fingerprints: Iterable[str]) -> int:
        """Send these as soon as possible, in this order, and return how many waited already: they keep their place."""
        before, asked = len(self._urgent), 0
        for asked, fingerprint in enumerate(fingerprints, 1):  # noqa: B007 (counted, for it may be an iterator)
            self._urgent.setdefault(fingerprint)
            self._failed.discard(fingerprint)
        return asked - (len(self._urgent) - before)

    def take(self, at: float, most: int) -> list[str]:
        """Take out what is to be sent now, what changed first. Each goes on with ``sent``, ``failed``, ``hand_back`` or
        nothing.
        """
        taken: list[str] = []
        while self._urgent and len(taken) < most:
            fingerprint, _ = self._urgent.popitem(last=False)
            self._due_at.pop(fingerprint, None)
            taken.append(fingerprint)
        while self._heap and self._heap[0][0] <= at and len(taken) < most:
            due_at, fingerprint = heapq.heappop(self._heap)
            if self._due_at.get(fingerprint) == due_at:  # else something newer overtook this entry
                del self._due_at[fingerprint]
                self._failed.discard(fingerprint)
                taken.append(fingerprint)
        return taken

    def sent(self, fingerprints: Iterable[str], at: float) -> None:
        """Let these come again some time after they were sent."""
        due_at = at + self._resend_seconds
        for fingerprint in fingerprints:
            self._refused.pop(fingerprint, None)
            self._due_at[fingerprint] = due_at
            heapq.heappush(self._heap, (due_at, fingerprint))

    def failed(self, fingerprints: Iterable[str], at: float) -> None:
        """Let these come again after everything that has waited longer: what fails again and again, because the other
        side is too slow for it, must not keep the rest from being tried.
        """
        for fingerprint in fingerprints:
            if fingerprint not in self._urgent:
                self._failed.add(fingerprint)
                self._due_at[fingerprint] = at
                heapq.heappush(self._heap, (at, fingerprint))

    def hand_back(self, fingerprints: Sequence[str]) -> None:
        """Put back to the front what was not tried."""
        for fingerprint in reversed(fingerprints):
            self._failed.discard(fingerprint)
            self._urgent[fingerprint] = None
            self._urgent.move_to_end(fingerprint, last=False)

    def wait_seconds(self, at: float) -> float | None:
        """Return how long there is nothing to do, or None when nothing waits at all."""
        if self._urgent:
            return 0.0
        return max(0.0, self._heap[0][0] - at) if self._heap else None

    def refuse(self, fingerprint: str, version: int, at: float) -> None:
        """Try this version of an alert again only after a long while: this Alertmanager does not take it."""
        self._refused[fingerprint] = version
        due_at = self._due_at[fingerprint] = at + _LONG_WHILE * self._resend_seconds
        heapq.heappush(self._heap, (due_at, fingerprint))

    def is_refused(self, fingerprint: str, version: int) -> bool:
        """Say whether this version of an alert was refused the last time."""
        return self._refused.get(fingerprint) == version

    def forget(self, fingerprint: str) -> None:
        """Note that an alert is there no more."""
        self._refused.pop(fingerprint, None)

    def forgive(self) -> None:
        """Forget what was refused: another Alertmanager may answer here now."""
        self._refused.clear()
