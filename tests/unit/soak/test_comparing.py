import pytest

from tests.soak.actions import Mute
from tests.soak.comparing import Shown, Silence, compare_alerts, compare_dead_letters, compare_silences
from tests.soak.inventory import Inventory, Target, expected_alerts
from tests.soak.weaknesses import Place, weaknesses_of

PLACE = Place("postgresql", "pg01")
WEAKNESS = weaknesses_of(PLACE)[0]
INVENTORY = Inventory({"pg01": Target("pg01", PLACE, "default", "red")})
KEY = ("pg01", "soak_superusers", "role", "pg01_a")
LABELS = {
    "alertname": "soak_superusers",
    "check": "soak_superusers",
    "service_name": "pg01",
    "service_type": "postgresql",
    "severity": "warning",
    "team": "red",
    "role": "pg01_a",
}


def alert(starts_at=100.0, is_suppressed=False, **labels):
    return Shown({**LABELS, **labels}, starts_at, is_suppressed, "f")


def differences(shown, mutes=(), weak=(WEAKNESS,), since=100.0, earlier=()):
    found, kept = compare_alerts(
        "a", shown, expected_alerts(INVENTORY, weak), {KEY: since}, {KEY: list(earlier)}, mutes
    )
    return [str(one) for one in found], kept


def test_the_alert_of_a_weakness_is_right():
    assert differences([alert()]) == ([], [])


@pytest.mark.parametrize(
    ("shown", "more", "told"),
    [
        pytest.param([], {}, "does not show it", id="lost"),
        pytest.param([alert()], {"weak": ()}, "nothing is weak there", id="not resolved"),
        pytest.param([alert(team="blue")], {}, "its labels should be", id="former labels"),
        pytest.param([alert(starts_at=101.0)], {}, "shows it since", id="another start"),
        pytest.param([alert(is_suppressed=True)], {}, "it should be active", id="muted by nobody"),
        pytest.param(
            [alert()], {"mutes": [Mute(1, "pg01", "soak_superusers")]}, "it should be suppressed", id="not muted"
        ),
        pytest.param([alert(alertname="else")], {"weak": ()}, "nobody expects", id="of no check of ours"),
    ],
)
def test_what_differs_is_told(shown, more, told):
    found, _ = differences(shown, **more)
    assert any(told in one for one in found)


def test_an_alert_about_watchword_itself_is_no_part_of_the_truth():
    assert differences([alert(), alert(alertname="WatchwordStale")])[0] == []


def test_the_start_of_an_earlier_time_is_counted_and_no_failure():
    assert differences([alert(starts_at=50.0)], earlier=[50.0]) == ([], [KEY])


def test_a_check_that_is_off_and_a_target_that_is_gone_have_no_alerts():
    off = Inventory(INVENTORY.targets, frozenset({("soak_superusers", "pg01")}))
    assert expected_alerts(off, [WEAKNESS]) == {}
    assert expected_alerts(INVENTORY.without_target("pg01"), [WEAKNESS]) == {}


WANTED = {"mute-1 of the referee": frozenset({("service_name", "pg01")})}


@pytest.mark.parametrize(
    ("silences", "told"),
    [
        pytest.param([], "has 0 silences", id="lost"),
        pytest.param(["mute-1", "mute-1"], "has 2 silences", id="doubled"),
        pytest.param(["mute-1", "mute-2"], "nobody wants", id="not ended"),
    ],
)
def test_silences_that_differ_from_the_mutes_are_told(silences, told):
    shown = [Silence(WANTED["mute-1 of the referee"], f"{name} of the referee [marker]", "x") for name in silences]
    assert any(told in str(one) for one in compare_silences("a", shown, WANTED))


def test_a_mute_has_one_silence_with_its_matchers():
    good = Silence(frozenset({("service_name", "pg01")}), "mute-1 of the referee [marker]", "x")
    assert compare_silences("a", [good], WANTED) == []
    wide = Silence(frozenset({("service_name", "pg02")}), "mute-1 of the referee [marker]", "x")
    assert compare_silences("a", [wide], WANTED)


def test_each_planted_message_is_a_dead_letter_once_and_nothing_else_is():
    assert compare_dead_letters([b"has plant-1-x", b"ask-7"], ["plant-1-x"], ["ask-7"]) == []
    assert compare_dead_letters([], ["plant-1-x"], [])
    assert compare_dead_letters([b"plant-1-x", b"plant-1-x"], ["plant-1-x"], [])
    assert compare_dead_letters([b"good work"], [], [])
