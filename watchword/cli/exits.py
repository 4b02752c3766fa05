"""The exit codes of all commands: 0 good, 1 a check failed, 2 wrong usage, 3 could not look. So a script can tell
"there is a weakness" from "I don't know".
"""

from shared.errors import WatchwordError

GOOD = 0
CHECK_FAILED = 1
WRONG_USAGE = 2
COULD_NOT_LOOK = 3
INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended."""


class WrongUsage(WatchwordError):
    """What was asked can't be done as it was asked; the text says what could."""


class GaveUp(WatchwordError):
    """What was waited for did not come."""
