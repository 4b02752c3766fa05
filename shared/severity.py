"""The eight severities, worst first, as syslog and PMM count them."""

from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is. Compare by ``rank``: 1 is the worst."""

    EMERGENCY = "emergency"
    ALERT = "alert"
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFO = "info"
    DEBUG = "debug"

    @property
    def rank(self) -> int:
        """Return 1 for emergency to 8 for debug."""
        return list(Severity).index(self) + 1
