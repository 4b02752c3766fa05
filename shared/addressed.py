"""Did whoever stored a message mean this stream? NATS asks a user's permission for what it publishes, and for nothing
that the server sends in its name: whoever may read a stream directly can have its messages sent to any subject, as the
reply to the request, and so into streams that it must not write; the acknowledgement of a publish likewise. Copies of
stored messages tell themselves by a header. All else that was made so lacks the header that names its stream: with it,
no other stream would have stored the message. Where ``addressed_only`` is set, what lacks it is refused, too.
"""

from collections.abc import Mapping

from nats.js import api

from shared.errors import MessageRefused
from shared.headers import COPIED_FROM, READ_FROM

EXPECTED_STREAM: str = api.Header.EXPECTED_STREAM.value


def refusal(stream: str, headers: Mapping[str, str], *, addressed_only: bool) -> str | None:
    """Return why a message of a stream can't be trusted to have been published there by its author, or None."""
    if READ_FROM in headers or COPIED_FROM in headers:
        return f"it is the copy of a stored message ({READ_FROM} in its headers) that somebody had sent here"
    if addressed_only and headers.get(EXPECTED_STREAM) != stream:
        return (
            f"its header {EXPECTED_STREAM} is not {stream}; where WATCHWORD_NATS_ADDRESSED_ONLY is set, whoever "
            "publishes has to name the stream"
        )
    return None


def require(stream: str, headers: Mapping[str, str], *, addressed_only: bool) -> None:
    """Raise ``MessageRefused`` for a message of a stream that can't be trusted to have been published there."""
    reason = refusal(stream, headers, addressed_only=addressed_only)
    if reason is not None:
        raise MessageRefused(reason)
