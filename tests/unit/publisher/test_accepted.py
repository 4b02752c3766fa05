"""A finding that somebody accepts fires no alert, and does again when the word is taken back or its time is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.publisher.handlers import _stamped
from services.publisher.ledger import Keeping, Ledger
from shared.accepted import exception_names
from shared.configuration import Configuration, RiskAccepted
from shared.events import Accepted
from shared.subjects import ResultSubject, setting_key
from tests.unit.publisher.news import NOON, SCANNED, SUBJECT, Book, after, finding, said, verdict

TOMORROW = after(days=1)


@pytest.fixture
def book() -> Book:
    made = Book()
    made.target(environment="production")
    return made


def roles(book: Book) -> list[str]:
    return [labels["role"] for labels in book.firing]


def test_a_word_ends_the_alert_that_it_is_about_and_no_other(book: Book) -> None:
    book.take(verdict(1, finding(labels={"role": "a"}), finding(labels={"role": "b"})))
    assert book.accept(TOMORROW, role="a") == ["resolved"]
    assert roles(book) == ["b"]


def test_the_reason_says_who_accepts_it_until_when_and_why(book: Book) -> None:
    book.take(verdict(1, finding()))
    word = RiskAccepted(check="superusers", target="db-1", until=TOMORROW, author="ada", reason="lab")
    key = setting_key("person", *exception_names("superusers", "db-1", {}))
    (turn,) = book.ledger.configured(book.view.apply(key, word.model_dump_json().encode(), 99), NOON)
    assert (turn.what, turn.reason) == ("resolved", "accepted until 2026-11-24 12:00 UTC by ada: lab")


def test_what_is_accepted_already_never_fires(book: Book) -> None:
    book.accept(TOMORROW)
    assert book.take(verdict(1, finding(labels={"role": "a"}))) == []
    assert book.firing == []


def test_when_its_time_is_over_the_alert_fires_without_another_verdict_and_since_it_failed(book: Book) -> None:
    since = after(days=-3)
    book.take(verdict(1, finding(failing_since=since)))
    book.accept(TOMORROW)
    assert said(book.ledger.sweep(after(days=1, seconds=-1))) == []
    (turn,) = book.ledger.sweep(TOMORROW)
    assert (turn.what, turn.reason) == ("fires", "it is accepted no more")
    assert book.ledger.states[turn.fingerprint].starts_at == since
    assert book.ledger.sweep(after(days=2)) == []


def test_each_of_several_words_ends_at_its_own_time(book: Book) -> None:
    book.take(verdict(1, finding(labels={"role": "a"}), finding(labels={"role": "b"})))
    book.accept(TOMORROW, role="a")
    book.accept(after(days=2), role="b")
    assert said(book.ledger.sweep(TOMORROW)) == ["fires"]
    assert roles(book) == ["a"]
    assert said(book.ledger.sweep(after(days=2))) == ["fires"]
    assert roles(book) == ["a", "b"]


def test_a_word_that_is_extended_holds_on(book: Book) -> None:
    book.take(verdict(1, finding()))
    book.accept(TOMORROW)
    book.accept(after(days=9))
    assert book.ledger.sweep(TOMORROW) == []
    assert said(book.ledger.sweep(after(days=9))) == ["fires"]


def test_a_word_that_is_taken_back_lets_it_fire_at_once(book: Book) -> None:
    book.take(verdict(1, finding()))
    book.accept(TOMORROW)
    assert book.accept_no_more() == ["fires"]
    assert book.ledger.sweep(TOMORROW) == []


def test_what_was_fixed_meanwhile_does_not_fire_when_the_time_is_over(book: Book) -> None:
    book.take(verdict(1, finding()))
    book.accept(TOMORROW)
    assert book.take(verdict(2)) == []
    assert book.ledger.sweep(TOMORROW) == []


def test_a_word_for_another_target_or_check_changes_nothing(book: Book) -> None:
    book.target("db-2")
    other = ResultSubject("verdict", "postgresql", "db-2", "superusers")
    book.take(verdict(1, finding(), subject=other))
    assert book.accept(TOMORROW) == []
    assert len(book.firing) == 1


def test_a_publisher_that_starts_while_a_word_holds_resolves_what_an_alertmanager_still_shows(book: Book) -> None:
    book.take(verdict(1, finding()))
    (state,) = book.ledger.states.firing()
    shown = state.alert
    book.accept(TOMORROW)
    started = Ledger(book.view, Keeping())
    assert started.take(verdict(1, finding()), NOON) == []
    assert said(started.adopt(SUBJECT, shown, NOON)) == ["resolved"]
    assert said(started.sweep(TOMORROW)) == ["fires"]


@given(some.permutations(["verdict", "word"]), some.integers(-2, 2))
def test_the_order_of_the_news_does_not_matter(order: list[str], hours: int) -> None:
    book = Book()
    now = after(days=1, hours=hours)
    for one in order:
        if one == "verdict":
            book.take(verdict(1, finding()))
        else:
            book.accept(TOMORROW)
    book.ledger.sweep(now)
    assert bool(book.firing) == (now >= TOMORROW)


def test_what_another_program_found_is_judged_by_the_exceptions_at_the_time_it_was_stored() -> None:
    view = Configuration()
    word = RiskAccepted(check="cve", target="shop:1.4", until=TOMORROW, author="ada", reason="lab")
    key = setting_key("person", *exception_names("cve", "shop:1.4", {}))
    view.apply(key, word.model_dump_json().encode(), 1)
    claimed = finding(accepted=Accepted(until=after(days=99), by="the scanner itself"))
    early, late = (verdict(1, claimed, subject=SCANNED, stored_at=at) for at in (NOON, TOMORROW))
    assert [one.accepted and one.accepted.by for one in _stamped(early, view).result.findings] == ["ada"]
    assert [one.accepted for one in _stamped(late, view).result.findings] == [None]
