import datetime as dt

import pytest

from shared import subjects
from shared.alertmanager_api import ShownAlert
from shared.following import Stored
from shared.mutes import Matcher, MuteResult, SilenceMade
from shared.severity import Severity
from watchword.cli.alerts import shown_matcher, without_marker
from watchword.cli.exits import WrongUsage
from watchword.cli.meant import Meant, completed, read_meant
from watchword.cli.mute_results import is_active, is_living, is_settled, read_result, state, time_left
from watchword.cli.seen_alerts import SeenAlert

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=3)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("0a5ad1ecd9402d6d", Meant("0a5ad1ecd9402d6d", fingerprint="0a5ad1ecd9402d6d")),
        ("0a5a", Meant("0a5a", fingerprint="0a5a")),
        ("db/pg_a", Meant("db/pg_a", target="db", check="pg_a")),
        ("db/pg_a/critical", Meant("db/pg_a/critical", target="db", check="pg_a", severity=Severity.CRITICAL)),
        ("eu/db/pg_a", Meant("eu/db/pg_a", target="eu/db", check="pg_a")),
        ("eu/db/pg_a/info", Meant("eu/db/pg_a/info", target="eu/db", check="pg_a", severity=Severity.INFO)),
        ("db/critical", Meant("db/critical", target="db", check="critical")),
        ("0a5", None),
        ("orders", None),
        ("db/", None),
        ("/pg_a", None),
        ("0A5AD1EC", None),
    ],
    ids=str,
)
def test_what_is_typed_is_a_fingerprint_or_a_target_and_a_check(words: str, expected: Meant | None) -> None:
    assert read_meant(words) == expected


def a_result(*states: str, **fields: object) -> MuteResult:
    silences = [SilenceMade.model_validate({"alertmanager": f"a{at}", "state": one}) for at, one in enumerate(states)]
    return MuteResult.model_validate({"request_id": "1-1", "ends_at": LATER, "silences": silences, **fields})


@pytest.mark.parametrize(
    ("result", "settled", "active", "living"),
    [
        pytest.param(a_result(), False, False, True, id="matchers alone"),
        pytest.param(a_result("waiting"), False, False, True, id="waits for Alertmanager"),
        pytest.param(a_result("active", "waiting"), False, True, True, id="waits for one of two"),
        pytest.param(a_result("active"), True, True, True, id="muted"),
        pytest.param(a_result("failed"), True, False, True, id="refused by Alertmanager"),
        pytest.param(a_result("ended"), True, False, False, id="ended by a person"),
        pytest.param(a_result("ended", "active"), True, True, True, id="ended in one of two"),
        pytest.param(a_result(refused="no comment"), True, False, False, id="refused"),
        pytest.param(a_result("active", ended_by="ada"), True, True, False, id="unmuted"),
        pytest.param(a_result("active", ends_at=NOW), True, True, False, id="over"),
    ],
)
def test_a_mute_is_settled_active_and_living(result: MuteResult, settled: bool, active: bool, living: bool) -> None:
    assert (is_settled(result), is_active(result), is_living(result, NOW)) == (settled, active, living)
    assert time_left(result, NOW) == ("3h" if living else "")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (a_result(refused="no"), "refused: no"),
        (a_result("active", ended_by="ada: done"), "ended by ada: done"),
        (a_result("active", ends_at=NOW), "over"),
        (a_result("waiting", "active"), "active, waiting"),
        (a_result(), "waiting"),
    ],
    ids=["refused", "unmuted", "over", "two", "none"],
)
def test_how_it_stands_with_a_mute_is_told_in_a_word(result: MuteResult, words: str) -> None:
    assert state(result, NOW) == words


@pytest.mark.parametrize(
    ("subject", "data", "is_read"),
    [
        (subjects.mute_result("1-1"), a_result().to_bytes(), True),
        (subjects.mute_result("1-2"), a_result().to_bytes(), False),
        (subjects.MUTE_REQUESTED, b"{}", False),
        (subjects.mute_result("1-1"), b"{", False),
    ],
    ids=["a result", "of another mute", "a request", "broken"],
)
def test_only_results_are_read_as_results(subject: str, data: bytes, is_read: bool) -> None:
    assert (read_result(Stored(subject, 1, data, {}, NOW)) is not None) == is_read


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        (Matcher(name="a", value="b"), 'a="b"'),
        (Matcher(name="a", value="b", is_equal=False), 'a!="b"'),
        (Matcher(name="a", value="b.*", is_regex=True), 'a=~"b.*"'),
        (Matcher(name="a", value="b", is_regex=True, is_equal=False), 'a!~"b"'),
    ],
    ids=["equal", "not equal", "matches", "does not match"],
)
def test_a_matcher_is_written_as_prometheus_does(matcher: Matcher, expected: str) -> None:
    assert shown_matcher(matcher) == expected


@pytest.mark.parametrize(
    ("comment", "expected"), [("known [watchword:1-1]", "known"), ("known [jira]", "known [jira]")]
)
def test_a_comment_is_shown_without_what_a_machine_added(comment: str, expected: str) -> None:
    assert without_marker(comment) == expected


def shown(*fingerprints: str) -> list[SeenAlert]:
    return [
        SeenAlert(ShownAlert(fingerprint=one, labels={}, starts_at=NOW, ends_at=LATER), ["main"])
        for one in fingerprints
    ]


def test_the_beginning_of_one_fingerprint_is_completed() -> None:
    one = completed("0a5a", read_meant("0a5a"), shown("0a5ad1ecd9402d6d", "1a5ad1ecd9402d6d"))
    assert one.fingerprint == "0a5ad1ecd9402d6d"


def test_the_beginning_of_two_fingerprints_is_refused_with_both() -> None:
    with pytest.raises(WrongUsage, match="begins the fingerprints of 2 alerts: 0a5a000000000000, 0a5a111111111111"):
        completed("0a5a", read_meant("0a5a"), shown("0a5a000000000000", "0a5a111111111111", "1a5ad1ecd9402d6d"))
