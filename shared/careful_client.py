"""nats-py's client, for streams that anybody may write to. It takes the headers of a stored message for what its author
wrote, never for what the server says. nats-py itself tells the server's status messages (no more messages, a heartbeat,
no such stream) from others by a header ``Status`` alone: a stored message that has one is swallowed and delivered again
for ever, ends the loop that fetches, or cuts an answer short. And a block of headers that is none raises in the middle
of the connection's reader, so that everybody who is sent the message loses the connection, again and again.
"""

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api

STATUS: str = api.Header.STATUS.value
AUTHORS_STATUS = "status"
"""What a header ``Status`` of an author's is called here: nats-py looks for the other spelling alone."""

_DELIVERED = "$JS.ACK."
"""Begins the reply subject of whatever a consumer delivers; the server's status messages have none of that kind."""
_ANSWERED = ("Nats-Sequence", "Nats-Time-Stamp")
"""Headers that the answer to a direct get has when it is a stored message; the server's status messages have neither
(a ``Nats-Subject`` they may have).
"""
_LINE_END = b"\r\n"


class CarefulClient(Client):
    """A client that no stored message can confuse."""

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            read: dict[str, str] | None = await super()._process_headers(headers)
        except (IndexError, ValueError):  # too short, or with a status that is no text: nothing that a server sends
            read = self._parse_header_lines(headers.partition(_LINE_END)[2]) or None
        return read

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        message: Msg = super()._build_message(sid, subject, reply, data, headers)
        is_stored = message.reply.startswith(_DELIVERED) or any(name in (headers or ()) for name in _ANSWERED)
        if headers and STATUS in headers and is_stored:
            # In place: what nats-py looks at next is this very mapping.
            headers[AUTHORS_STATUS] = headers.pop(STATUS)
        return message
