"""What can go wrong in the silencer beside what Alertmanager's client and the shared rooms raise.

WatchwordError
└── ResultContested   a mute's result was written by others each time we tried
"""

from shared.errors import WatchwordError


class ResultContested(WatchwordError):
    """The result of a mute could not be written, for somebody else wrote it each time; it is tried again later."""
