"""Is the stream of a new reader the one that was read before?"""

import pytest

from shared.continuity import GONE, PUT_BACK, Continuity
from shared.stream_end import End, is_same_time

APPLIED, THEN, LATER = 7, 1_795_176_000_123_456_789, 1_795_176_001_000_000_000


@pytest.fixture
def doubtful() -> Continuity:
    """One whose reader before this one was certain."""
    continuity = Continuity()
    continuity.end("before")
    continuity.begin(is_certain=False)
    return continuity


@pytest.mark.parametrize(
    ("sequence", "stored_at", "is_certain", "doubt", "sure"),
    [
        pytest.param(APPLIED, THEN, True, None, "before", id="the same message"),
        pytest.param(APPLIED, LATER, False, PUT_BACK, None, id="another one in its place, whatever is still there"),
        pytest.param(APPLIED + 1, LATER, False, GONE, "before", id="its place is empty"),
    ],
)
def test_the_first_message_of_a_reader_tells(
    doubtful: Continuity, sequence: int, stored_at: int, is_certain: bool, doubt: str | None, sure: str | None
) -> None:
    doubtful.see_first(sequence, stored_at, APPLIED, THEN)
    assert (doubtful.is_certain, doubtful.doubt, doubtful.sure_consumer) == (is_certain, doubt, sure)


@pytest.mark.parametrize(
    ("present", "doubts"),
    [
        pytest.param(End(None, APPLIED, THEN), [None, None], id="the end is where it was"),
        pytest.param(End(None, APPLIED, None), [None, None], id="and the server forgot when that was"),
        pytest.param(End(None, APPLIED, LATER), [None, GONE], id="the end is of another time"),
        pytest.param(End(None, APPLIED + 1, LATER), [None, GONE], id="there was more"),
    ],
)
def test_nothing_where_the_last_message_was_is_believed_the_second_time(
    doubtful: Continuity, present: End, doubts: list[str | None]
) -> None:
    seen = []
    for consumer in ("first", "second"):
        doubtful.see_nothing(present, APPLIED, THEN)
        seen.append(doubtful.doubt)
        if doubts == [None, None]:
            assert doubtful.is_certain
        else:
            assert not doubtful.is_certain
            doubtful.end(consumer)
            assert doubtful.sure_consumer == "before"
        doubtful.begin(is_certain=False)
    assert seen == doubts


def test_what_comes_after_nothing_in_a_reader_that_is_certain_is_new(doubtful: Continuity) -> None:
    doubtful.see_nothing(End(None, APPLIED, THEN), APPLIED, THEN)
    doubtful.see_first(APPLIED + 1, LATER, APPLIED, THEN)
    assert (doubtful.is_certain, doubtful.doubt) == (True, None)


def test_times_are_compared_by_the_microsecond() -> None:
    # What tells the end of a stream tells no nanoseconds here.
    assert is_same_time(THEN, THEN // 1000 * 1000)
    assert not is_same_time(THEN, THEN + 1000)
