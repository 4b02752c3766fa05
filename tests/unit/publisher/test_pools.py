"""Whether anybody serves a pool."""

import datetime as dt

import pytest

from services.publisher.pools import Pool
from tests.unit.publisher.news import after

FIVE_MINUTES = dt.timedelta(minutes=5)


def looked(*signs: float | None, every: float = 30) -> tuple[Pool, dt.datetime]:
    """A pool looked at every so many seconds; each number says how old the newest sign was then."""
    pool = Pool()
    now = after()
    for number, age in enumerate(signs):
        now = after(seconds=number * every)
        pool.look(now, None if age is None else now - dt.timedelta(seconds=age), FIVE_MINUTES)
    return pool, now


@pytest.mark.parametrize(
    ("signs", "service"),
    [
        pytest.param([None], "unknown", id="the-first-look"),
        pytest.param([None] * 10, "unknown", id="no-sign-for-less-than-five-minutes"),
        pytest.param([None] * 11, "unserved", id="no-sign-for-five-minutes"),
        pytest.param([9999.0] * 11, "unserved", id="a-sign-long-ago"),
        pytest.param([0.0], "served", id="somebody-waits"),
        pytest.param([None] * 11 + [0.0], "served", id="somebody-is-back"),
        pytest.param([0.0] + [None] * 9, "served", id="busy-for-a-while"),
        pytest.param([0.0] + [None] * 10, "unserved", id="gone-for-five-minutes"),
    ],
)
def test_a_pool_is_unserved_after_a_while_without_a_sign(signs: list[float | None], service: str) -> None:
    pool, now = looked(*signs)
    assert pool.service(now, FIVE_MINUTES) == service


def test_a_pool_that_is_back_must_catch_up_first() -> None:
    pool, now = looked(*[None] * 11, *[0.0] * 10)
    assert not pool.is_settled(now, FIVE_MINUTES)
    pool, now = looked(*[None] * 11, *[0.0] * 11)
    assert pool.is_settled(now, FIVE_MINUTES)


def test_who_could_not_look_for_long_begins_anew() -> None:
    pool, _ = looked(*[None] * 20)
    pool.look(after(days=1), None, FIVE_MINUTES)
    assert pool.service(after(days=1), FIVE_MINUTES) == "unknown"


def test_a_clock_put_back_begins_anew() -> None:
    pool, _ = looked(*[0.0] * 20)
    pool.look(after(days=-1), None, FIVE_MINUTES)
    assert not pool.is_settled(after(days=-1), FIVE_MINUTES)
