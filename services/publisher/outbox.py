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
_SETTLE_SECONDS = 2.0
"""So long after an Alertmanager took an alert, it gets it once more when it left an earlier post of it unanswered. One
that was frozen does both at once when it wakes up, in any order.
"""


class Outbox:
    """The queue of one Alertmanager, by fingerprints."""

    def __init__(self, resend_seconds: float) -> None:
        self._resend_seconds = resend_seconds
        self._urgent: OrderedDict[str, None] = OrderedDict()
        self._due_at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._refused: dict[str, int] = {}
        self._failed: set[str] = set()
        self._in_doubt: set[str] = set()
        self._under_way: set[str] = set()
        self._changed_under_way: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._failed) + len(self._changed_under_way)

    def urge(self, fingerprints: Iterable[str]) -> int:
        """Send these as soon as possible, in this order, and return how many waited already: they keep their place.
        What is under way is sent again when that is over, so that the newer never overtakes the older.
        """
        already = 0
        for fingerprint in fingerprints:
            waiting = self._changed_under_way if fingerprint in self._under_way else self._urgent
            already += fingerprint in waiting
            waiting.setdefault(fingerprint)
            self._failed.discard(fingerprint)
        return already

    def take(self, at: float, most: int) -> list[str]:
        """Take out what is to be sent now, what changed first. It is under way until ``sent``, ``failed``, ``refuse``,
        ``hand_back`` or ``forget``, and is not taken again before.
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
        self._under_way.update(taken)
        return taken

    def sent(self, fingerprints: Iterable[str], at: float) -> None:
        """Let these come again some time after they were sent."""
        for fingerprint in fingerprints:
            self._over(fingerprint)
            self._refused.pop(fingerprint, None)
            due_at = at + self._resend_seconds
            if fingerprint in self._in_doubt:
                self._in_doubt.remove(fingerprint)
                due_at = min(due_at, at + _SETTLE_SECONDS)
            self._due_at[fingerprint] = due_at
            heapq.heappush(self._heap, (due_at, fingerprint))

    def failed(self, fingerprints: Sequence[str], at: float, *, may_have_happened: bool) -> None:
        """Let these come again after everything that has waited longer: what fails again and again, because the other
        side is too slow for it, must not keep the rest from being tried. What may have happened may also happen later.
        """
        if may_have_happened:
            self._in_doubt.update(fingerprints)
        for fingerprint in fingerprints:
            self._over(fingerprint)
            if fingerprint not in self._urgent:
                self._failed.add(fingerprint)
                self._due_at[fingerprint] = at
                heapq.heappush(self._heap, (at, fingerprint))

    def hand_back(self, fingerprints: Sequence[str]) -> None:
        """Put back to the front what was not tried."""
        for fingerprint in reversed(fingerprints):
            self._over(fingerprint)
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
        self._over(fingerprint)
        self._refused[fingerprint] = version
        due_at = self._due_at[fingerprint] = at + _LONG_WHILE * self._resend_seconds
        heapq.heappush(self._heap, (due_at, fingerprint))

    def is_refused(self, fingerprint: str, version: int) -> bool:
        """Say whether this version of an alert was refused the last time."""
        return self._refused.get(fingerprint) == version

    def forget(self, fingerprint: str) -> None:
        """Note that an alert is there no more."""
        self._over(fingerprint)
        self._refused.pop(fingerprint, None)
        self._in_doubt.discard(fingerprint)

    def _over(self, fingerprint: str) -> None:
        self._under_way.discard(fingerprint)
        if fingerprint in self._changed_under_way:
            del self._changed_under_way[fingerprint]
            self._urgent[fingerprint] = None

    def forgive(self) -> None:
        """Forget what was refused: another Alertmanager may answer here now."""
        self._refused.clear()
