"""What can go wrong in the rooms that all stages share. One exception for each failure; its text is for the person who
has to act on it: what happened, where, and what to do. Failures of one stage alone stand in that stage's own
``errors.py``.

    WatchwordError
    ├── NatsUnavailable          no server answers, or it refuses us
    ├── ServerTooOld             the server lacks what the streams need
    ├── StreamMissing            a stream or bucket was never declared, or was deleted
    ├── StreamCutOff             the server that answers has lost the others that have the stream
    ├── StreamDiffers            the server kept a stream otherwise than asked
    ├── StoreTooSmall            the server's store can't promise a stream its room
    ├── PublishRefused           a conditional write lost: the subject changed meanwhile
    ├── PublishUnconfirmed       no acknowledgement within the time for retries
    │   └── StreamFull           a stream has no room left
    ├── NameRefused              a name can't become a subject token
    ├── MessageRefused           a message can't be handled: it becomes a dead letter
    ├── ConfigurationUnreadable  an entry of the bucket is not what this version understands
    ├── ScheduleRefused          a schedule is neither a name, a duration nor a cron line
    ├── LeaseLost                another process holds, or may hold, the lease by now
    └── AlertmanagerError        see shared/alertmanager_errors.py
"""


class WatchwordError(Exception):
    """The root of everything that Watchword raises on purpose."""


class NatsUnavailable(WatchwordError):
    """No NATS server answers at the given address, or it refuses the credentials."""


class ServerTooOld(WatchwordError):
    """The NATS server is older than the streams need; it would drop settings without a word."""


class StreamMissing(WatchwordError):
    """A stream or bucket does not exist; ``watchword init`` declares it."""


class StreamCutOff(WatchwordError, TimeoutError):
    """The server that answers for a stream has not heard from most of the others that have it; they may know more, and
    do not answer in time.
    """


class StreamDiffers(WatchwordError):
    """The server echoes other settings than those that were asked for."""


class StoreTooSmall(WatchwordError):
    """What the server may store in all is less than what the streams may grow to."""


class PublishRefused(WatchwordError):
    """A conditional write was refused: the subject's last sequence is not the expected one (JetStream error 10071)."""


class PublishUnconfirmed(WatchwordError):
    """The stream did not acknowledge a message within the time allowed for retries."""


class StreamFull(PublishUnconfirmed):
    """A stream has reached its limit and keeps what it has; it takes messages again when there is room."""


class NameRefused(WatchwordError):
    """A name is empty or longer than 120 bytes, so it can't become a token of a subject or key."""


class MessageRefused(WatchwordError):
    """A message can't be handled and will not be handled later either; its reason goes into the dead letter."""


class ConfigurationUnreadable(WatchwordError):
    """An entry of the configuration bucket is not what this version understands."""


class ScheduleRefused(WatchwordError):
    """A schedule is neither a known name, nor a duration, nor a cron line with a known time zone."""


class LeaseLost(WatchwordError):
    """The lease on a target ran out or was taken over; nothing may be written in its name any more."""
