"""Which server knows where a stream ends? A single one, and a leader that most of the others still report to."""

from typing import Any

import pytest

from shared.stream_end import _knows_the_end

SECOND = 1_000_000_000


def cluster(*heard_seconds_ago: float, leader: str | None = "n0") -> dict[str, Any]:
    """What STREAM.INFO tells of the leader and, for each other member, when it was heard from."""
    others = [{"name": f"n{at}", "active": int(ago * SECOND)} for at, ago in enumerate(heard_seconds_ago, 1)]
    return {"name": "c", **({"leader": leader} if leader else {}), "replicas": others}


@pytest.mark.parametrize(
    ("told", "is_known"),
    [
        pytest.param({}, True, id="a server without a cluster"),
        pytest.param({"name": "c", "leader": "n0"}, True, id="one replica in a cluster"),
        pytest.param(cluster(0.1, 1.9), True, id="all report"),
        pytest.param(cluster(0.1, 60), True, id="one of three is away"),
        pytest.param(cluster(0.9, 0), True, id="one of three was never heard of"),
        pytest.param(cluster(3.1, 3.1), False, id="the others are silent"),
        pytest.param(cluster(0, 0), False, id="nobody was ever heard of"),
        pytest.param(cluster(0.1, 0.1, leader=None), False, id="nobody leads"),
        pytest.param(cluster(0.1, 0.1, 9, 9), True, id="three of five are left"),
        pytest.param(cluster(0.1, 9, 9, 9), False, id="two of five are left"),
    ],
)
def test_who_is_believed(told: dict[str, Any], is_known: bool) -> None:
    assert _knows_the_end(told) == is_known
