"""What differs between an Alertmanager and the ledger, and what is kept alive by one that is cut off."""

import datetime as dt

import pytest

from services.publisher.own_alerts import POST_UNDER_WAY, compare, lapsing, ours
from shared.alertmanager_api import ShownAlert
from tests.unit.publisher.news import NOON, SUBJECT, Book, after, finding, verdict

IN_FIVE_MINUTES = after(minutes=5)


def as_shown(book: Book, ends_at: dt.datetime = IN_FIVE_MINUTES, **changed: object) -> list[ShownAlert]:
    """Everything that fires in a ledger, as an Alertmanager shows it."""
    return [
        ShownAlert(
            fingerprint=state.alert.fingerprint,
            labels=dict(state.alert.labels),
            annotations=dict(state.alert.annotations),
            starts_at=state.starts_at,
            ends_at=ends_at,
            generator_url=state.alert.generator_url,
        ).model_copy(update=changed)
        for state in book.ledger.states.firing()
    ]


def firing(*roles: str) -> Book:
    book = Book()
    book.target()
    book.take(verdict(1, *(finding(labels={"role": role}) for role in roles)))
    return book


def test_ours_are_those_with_the_url_of_this_installation() -> None:
    book = firing("a")
    (alert,) = as_shown(book)
    others = [alert.model_copy(update={"generator_url": url}) for url in ("", "https://prometheus.example/graph")]
    assert ours(book.ledger.prefix, [alert, *others]) == [alert]


def test_what_agrees_needs_nothing() -> None:
    book = firing("a", "b")
    assert compare(book.ledger, as_shown(book), NOON) == ([], [], [])


def test_what_an_alertmanager_has_forgotten_is_missing() -> None:
    book = firing("a", "b")
    shown = [alert for alert in as_shown(book) if alert.labels["role"] == "b"]
    assert compare(book.ledger, shown, NOON).missing == [book.fingerprint(role="a")]


def test_what_was_resolved_and_is_shown_all_the_same_lingers() -> None:
    book = firing("a")
    shown = as_shown(book)
    book.take(verdict(2))
    assert compare(book.ledger, shown, NOON) == ([], [], [shown[0].fingerprint])


def test_what_a_verdict_ended_while_nobody_watched_is_resolved() -> None:
    shown = as_shown(firing("a"))
    book = Book()
    book.take(verdict(9))
    (turn,) = compare(book.ledger, shown, NOON).turns
    assert (turn.fingerprint, turn.what) == (shown[0].fingerprint, "resolved")


def test_what_no_verdict_is_known_for_is_kept() -> None:
    shown = as_shown(firing("a"))
    book = Book()
    (turn,) = compare(book.ledger, shown, NOON).turns
    assert (turn.fingerprint, turn.what) == (shown[0].fingerprint, "fires")
    assert compare(book.ledger, shown, NOON) == ([], [], [])


def test_since_when_a_silent_result_fires_is_learned() -> None:
    book = firing("a")
    compare(book.ledger, as_shown(book, starts_at=after(hours=-9)), NOON)
    assert book.ledger.states[book.fingerprint()].starts_at == after(hours=-9)


class TestCutOff:
    WITHIN = dt.timedelta(minutes=2)

    @pytest.mark.parametrize(
        ("ends_in_seconds", "is_kept"),
        [
            pytest.param(300, False, id="somebody extends it"),
            pytest.param(120, False, id="in time"),
            pytest.param(119, True, id="nobody extends it"),
            pytest.param(1, True, id="about to lapse"),
        ],
    )
    def test_only_what_is_about_to_lapse_is_extended(self, ends_in_seconds: float, is_kept: bool) -> None:
        book = firing("a")
        shown = as_shown(book, ends_at=after(seconds=ends_in_seconds))
        assert bool(lapsing(book.ledger, shown, NOON, self.WITHIN)) is is_kept

    def test_it_is_extended_as_the_ledger_has_it(self) -> None:
        book = firing("a")
        shown = as_shown(book, ends_at=after(seconds=9), annotations={})
        (kept,) = lapsing(book.ledger, shown, NOON, self.WITHIN)
        assert kept.alert == book.ledger.states[book.fingerprint()].alert

    def test_one_that_another_replica_brought_is_extended_as_it_stands(self) -> None:
        shown = as_shown(firing("a"), ends_at=after(seconds=9))
        (kept,) = lapsing(Book().ledger, shown, NOON, self.WITHIN)
        assert kept.alert.labels == shown[0].labels
        assert kept.starts_at == shown[0].starts_at

    def test_one_that_is_not_shown_is_not_brought_back(self) -> None:
        assert lapsing(firing("a").ledger, [], NOON, self.WITHIN) == []

    def test_one_that_was_resolved_here_lapses(self) -> None:
        book = firing("a")
        shown = as_shown(book, ends_at=after(seconds=9), updated_at=after(seconds=5))
        book.take(verdict(2))
        assert lapsing(book.ledger, shown, NOON, self.WITHIN) == []

    def test_one_that_fired_again_after_that_is_extended(self) -> None:
        book = firing("a")
        book.take(verdict(2))
        later = NOON + POST_UNDER_WAY + dt.timedelta(seconds=1)
        shown = as_shown(firing("a"), ends_at=after(seconds=9), updated_at=later)
        assert len(lapsing(book.ledger, shown, NOON, self.WITHIN)) == 1


def test_an_alert_of_ours_whose_check_can_not_be_told_is_left_alone() -> None:
    (alert,) = as_shown(firing("a"))
    strange = alert.model_copy(update={"generator_url": f"{Book().ledger.prefix}what"})
    assert compare(Book().ledger, [strange], NOON).turns == []
    assert SUBJECT.check in alert.generator_url
