"""How does each target stand? The fold of the last verdict and the last error of every check on it: an error that is
newer than the verdict says that the last look failed.
"""

import contextlib
import datetime as dt
from collections import Counter
from dataclasses import dataclass, field

from pydantic import ValidationError

from shared import subjects
from shared.accepted import is_open
from shared.errors import NameRefused
from shared.events import CheckResult
from shared.following import Stored
from shared.streams import CHECK_RESULTS
from watchword.cli.live import snapshot_of
from watchword.cli.session import Session


@dataclass(slots=True)
class Standing:
    """The current state of all checks of one target."""

    counts: Counter[str] = field(default_factory=Counter)
    """Checks by status: passed, failed, skipped; accepted where somebody accepts all that was found, error where the
    last look failed.
    """
    errors: dict[str, str] = field(default_factory=dict)
    """Why a check could not look, when that is the newest that is known of it."""
    last_look: dt.datetime | None = None


@dataclass(slots=True)
class _Newest:
    verdict: tuple[int, CheckResult] | None = None
    error: tuple[int, CheckResult] | None = None


async def standings(here: Session) -> dict[tuple[str, str], Standing]:
    """Return how every target stands, by engine and name, from the last verdict and error of each check."""
    newest: dict[tuple[str, str, str], _Newest] = {}
    looks: dict[tuple[str, str], dt.datetime] = {}

    def take(stored: Stored) -> None:
        with contextlib.suppress(NameRefused, ValidationError):
            subject = subjects.parse_result(stored.subject)
            result = CheckResult.model_validate_json(stored.data)
            one = newest.setdefault((subject.engine, subject.target, subject.check), _Newest())
            if subject.kind == "verdict":
                one.verdict = (stored.sequence, result)
            else:
                one.error = (stored.sequence, result)
            if result.status != "withdrawn":
                place = (subject.engine, subject.target)
                looks[place] = max(stored.stored_at, looks.get(place, stored.stored_at))

    await snapshot_of(here.jetstream, CHECK_RESULTS, take)
    now = dt.datetime.now(dt.UTC)
    found: dict[tuple[str, str], Standing] = {}
    for (engine, target, check), one in newest.items():
        standing = found.setdefault((engine, target), Standing(last_look=looks.get((engine, target))))
        if one.error is not None and (one.verdict is None or one.error[0] > one.verdict[0]):
            standing.counts["error"] += 1
            standing.errors[check] = one.error[1].reason or ""
        elif one.verdict is not None and one.verdict[1].status != "withdrawn":
            verdict = one.verdict[1]
            is_accepted = verdict.status == "failed" and not is_open(verdict, now)
            standing.counts["accepted" if is_accepted else verdict.status] += 1
    return found
