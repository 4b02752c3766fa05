"""Is the stream of a new reader the one that was read before? A backup that was put back may have grown since to where
the reader was, and beyond, so a sequence alone proves nothing: the message up to which all was applied must have been
stored at the same time as then. When it is not stored any more (another took its place on its subject, or it was
buried), nothing is in doubt if the consumer that brought it is still there, for none outlives its stream. Else the
stream is taken for another one: to read it once more harms nobody. Pure; the follower asks and acts.
"""

from shared.stream_end import End, is_same_time

MADE_ANEW, PUT_BACK = "was made anew", "was put back to an earlier state"
GONE = "lacks the last message that was read from it, so it may have been put back to an earlier state"


class Continuity:
    """What is known of the present reader, which begins at the message up to which all was applied."""

    def __init__(self) -> None:
        self.is_certain = True
        """It goes on where the one before it was, or reads from the beginning."""
        self.doubt: str | None = None
        """Why it does not, unless the sure consumer is still there."""
        self.sure_consumer: str | None = None
        """The last one that was certain."""
        self._has_seen_nothing = False

    def begin(self, *, is_certain: bool) -> None:
        """Note that there is a new reader."""
        self.is_certain, self.doubt = is_certain, None

    def end(self, consumer: str) -> None:
        """Note that the reader with this consumer is left."""
        if self.is_certain:
            self.sure_consumer, self._has_seen_nothing = consumer, False

    def see_first(self, sequence: int, stored_at: int, applied: int, applied_stored_at: int | None) -> None:
        """Compare the first message of a new reader with the one up to which all was applied."""
        if self.is_certain:
            return
        if sequence != applied:
            self.doubt = GONE
        elif is_same_time(stored_at, applied_stored_at):
            self.is_certain = True
        else:
            self.doubt, self.sure_consumer = PUT_BACK, None  # whatever is still there

    def see_nothing(self, present: End, applied: int, applied_stored_at: int | None) -> None:
        """Note that a new reader has nothing to send, not even the message up to which all was applied."""
        if self.is_certain:
            return
        if present.sequence == applied and is_same_time(present.stored_at, applied_stored_at):
            self.is_certain = True
        elif self._has_seen_nothing:
            self.doubt = GONE
        else:  # in a cluster its server may be behind the stream's leader for a moment
            self._has_seen_nothing = True
