import pytest

from tests.soak.comparing import Shown
from tests.soak.steadiness import Watch

KEY = ("pg01", "soak_superusers", "role", "pg01_a")


def shown(starts_at=100.0, is_suppressed=False):
    labels = {"alertname": KEY[1], "service_name": KEY[0], "role": KEY[3]}
    return Shown(labels, starts_at, is_suppressed, "f1")


@pytest.fixture
def watch():
    watch = Watch()
    watch.establish({"a": [shown()], "b": [shown()]})
    return watch


def see(watch, a, b, at=1000.0):
    return [str(one) for one in watch.see(watch.expectation(), {"a": a, "b": b}, at)]


def test_an_alert_that_stays_as_it_is_is_right(watch):
    assert see(watch, [shown()], [shown()]) == []
    assert watch.compared == 2


def test_an_alert_that_one_alertmanager_shows_no_more_is_a_failure(watch):
    [failure] = see(watch, [shown()], [])
    assert "b does not show it any more" in failure


def test_an_alert_that_begins_anew_is_a_failure(watch):
    [failure] = see(watch, [shown(starts_at=150.0)], [shown()])
    assert "a moved its start" in failure


def test_a_muted_alert_that_becomes_active_is_a_failure():
    watch = Watch()
    watch.establish({"a": [shown(is_suppressed=True)]})
    [failure] = watch.see(watch.expectation(), {"a": [shown()]}, 1.0)
    assert "nobody ended its mute" in str(failure)


def test_what_the_referee_touches_may_change(watch):
    before = watch.expectation()
    watch.forget(lambda key: key == KEY)
    assert watch.see(before, {"a": [], "b": []}, 1.0) == []


def test_an_alertmanager_that_was_harmed_is_excused_until_it_shows_everything_again(watch):
    watch.harm("a")
    assert see(watch, [], [shown()]) == []
    watch.mended("a", 500.0)
    assert see(watch, [], [shown()], at=501.0) == []
    assert see(watch, [shown()], [shown()], at=502.0) == []
    [failure] = see(watch, [], [shown()], at=503.0)
    assert failure


def test_a_look_that_began_before_the_harm_was_mended_excuses_nobody_from_refilling(watch):
    watch.harm("a")
    assert see(watch, [shown()], [shown()], at=400.0) == []
    watch.mended("a", 500.0)
    assert see(watch, [], [shown()], at=501.0) == []


def test_an_alert_that_no_alertmanager_shows_is_a_failure_also_while_one_is_excused(watch):
    watch.harm("a")
    failures = see(watch, [], [])
    assert any("no Alertmanager shows it" in failure for failure in failures)
