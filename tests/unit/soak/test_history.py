import math

import pytest

from tests.soak.history import History


@pytest.fixture
def history():
    """Weak from somewhere in 10..12 until somewhere in 20..22."""
    history = History()
    history.begin("fact", 10, becomes=True).latest = 12
    history.begin("fact", 20, becomes=False).latest = 22
    return history


@pytest.mark.parametrize(
    ("begin", "end", "seen"),
    [
        pytest.param(1, 9, False, id="before"),
        pytest.param(13, 19, True, id="while it was weak"),
        pytest.param(23, 30, False, id="after the repair"),
        pytest.param(9, 11, None, id="while it was being made weak"),
        pytest.param(11, 11.5, None, id="within the making"),
        pytest.param(13, 21, None, id="over the repair"),
        pytest.param(1, 30, None, id="over everything"),
    ],
)
def test_what_was_to_be_seen_is_known_only_when_nothing_could_change_meanwhile(history, begin, end, seen):
    assert history.seen_between("fact", begin, end) is seen


def test_a_change_that_was_not_confirmed_may_have_happened_at_any_time_since():
    history = History()
    change = history.begin("fact", 10, becomes=True)
    assert change.latest == math.inf
    assert history.seen_between("fact", 1, 9) is False
    assert history.seen_between("fact", 50, 60) is None


def test_what_nobody_ever_touched_is_not_weak(history):
    assert history.seen_between("other", 0, 100) is False
    assert history.true_now() == set()
