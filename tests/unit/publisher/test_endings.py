"""When does a check on a target come to its end, and what is written about it?"""

import pytest

from services.publisher.endings import Deadlines, Ending, explicit_end
from shared.subjects import ResultSubject
from tests.unit.publisher.news import NOON, SCANNED, SUBJECT, Book, after, error, finding, verdict


@pytest.fixture
def book() -> Book:
    made = Book()
    made.target()
    made.check()
    return made


def due(book: Book, **time: float) -> list[tuple[str, int]]:
    return [(ending.what, ending.sequence) for ending in book.ledger.endings(after(**time))]


class TestReasons:
    @pytest.mark.parametrize(
        ("edit", "reason"),
        [
            pytest.param(lambda book: None, None, id="nothing happened"),
            pytest.param(lambda book: book.remove_target(), "target db-1 was removed", id="the target was removed"),
            pytest.param(lambda book: book.remove_check(), "check superusers was removed", id="the check was removed"),
            pytest.param(
                lambda book: book.target(engine="mongodb"),
                "db-1 is a server of mongodb",
                id="the target's engine changed",
            ),
            pytest.param(lambda book: book.check(engine="mysql"), "one for mysql", id="the check's engine changed"),
            pytest.param(
                lambda book: book.disable(), "check superusers is disabled by ada: accepted", id="disabled for all"
            ),
            pytest.param(lambda book: book.disable("superusers", "db-1"), "disabled", id="disabled here"),
            pytest.param(lambda book: book.disable("superusers", "db-2"), None, id="disabled elsewhere"),
            pytest.param(lambda book: (book.disable(), book.enable()), None, id="enabled again"),
            pytest.param(lambda book: (book.remove_target(), book.target()), None, id="the target came back"),
        ],
    )
    def test_the_configuration_ends_a_check_only_explicitly(self, book: Book, edit, reason: str | None) -> None:
        edit(book)
        found = explicit_end(book.view, SUBJECT)
        assert (found is None) if reason is None else (found is not None and reason in found)

    def test_an_entry_that_is_absent_proves_nothing(self) -> None:
        assert explicit_end(Book().view, SUBJECT) is None

    def test_an_entry_that_can_not_be_read_proves_nothing(self, book: Book) -> None:
        book.configure("target.db-1", b'{"name": "db-1", "engine": "oracle"}')
        assert explicit_end(book.view, SUBJECT) is None


class TestWithdrawals:
    @pytest.mark.parametrize("findings", [(), (finding(),)], ids=["passed", "failed"])
    def test_what_was_removed_is_withdrawn_whatever_its_verdict(self, book: Book, findings) -> None:
        book.take(verdict(3, *findings))
        assert due(book) == []
        book.remove_target()
        assert due(book) == [("withdraw", 3)]

    def test_it_is_asked_for_until_it_is_seen(self, book: Book) -> None:
        book.take(verdict(3))
        book.remove_target()
        assert due(book) == due(book) == [("withdraw", 3)]
        book.take(verdict(4, status="withdrawn"))
        assert due(book) == []

    def test_a_newer_verdict_is_the_one_to_end(self, book: Book) -> None:
        book.take(verdict(3))
        book.remove_target()
        book.take(verdict(9))
        assert due(book) == [("withdraw", 9)]

    def test_nothing_is_withdrawn_when_the_target_came_back(self, book: Book) -> None:
        book.take(verdict(3))
        book.remove_target()
        book.target()
        assert due(book) == []

    def test_a_check_that_only_ever_had_errors_is_withdrawn_too(self, book: Book) -> None:
        book.take(error(3))
        book.remove_target()
        assert book.ledger.endings(NOON) == [Ending("withdraw", SUBJECT, 0, 3, "target db-1 was removed")]

    def test_an_error_that_comes_after_the_removal_is_withdrawn_too(self, book: Book) -> None:
        book.remove_target()
        book.take(error(3))
        assert due(book) == [("withdraw", 0)]

    def test_a_withdrawn_verdict_is_not_withdrawn_again(self, book: Book) -> None:
        book.remove_target()
        book.take(verdict(3, status="withdrawn"))
        assert due(book) == []


class TestExpiry:
    def test_results_of_other_programs_expire_after_seven_days(self, book: Book) -> None:
        book.take(verdict(3, finding(), subject=SCANNED))
        assert due(book, days=6.9) == []
        assert due(book, days=7) == [("withdraw", 3)]

    def test_they_expire_when_they_say(self, book: Book) -> None:
        book.take(verdict(3, finding(), subject=SCANNED, expires_at=after(hours=1)))
        assert due(book, minutes=59) == []
        (ending,) = book.ledger.endings(after(hours=1))
        assert ending.reason == "expired at 2026-11-23T13:00:00+00:00: not repeated"

    def test_one_that_is_repeated_lives_on(self, book: Book) -> None:
        book.take(verdict(3, finding(), subject=SCANNED, expires_at=after(hours=1)))
        book.take(verdict(4, finding(), subject=SCANNED, expires_at=after(hours=2)))
        assert due(book, hours=1) == []
        assert due(book, hours=2) == [("withdraw", 4)]

    def test_an_error_does_not_repeat_it(self, book: Book) -> None:
        book.take(verdict(3, finding(), subject=SCANNED, expires_at=after(hours=1)))
        book.take(error(4, subject=SCANNED, stored_at=after(minutes=30)))
        assert due(book, hours=1) == [("withdraw", 3)]

    def test_nothing_but_errors_of_another_program_expire_too(self, book: Book) -> None:
        book.take(error(3, subject=SCANNED))
        assert due(book, days=6.9) == []
        assert due(book, days=7) == [("withdraw", 0)]

    def test_one_that_had_expired_when_it_came_never_fires(self, book: Book) -> None:
        assert book.take(verdict(3, finding(), subject=SCANNED, expires_at=after(hours=-1))) == []
        assert due(book) == [("withdraw", 3)]

    def test_a_checkers_result_never_expires(self, book: Book) -> None:
        book.take(verdict(3, finding(), expires_at=after(hours=1)))
        assert due(book, days=400) == []


class TestEmptying:
    def test_a_day_after_it_was_withdrawn_a_subject_is_emptied_with_its_errors(self, book: Book) -> None:
        book.take(error(2))
        book.take(verdict(3, status="withdrawn"))
        assert due(book, hours=23.9) == []
        assert book.ledger.endings(after(hours=24)) == [Ending("purge", SUBJECT, 3, 2, "it was withdrawn a while ago")]

    def test_not_when_a_newer_verdict_stands_there(self, book: Book) -> None:
        book.take(verdict(3, status="withdrawn"))
        book.take(verdict(4))
        assert due(book, hours=24) == []

    def test_an_emptied_subject_is_forgotten(self, book: Book) -> None:
        book.take(verdict(3, status="withdrawn"))
        (ending,) = book.ledger.endings(after(hours=24))
        book.ledger.forget(ending)
        assert due(book, hours=24) == []
        assert book.take(verdict(1, finding())) == ["fires"]

    def test_a_newer_verdict_survives_the_emptying(self, book: Book) -> None:
        book.take(verdict(3, status="withdrawn"))
        (ending,) = book.ledger.endings(after(hours=24))
        book.take(verdict(4, finding()))
        book.ledger.forget(ending)
        assert len(book.firing) == 1
        assert book.take(verdict(5)) == ["resolved"]


@pytest.mark.parametrize(
    ("run", "verdicts_run", "is_remembered"),
    [
        pytest.param("5-10", "5-9", True, id="of a later run"),
        pytest.param("5-9", "5-9", True, id="of the same run"),
        pytest.param("5-8", "5-9", False, id="of an earlier run"),
        pytest.param("4-99", "5-9", False, id="of a run in an earlier stream"),
        pytest.param(None, "5-9", True, id="of no run"),
        pytest.param("nightly", "5-9", True, id="of a run that is named otherwise"),
    ],
)
def test_an_error_of_a_run_before_the_last_verdicts_is_ignored(
    book: Book, run: str | None, verdicts_run: str, is_remembered: bool
) -> None:
    book.take(verdict(3, run=verdicts_run))
    book.take(error(4, run=run))
    book.remove_target()
    (ending,) = book.ledger.endings(NOON)
    assert ending.error_sequence == (4 if is_remembered else 0)


def test_of_many_only_those_are_due_whose_time_has_come(book: Book) -> None:
    for number in range(50):
        subject = ResultSubject("verdict", "trivy", f"image-{number}", "cve")
        book.take(verdict(number + 1, finding(), subject=subject, expires_at=after(minutes=number)))
    assert sorted(due(book, minutes=9)) == [("withdraw", number) for number in range(1, 11)]


class TestDeadlines:
    def test_each_waits_once_however_often_it_is_said(self) -> None:
        deadlines = Deadlines()
        for hour in range(1000):
            deadlines.add(after(hours=hour), SUBJECT)
        assert len(deadlines) == 1
        assert list(deadlines.due(after(hours=998))) == []
        assert len(deadlines) == 1
        assert list(deadlines.due(after(hours=999))) == [SUBJECT]
        assert len(deadlines) == 0

    def test_an_earlier_time_that_is_said_later_counts(self) -> None:
        deadlines = Deadlines()
        deadlines.add(after(hours=9), SUBJECT)
        deadlines.add(after(hours=1), SUBJECT)
        assert list(deadlines.due(after(hours=1))) == [SUBJECT]
        assert list(deadlines.due(after(hours=9))) == []

    def test_those_that_are_due_come_in_their_order(self) -> None:
        deadlines = Deadlines()
        deadlines.add(after(hours=2), SUBJECT)
        deadlines.add(after(hours=1), SCANNED)
        assert list(deadlines.due(after(hours=3))) == [SCANNED, SUBJECT]
