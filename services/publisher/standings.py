"""What does the ledger keep of one check on one target? Its last verdict, its last error, and the alerts that fire for
it: as little as possible, for there are hundreds of thousands.
"""

import datetime as dt
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.publisher.alerts import Alert
from services.publisher.looks import Look
from shared.alert_labels import capped

LONGEST_REASON_BYTES = 500

NO_ALERTS: Mapping[str, Alert] = {}


class Verdict(NamedTuple):
    """The last verdict of a subject; of those that did not fail nothing but this is kept."""

    is_withdrawn: bool
    run: str | None
    stored_at: dt.datetime
    expires_at: dt.datetime | None
    failed: bytes | None
    """The result, when it failed, for when its alerts get other labels. As bytes it halves what the ledger takes."""


@dataclass(slots=True)
class Standing:
    """What stands for one check on one target."""

    verdict: Verdict | None = None
    sequence: int = 0
    """Of the verdict; 0 when there is none in the stream as it is now."""
    error_sequence: int = 0
    error_at: dt.datetime | None = None
    error_reason: str = ""
    alerts: Mapping[str, Alert] = field(default_factory=lambda: NO_ALERTS)
    """Those that fire."""
    target_labels: Mapping[str, str] | None = None
    """The last known: an inventory that has merely lost a target does not re-label its alerts."""
    unconfirmed_since: dt.datetime | None = None

    def note_error(self, sequence: int, stored_at: dt.datetime, reason: str) -> None:
        """Remember the last error. All checks of a target often have the same reason, which is then kept once."""
        self.error_sequence, self.error_at = sequence, stored_at
        self.error_reason = sys.intern(capped(reason, LONGEST_REASON_BYTES))

    @property
    def look(self) -> Look:
        """Return when it was last looked at."""
        return Look(self.verdict.stored_at if self.verdict else None, self.error_at, self.error_reason)
