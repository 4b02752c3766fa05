"""Which messages were surely published by somebody who may, and which could the server have been made to send?"""

import pytest

from shared.addressed import refusal, require
from shared.errors import MessageRefused
from shared.streams import stream_of

OURS = {"Nats-Expected-Stream": "MUTES"}
COPY = {"Nats-Stream": "CHECK_RESULTS", "Nats-Sequence": "7"}


@pytest.mark.parametrize(
    ("headers", "addressed_only", "is_refused"),
    [
        ({}, False, False),
        ({}, True, True),
        (OURS, False, False),
        (OURS, True, False),
        ({"Nats-Expected-Stream": "CHECK_RESULTS"}, True, True),
        (COPY, False, True),
        ({**OURS, **COPY}, True, True),
    ],
    ids=[
        "a plain publish is fine",
        "unless only addressed ones count",
        "ours",
        "ours where only addressed ones count",
        "meant for another stream",
        "a copy that a direct get sent",
        "a copy of one of ours",
    ],
)
def test_a_message_is_refused_when_its_author_may_be_another(headers, addressed_only, is_refused):
    assert bool(refusal("MUTES", headers, addressed_only=addressed_only)) == is_refused
    if is_refused:
        with pytest.raises(MessageRefused):
            require("MUTES", headers, addressed_only=addressed_only)
    else:
        require("MUTES", headers, addressed_only=addressed_only)


@pytest.mark.parametrize(
    ("subject", "stream"),
    [
        ("check.requested", "CHECK_REQUESTS"),
        ("check.requested.now.default.t.all", "CHECK_RUNS"),
        ("check.result.verdict.mysql.t.c", "CHECK_RESULTS"),
        ("check.finished.mysql.t.all", "CHECK_EVENTS"),
        ("unmute.requested", "MUTES"),
        ("$KV.watchword_config.check.a", "KV_watchword_config"),
        ("$KV.watchword_leases.t", "KV_watchword_leases"),
        ("check.requested.now", None),
        ("$KV.watchword_config", None),
        ("orders.new", None),
    ],
)
def test_a_subject_has_the_stream_that_takes_it(subject, stream):
    assert stream_of(subject) == stream
