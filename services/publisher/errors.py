"""What can go wrong in the publisher.

WatchwordError
├── MessageRefused
│   └── ResultBroken    a result can't be read, or contradicts its subject
└── BehindTheStreams    nobody can say whether what we know is current
"""

from shared.errors import MessageRefused, WatchwordError


class ResultBroken(MessageRefused):
    """A message in CHECK_RESULTS is no result, or its body contradicts its subject; the one before it stands again."""


class BehindTheStreams(WatchwordError):
    """The streams can't be read to their end now, so what we know may be old and nothing that fires may be posted."""
