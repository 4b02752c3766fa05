"""What does a delivered message say about its place in the stream? The same as nats-py says, and cheaper."""

import datetime as dt

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.following import _place


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("$JS.ACK.CHECK_RESULTS.reader.1.600123.42.1795176000123456789.17", id="without a domain"),
        pytest.param("$JS.ACK.hub.x7.CHECK_RESULTS.reader.1.600123.42.1795176000123456789.17.r4", id="with a domain"),
        pytest.param("$JS.ACK._.x7.CHECK_RESULTS.reader.1.600123.42.1795176000123456789.17", id="without a random end"),
    ],
)
def test_the_reply_subject_tells_the_place_as_nats_py_reads_it(reply: str) -> None:
    said = Msg(Client(), reply=reply).metadata
    sequence, delivery, nanoseconds, pending = _place(reply)
    assert (sequence, delivery, pending) == (said.sequence.stream, said.sequence.consumer, said.num_pending)
    assert dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC) == said.timestamp
