"""Which findings does somebody accept now? The exceptions of the configuration against the last verdicts: what no alert
tells, because it is accepted, is told from here.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from shared import subjects
from shared.accepted import accepted_by, all_exceptions
from shared.configuration import Configuration, RiskAccepted
from shared.errors import NameRefused
from shared.events import Accepted, CheckResult, Finding
from shared.reading import last_messages
from shared.streams import CHECK_RESULTS
from watchword.cli.session import Session

AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding of a last verdict."""

    engine: str
    target: str
    check: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """One that somebody accepts."""

    standing: Standing
    accepted: Accepted


async def findings_of(here: Session, check: str, target: str) -> list[Standing] | None:
    """Return what the last verdicts of a check on a target found; None when there is none at all."""
    stored = await last_messages(here.client, CHECK_RESULTS, [subjects.verdicts_of_check(target, check)])
    found = []
    for message in stored:
        with contextlib.suppress(NameRefused, ValidationError):
            engine = subjects.parse_result(message.subject).engine
            result = CheckResult.model_validate_json(message.data)
            found += [Standing(engine, target, check, finding) for finding in result.findings]
    return found if stored else None


async def accepted_findings(here: Session, configuration: Configuration, now: dt.datetime) -> list[AcceptedFinding]:
    """Return everything that stands and is accepted now."""
    exceptions = [one for one in all_exceptions(configuration) if now < one.until]
    places = list(dict.fromkeys((one.check, one.target) for one in exceptions))
    found: list[AcceptedFinding] = []
    for begin in range(0, len(places), AT_A_TIME):
        part = places[begin : begin + AT_A_TIME]
        for standings in await asyncio.gather(*(findings_of(here, check, target) for check, target in part)):
            found += accepted_among(standings or [], exceptions, now)
    return found


def accepted_among(
    standings: Sequence[Standing], exceptions: Iterable[RiskAccepted], now: dt.datetime
) -> list[AcceptedFinding]:
    """Return those that one of the exceptions is about."""
    known = list(exceptions)
    found = []
    for one in standings:
        of_it = [exception for exception in known if (exception.check, exception.target) == (one.check, one.target)]
        accepted = accepted_by(of_it, one.finding.labels, now)
        if accepted is not None:
            found.append(AcceptedFinding(one, accepted))
    return found
