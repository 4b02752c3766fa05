"""Does anybody serve a pool? A checker that has a free slot waits for work, and NATS counts who waits; one that is busy
was given work or wrote a result a moment ago. Nobody counts as gone before there was no such sign for a while, and
nobody as back before there were signs for as long, for then what waited is being caught up with. Pure; the signs come
from ``signs.py``.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

LONGEST_SILENCE = dt.timedelta(seconds=60)
"""Between two looks. After a longer one (cut off, asleep) what was known of the pool is old."""

Service = Literal["served", "unserved", "unknown"]


@dataclass(slots=True)
class Pool:
    """What is known of one pool."""

    looked_at: dt.datetime | None = None
    since: dt.datetime | None = None
    """Since when it is looked at without a pause."""
    served_at: dt.datetime | None = None
    """When there was last a sign of a checker."""
    back_at: dt.datetime | None = None
    """Since when there are such signs without a longer pause."""

    def look(self, now: dt.datetime, sign_at: dt.datetime | None, gone_after: dt.timedelta) -> None:
        """Note the newest sign of a checker that was seen at a look; None when there never was one."""
        if self.looked_at is None or not dt.timedelta(0) <= now - self.looked_at <= LONGEST_SILENCE + gone_after:
            self.since, self.back_at = now, None
        self.looked_at = now
        if sign_at is None or now - sign_at >= gone_after:
            self.back_at = None
            self.served_at = max(filter(None, (self.served_at, sign_at)), default=None)
            return
        self.back_at = self.back_at or now
        self.served_at = max(sign_at, self.served_at or sign_at)

    def service(self, now: dt.datetime, gone_after: dt.timedelta) -> Service:
        """Say whether anybody serves it, or that it is too early to say."""
        if self.looked_at is None or self.since is None:
            return "unknown"
        if self.served_at is not None and now - self.served_at < gone_after:
            return "served"
        return "unserved" if now - self.since >= gone_after else "unknown"

    def is_settled(self, now: dt.datetime, gone_after: dt.timedelta) -> bool:
        """Say whether it has been served for so long that what is late is late for another reason."""
        is_served = self.service(now, gone_after) == "served"
        return is_served and self.back_at is not None and now - self.back_at >= gone_after
