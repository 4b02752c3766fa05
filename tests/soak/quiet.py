"""Is everything as it must be, now that nothing is harmed? After each round everything is asked for once more, and then
all that can be seen is compared with the truth, again and again until nothing differs, or its time is over.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.soak.alertmanagers import Alertmanagers
from tests.soak.answering import Asked
from tests.soak.comparing import Difference, compare_alerts, compare_dead_letters, compare_silences
from tests.soak.house import House
from tests.soak.truth import Truth
from tests.soak.watching import Seen

MEMBERS = 2
_NAMED = 40


@dataclass
class Judge:
    """What comparing needs."""

    house: House
    truth: Truth
    seen: Seen
    alertmanagers: Alertmanagers

    async def differences(self) -> tuple[list[Difference], Counter[str]]:
        """Return what differs now, and what was compared."""
        seen, truth = self.seen, self.truth
        counts: Counter[str] = Counter()
        found: list[Difference] = []
        expected = truth.expected()
        shown, silences = await self.alertmanagers.alerts(), await self.alertmanagers.silences()
        for member in map(self.house.member, range(MEMBERS)):
            if member not in shown or member not in silences:
                found.append(Difference(None, f"{member} does not answer"))
                continue
            different, kept = compare_alerts(
                member,
                shown[member],
                expected,
                seen.standing.since,
                seen.standing.earlier,
                list(truth.mutes.values()),
            )
            wanted = truth.wanted_silences()
            found += [*different, *compare_silences(member, silences[member], wanted)]
            counts["alerts"] += len(expected)
            counts["alerts that kept an earlier start"] += len(kept)
            counts["silences"] += len(wanted)
        found += self._unanswered()
        excused = [f'"{asked.words}"' for asked in truth.asked if asked.is_excused]
        found += compare_dead_letters(seen.dead_letters, truth.planted, excused)
        found += self._transitions()
        found += [
            Difference(None, f"{name} does not say that it is ready")
            for name in await asyncio.to_thread(self.house.unready)
        ]
        counts["requests"] += len(truth.asked)
        counts["dead letters"] += len(seen.dead_letters)
        counts["transitions"] += len(seen.standing.transitions)
        if not found:
            seen.watch.establish(shown)
        return found, counts

    def ended(self) -> list[Difference]:
        """Return the processes that ended though nobody harmed them: nothing will bring those back."""
        return [
            Difference(None, f"{child.name} ended by itself ({child.exit_code}); see {child.log_path}")
            for child in self.house.children()
            if not child.is_running
        ]

    def answered(self) -> Sequence[Asked]:
        """Return the requests that became runs."""
        return [asked for asked in self.truth.asked if self.seen.answers.named(asked)]

    def _unanswered(self) -> list[Difference]:
        differences = []
        for asked in self.truth.asked:
            missing = self.seen.answers.missing(asked)
            if missing is not None:
                about = (asked.targets[0], "", "", "") if asked.targets else None
                differences.append(Difference(about, f"request {asked.words!r} ({asked.request_id}): {missing}"))
        return differences

    def _transitions(self) -> list[Difference]:
        """Compare alert.firing and alert.resolved with the verdicts that they come from."""
        owed = self.seen.standing.transitions - self.seen.transitions
        invented = self.seen.transitions - self.seen.standing.transitions
        return [
            *(Difference(key, f"there is no alert.{what} of verdict {number}") for number, key, what in _some(owed)),
            *(Difference(key, f"alert.{what} of verdict {number} is wrong") for number, key, what in _some(invented)),
        ]


def _some(
    transitions: set[tuple[int, tuple[str, str, str, str], str]],
) -> list[tuple[int, tuple[str, str, str, str], str]]:
    return sorted(transitions)[:_NAMED]
