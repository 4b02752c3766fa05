"""By which times and clocks does a publisher go? The clock of the wall stands in alerts; what is due is told by one
that never goes back, and that counts on while the machine sleeps, for the leases of alerts run out meanwhile.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import NamedTuple


class Pace(NamedTuple):
    """The times of delivering."""

    resend_seconds: float
    lease_seconds: float
    """An alert ends so long after it was last sent."""
    compare_seconds: float
    look_seconds: float


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _elapsed() -> float:
    # Linux alone has this clock; elsewhere a machine that slept sends again a little late.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock(NamedTuple):
    """The wall's time, and seconds that never go back."""

    now: Callable[[], dt.datetime] = _now
    elapsed: Callable[[], float] = _elapsed
