"""What a publisher reads from its environment: where NATS is, the Alertmanager to use when the configuration names
none, and its times, whose defaults are those of the contract.
"""

import datetime as dt

from pydantic import Field

from services.publisher.ledger import Keeping
from services.publisher.pace import Pace
from shared.alertmanager_settings import AlertmanagerSettings


class PublisherSettings(AlertmanagerSettings):
    """The environment of a publisher."""

    resend_seconds: float = Field(60.0, gt=0, le=3600, description="how often a firing or resolved alert is sent again")
    shortest_lease_seconds: float = Field(
        300.0, gt=0, description="an alert ends so long after it was last sent, or after 4 re-sends when that is longer"
    )
    resolved_seconds: float = Field(900.0, gt=0, description="how long a resolved alert is sent again")
    compare_seconds: float = Field(300.0, gt=0, description="how often the alerts of each Alertmanager are compared")
    look_seconds: float = Field(2.0, gt=0, le=60, description="how often each Alertmanager is asked how it is")
    unconfirmed_days: float = Field(
        7.0, gt=0, description="how long an alert of ours is kept alive when no verdict about it is known"
    )
    purge_seconds: float = Field(86400.0, gt=0, description="how long a withdrawn verdict stays in CHECK_RESULTS")
    patience_seconds: float = Field(3.0, gt=0, le=60, description="how long NATS may take before we count as cut off")

    @property
    def pace(self) -> Pace:
        """Return the times of delivering."""
        lease_seconds = max(4 * self.resend_seconds, self.shortest_lease_seconds)
        return Pace(self.resend_seconds, lease_seconds, self.compare_seconds, self.look_seconds)

    @property
    def keeping(self) -> Keeping:
        """Return how long things are kept."""
        return Keeping(
            resolved=dt.timedelta(seconds=self.resolved_seconds),
            unconfirmed=dt.timedelta(days=self.unconfirmed_days),
            withdrawn=dt.timedelta(seconds=self.purge_seconds),
        )
