"""What stands, and which alerts follow from it? Every rule of the contract about firing, ending and keeping."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.publisher.alerts import UNCONFIRMED_SINCE, Alert
from shared.subjects import ResultSubject
from tests.unit.publisher.news import NOON, SCANNED, SUBJECT, Book, after, error, finding, verdict


@pytest.fixture
def book() -> Book:
    made = Book()
    made.target(environment="production")
    return made


def shown(book: Book, subject: ResultSubject = SUBJECT, starts_at: dt.datetime = NOON, **labels: str) -> Alert:
    """An alert of ours as an Alertmanager shows it."""
    other = Book()
    other.target(subject.target, **labels)
    other.take(verdict(1, finding(labels={"role": "app"}, failing_since=starts_at), subject=subject))
    (state,) = other.ledger.states.firing()
    return state.alert


class TestVerdicts:
    def test_a_failed_check_fires_with_the_targets_labels(self, book: Book) -> None:
        assert book.take(verdict(1, finding(labels={"role": "app"}))) == ["fires"]
        (labels,) = book.firing
        assert labels["environment"] == "production"
        assert labels["role"] == "app"

    @pytest.mark.parametrize("status", ["passed", "skipped", "withdrawn"])
    def test_every_other_verdict_resolves_it(self, book: Book, status: str) -> None:
        book.take(verdict(1, finding()))
        (turn,) = book.ledger.take(verdict(2, status=status, reason="because"), NOON)
        assert turn.what == "resolved"
        assert turn.reason == f"{status}: because"
        assert book.firing == []

    def test_an_error_leaves_the_alerts_as_they_were(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert [book.take(error(sequence)) for sequence in range(2, 12)] == [[]] * 10
        assert len(book.firing) == 1

    def test_an_older_verdict_changes_nothing(self, book: Book) -> None:
        book.take(verdict(5, finding()))
        assert book.take(verdict(4)) == []
        assert book.take(verdict(5)) == []
        assert len(book.firing) == 1

    def test_only_the_findings_that_are_gone_are_resolved(self, book: Book) -> None:
        book.take(verdict(1, finding(labels={"role": "a"}), finding(labels={"role": "b"})))
        assert book.take(verdict(2, finding(labels={"role": "b"}), finding(labels={"role": "c"}))) == [
            "fires",
            "resolved",
        ]
        assert [labels["role"] for labels in book.firing] == ["b", "c"]

    def test_a_changed_text_changes_the_alert_and_its_version(self, book: Book) -> None:
        book.take(verdict(1, finding("used 81 %")))
        before = book.ledger.states[book.fingerprint()].version
        assert book.take(verdict(2, finding("used 97 %"))) == ["changed"]
        assert book.ledger.states[book.fingerprint()].version > before

    def test_the_same_verdict_again_is_no_turn(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.take(verdict(2, finding())) == []

    def test_targets_checks_and_engines_do_not_touch_one_another(self, book: Book) -> None:
        for subject in (
            SUBJECT,
            ResultSubject("verdict", "postgresql", "db-1", "roles"),
            ResultSubject("verdict", "postgresql", "db-2", "superusers"),
            ResultSubject("verdict", "trivy", "db-1", "superusers"),
        ):
            book.take(verdict(1, finding(), subject=subject))
        assert len(book.firing) == 4
        book.take(verdict(2))
        assert len(book.firing) == 3


class TestStart:
    def test_it_is_when_the_finding_began(self, book: Book) -> None:
        book.take(verdict(1, finding(failing_since=after(hours=-3))))
        assert book.ledger.states[book.fingerprint()].starts_at == after(hours=-3)

    def test_it_is_the_time_of_the_first_verdict_when_nobody_says(self, book: Book) -> None:
        book.take(verdict(1, finding(), stored_at=after(minutes=-9)))
        book.take(verdict(2, finding("other text"), stored_at=NOON))
        assert book.ledger.states[book.fingerprint()].starts_at == after(minutes=-9)

    def test_it_is_what_alertmanager_shows_when_nobody_says(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        book.ledger.states.learn_start(book.fingerprint(), after(days=-2))
        book.take(verdict(2, finding("other text")))
        assert book.ledger.states[book.fingerprint()].starts_at == after(days=-2)

    def test_what_the_finding_says_wins_over_what_alertmanager_shows(self, book: Book) -> None:
        book.take(verdict(1, finding(failing_since=after(hours=-3))))
        book.ledger.states.learn_start(book.fingerprint(), after(days=-2))
        assert book.ledger.states[book.fingerprint()].starts_at == after(hours=-3)

    def test_it_is_never_in_the_future(self, book: Book) -> None:
        book.take(verdict(1, finding(failing_since=after(days=3))))
        assert book.ledger.states[book.fingerprint()].starts_at == NOON

    def test_an_alert_that_comes_back_starts_anew(self, book: Book) -> None:
        book.take(verdict(1, finding(), stored_at=after(hours=-2)))
        book.take(verdict(2))
        book.take(verdict(3, finding(), stored_at=NOON))
        assert book.ledger.states[book.fingerprint()].starts_at == NOON


class TestInventory:
    def test_an_edit_relabels_at_once_new_identity_first(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.target(environment="staging") == ["fires", "resolved"]
        assert [labels["environment"] for labels in book.firing] == ["staging"]

    def test_a_relabelled_alert_keeps_its_start(self, book: Book) -> None:
        book.take(verdict(1, finding(failing_since=after(hours=-3))))
        book.target(environment="staging")
        assert book.ledger.states[book.fingerprint()].starts_at == after(hours=-3)

    def test_an_edit_that_touches_no_label_is_no_turn(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.target(environment="production") == []

    def test_an_edit_of_another_target_is_no_turn(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.target("db-2", environment="staging") == []

    def test_a_target_that_the_inventory_never_had_fires_without_its_labels(self) -> None:
        book = Book()
        book.take(verdict(1, finding()))
        assert len(book.firing) == 1

    def test_results_of_other_programs_bring_the_labels_themselves(self, book: Book) -> None:
        book.take(verdict(1, finding(), subject=SCANNED, labels={"image": "shop"}))
        assert book.firing[0]["image"] == "shop"

    def test_another_installation_gives_every_alert_its_url(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.configure("setting.person.installation", b'{"url": "https://other.example"}') == ["changed"]
        (state,) = book.ledger.states.firing()
        assert state.alert.generator_url.startswith("https://other.example/check/")

    def test_the_summary_of_the_check_stands_beside_that_of_the_finding(self, book: Book) -> None:
        book.check(summary="Roles that may do anything")
        book.take(verdict(1, finding()))
        (state,) = book.ledger.states.firing()
        assert state.alert.annotations["check_summary"] == "Roles that may do anything"


class TestExplicitEnds:
    def test_a_removed_target_ends_its_alerts(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.remove_target() == ["resolved"]

    def test_a_removed_check_ends_its_alerts(self, book: Book) -> None:
        book.check()
        book.take(verdict(1, finding()))
        assert book.remove_check() == ["resolved"]

    def test_a_check_disabled_for_all_ends_its_alerts(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.disable("superusers") == ["resolved"]

    def test_a_check_disabled_on_a_target_ends_its_alerts_there_alone(self, book: Book) -> None:
        elsewhere = ResultSubject("verdict", "postgresql", "db-2", "superusers")
        book.take(verdict(1, finding()))
        book.take(verdict(2, finding(), subject=elsewhere))
        assert book.disable("superusers", "db-1") == ["resolved"]
        assert [labels["service_name"] for labels in book.firing] == ["db-2"]

    def test_a_target_that_became_a_server_of_another_engine_ends_its_alerts(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.target(engine="mysql") == ["resolved"]

    def test_a_check_that_became_one_for_another_engine_ends_its_alerts(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        assert book.check(engine="mysql") == ["resolved"]

    def test_what_is_enabled_again_before_it_was_withdrawn_fires_again(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        book.disable("superusers")
        assert book.enable("superusers") == ["fires"]

    def test_a_verdict_about_what_is_disabled_fires_nothing(self, book: Book) -> None:
        book.disable("superusers")
        assert book.take(verdict(1, finding())) == []

    def test_results_of_other_programs_are_bound_to_no_inventory(self, book: Book) -> None:
        book.take(verdict(1, finding(), subject=SCANNED))
        assert book.remove_target(SCANNED.target) == []
        assert book.remove_check(SCANNED.check) == []
        assert book.disable(SCANNED.check) == []
        assert len(book.firing) == 1


class TestResolved:
    def test_a_resolved_alert_is_remembered_for_a_while(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        fingerprint = book.fingerprint()
        book.take(verdict(2))
        book.ledger.sweep(after(minutes=14))
        assert book.ledger.states[fingerprint].is_firing is False
        book.ledger.sweep(after(minutes=15))
        assert book.ledger.states.get(fingerprint) is None

    def test_one_that_fires_again_meanwhile_is_not_forgotten(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        book.take(verdict(2))
        book.take(verdict(3, finding()), now=after(minutes=5))
        book.ledger.sweep(after(minutes=15))
        assert len(book.firing) == 1

    def test_one_that_ended_again_is_remembered_from_its_last_end(self, book: Book) -> None:
        book.take(verdict(1, finding()))
        fingerprint = book.fingerprint()
        book.take(verdict(2))
        book.take(verdict(3, finding()), now=after(minutes=5))
        book.take(verdict(4), now=after(minutes=10))
        book.ledger.sweep(after(minutes=20))
        assert book.ledger.states.get(fingerprint) is not None


class TestAlertsFoundInAnAlertmanager:
    def test_one_without_any_verdict_is_kept_alive_and_says_so(self, book: Book) -> None:
        alert = shown(book)
        (turn,) = book.ledger.adopt(SUBJECT, alert, NOON)
        assert turn.what == "fires"
        (state,) = book.ledger.states.firing()
        assert state.alert.labels == alert.labels
        assert state.alert.annotations[UNCONFIRMED_SINCE] == "2026-11-23T12:00:00+00:00"
        assert state.starts_at == alert.starts_at

    def test_an_error_does_not_decide_about_it(self, book: Book) -> None:
        book.take(error(1))
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        book.take(error(2))
        assert len(book.firing) == 1

    @pytest.mark.parametrize("days", [6.9, 7])
    def test_it_is_kept_for_seven_days(self, book: Book, days: float) -> None:
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        turns = book.ledger.sweep(after(days=days))
        assert [turn.what for turn in turns] == (["resolved"] if days == 7 else [])

    def test_its_days_count_from_when_the_first_publisher_noticed(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        (state,) = book.ledger.states.firing()
        successor = Book()
        successor.ledger.adopt(SUBJECT, state.alert, after(days=5))
        assert successor.ledger.sweep(after(days=6)) == []
        assert [turn.what for turn in successor.ledger.sweep(after(days=7))] == ["resolved"]

    def test_a_verdict_that_holds_it_confirms_it(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book, environment="production"), NOON)
        assert book.take(verdict(1, finding(labels={"role": "app"}, failing_since=NOON))) == ["changed"]
        (state,) = book.ledger.states.firing()
        assert UNCONFIRMED_SINCE not in state.alert.annotations
        assert book.ledger.sweep(after(days=8)) == []

    def test_a_verdict_that_does_not_hold_it_ends_it(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        assert book.take(verdict(1)) == ["resolved"]

    def test_a_verdict_that_came_before_ended_it(self, book: Book) -> None:
        book.take(verdict(1))
        alert = shown(book)
        (turn,) = book.ledger.adopt(SUBJECT, alert, NOON)
        assert turn.what == "resolved"
        assert book.ledger.states[alert.fingerprint].is_firing is False

    def test_an_explicit_removal_ends_it_now_or_later(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        assert book.remove_target() == ["resolved"]
        other = ResultSubject("verdict", "postgresql", "db-2", "superusers")
        book.remove_target("db-2")
        assert [turn.what for turn in book.ledger.adopt(other, shown(book, other), NOON)] == ["resolved"]

    def test_its_labels_stay_when_the_inventory_is_edited(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book, environment="production"), NOON)
        assert book.target(environment="staging") == []

    def test_several_of_one_check_are_kept(self, book: Book) -> None:
        book.ledger.adopt(SUBJECT, shown(book), NOON)
        book.ledger.adopt(SUBJECT, shown(book, environment="production"), NOON)
        assert len(book.firing) == 2
        assert book.take(verdict(1)) == ["resolved", "resolved"]


class TestAnotherStream:
    """CHECK_RESULTS made anew, or put back from a backup: what is absent proves nothing."""

    def test_alerts_stay_and_say_that_nobody_knows(self, book: Book) -> None:
        book.take(verdict(50, finding()))
        book.ledger.stream_restarted(NOON)
        (state,) = book.ledger.states.firing()
        assert UNCONFIRMED_SINCE in state.alert.annotations

    def test_a_verdict_of_the_new_stream_decides_whatever_its_sequence(self, book: Book) -> None:
        book.take(verdict(50, finding()))
        book.ledger.stream_restarted(NOON)
        assert book.take(verdict(1)) == ["resolved"]

    def test_what_was_overtaken_before_the_backup_was_made_decides_nothing(self, book: Book) -> None:
        book.take(verdict(50, finding(), stored_at=after(hours=2)))
        book.take(verdict(51, subject=SCANNED, stored_at=after(hours=2)))
        book.ledger.stream_restarted(after(hours=3))
        assert book.take(verdict(30, stored_at=after(hours=1))) == []
        assert book.take(verdict(31, finding(), subject=SCANNED, stored_at=after(hours=1))) == []
        assert len(book.firing) == 1
        assert book.take(verdict(52, stored_at=after(hours=3))) == ["resolved"]

    def test_within_one_stream_the_sequence_decides_whatever_the_leaders_clocks_say(self, book: Book) -> None:
        book.take(verdict(50, finding(), stored_at=after(seconds=2)))
        assert book.take(verdict(51, stored_at=after(seconds=1))) == ["resolved"]

    def test_without_one_they_end_after_seven_days(self, book: Book) -> None:
        book.take(verdict(50, finding()))
        book.ledger.stream_restarted(NOON)
        assert book.ledger.sweep(after(days=6.9)) == []
        assert [turn.what for turn in book.ledger.sweep(after(days=7))] == ["resolved"]

    def test_an_edit_of_the_inventory_still_relabels_them(self, book: Book) -> None:
        book.take(verdict(50, finding()))
        book.ledger.stream_restarted(NOON)
        assert book.target(environment="staging") == ["fires", "resolved"]

    def test_nothing_is_to_be_written_about_what_it_does_not_hold(self, book: Book) -> None:
        book.take(verdict(50, finding()))
        book.take(verdict(51, subject=SCANNED))
        book.ledger.stream_restarted(NOON)
        book.remove_target()
        assert book.ledger.endings(after(days=30)) == []


SUBJECTS = [
    SUBJECT,
    ResultSubject("verdict", "postgresql", "db-2", "superusers"),
    ResultSubject("verdict", "mysql", "db-2", "anonymous"),
    SCANNED,
]
roles = st.lists(st.sampled_from("abc"), max_size=3, unique=True)
results = st.tuples(st.sampled_from(SUBJECTS), st.integers(1, 40), roles, st.booleans())
edits = st.one_of(
    st.tuples(st.just("target"), st.sampled_from(["db-1", "db-2"]), st.sampled_from(["x", "y"])),
    st.tuples(st.just("remove_target"), st.sampled_from(["db-1", "db-2"])),
    st.tuples(st.just("disable"), st.sampled_from(["superusers", "anonymous", "cve"])),
    st.tuples(st.just("enable"), st.sampled_from(["superusers", "anonymous", "cve"])),
)


def edit(book: Book, what: tuple[str, ...]) -> None:
    match what:
        case ("target", name, environment):
            book.target(name, engine="postgresql" if name == "db-1" else "mysql", environment=environment)
        case (kind, name):
            getattr(book, kind)(name)


@given(news=st.lists(results | edits, max_size=40), random=st.randoms(use_true_random=False))
def test_what_fires_depends_only_on_the_last_verdicts_and_the_configuration(news, random) -> None:
    """Whatever the order in which results arrive, doubled and mixed with errors and edits of the configuration."""
    by_place = {(subject, sequence): what for what in news if len(what) == 4 for subject, sequence, *_ in [what]}
    received = [
        error(sequence, subject=subject)
        if is_error
        else verdict(sequence, *(finding(labels={"role": role}, failing_since=NOON) for role in held), subject=subject)
        for subject, sequence, held, is_error in by_place.values()
    ]
    configured = [what for what in news if len(what) < 4]

    one_way, other_way = Book(), Book()
    for what in configured:
        edit(one_way, what)
    for result in received:
        one_way.take(result)

    mixed = received + random.sample(received, len(received) // 2)
    random.shuffle(mixed)
    waiting = list(configured)
    for result in mixed:
        while waiting and random.random() < 0.5:
            edit(other_way, waiting.pop(0))
        other_way.take(result)
    for what in waiting:
        edit(other_way, what)

    assert other_way.firing == one_way.firing
    assert other_way.ledger.states.firing_count == len(other_way.firing)
    written = [{(e.what, e.subject, e.sequence) for e in book.ledger.endings(NOON)} for book in (one_way, other_way)]
    assert written[0] == written[1]
