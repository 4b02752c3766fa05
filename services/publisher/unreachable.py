"""Which Alertmanagers can't be reached, since when, and what is to be said of it? Each publisher speaks for itself, for
only it knows what it reaches. Pure.
"""

import datetime as dt
from collections.abc import Mapping

from services.publisher import about_ourselves as ourselves
from services.publisher.about_ourselves import about
from services.publisher.alerts import Alert
from shared.subjects import ResultSubject


class Unreachable:
    """What one publisher knows of the Alertmanagers that it can't reach."""

    def __init__(self, publisher: str) -> None:
        self._publisher = publisher
        self._since: dict[str, tuple[dt.datetime, str]] = {}

    def note(self, problems: Mapping[str, str | None], now: dt.datetime) -> None:
        """Note by URL what is wrong with each; None: nothing."""
        self._since = {
            url: (self._since.get(url, (now, ""))[0], problem) for url, problem in problems.items() if problem
        }

    def remember(self, subject: ResultSubject, alert: Alert, gone_after: dt.timedelta) -> bool:
        """Go on with what was said before we were started anew; False when it is another publisher's, or not so any
        more: then it ends by itself in minutes.
        """
        url = subject.target.removeprefix(f"{self._publisher} ")
        if url == subject.target or url not in self._since or alert.starts_at is None:
            return False
        _, reason = self._since[url]
        self._since[url] = alert.starts_at - gone_after, reason
        return True

    def alerts(self, now: dt.datetime, gone_after: dt.timedelta, prefix: str) -> dict[ResultSubject, Alert]:
        """Return what is to be said now, by what it stands for."""
        return {
            about(ourselves.BLIND_ALERTMANAGER, f"{self._publisher} {url}"): ourselves.blind_alertmanager(
                url, self._publisher, reason, since + gone_after, prefix
            )
            for url, (since, reason) in self._since.items()
            if now - since >= gone_after
        }
