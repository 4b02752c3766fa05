"""Which alerts does one Alertmanager get now? What changed first, then what is due; nothing twice, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.publisher.outbox import Outbox

RESEND = 60.0


def outbox(*urgent: str) -> Outbox:
    made = Outbox(RESEND)
    made.urge(urgent)
    return made


def test_what_changed_goes_out_in_its_order() -> None:
    assert outbox("b", "a", "c").take(0, 10) == ["b", "a", "c"]


def test_a_batch_takes_no_more_than_it_may() -> None:
    queue = outbox("a", "b", "c")
    assert queue.take(0, 2) == ["a", "b"]
    assert len(queue) == 1
    assert queue.take(0, 2) == ["c"]


def test_nothing_waits_twice() -> None:
    queue = outbox("a", "b")
    queue.urge(["a", "c"])
    assert queue.take(0, 10) == ["a", "b", "c"]


def test_what_was_sent_is_due_again_after_a_re_send() -> None:
    queue = outbox("a")
    queue.sent(queue.take(100, 10), 100)
    assert queue.take(159.9, 10) == []
    assert queue.take(160, 10) == ["a"]


def test_what_changed_comes_before_what_is_due() -> None:
    queue = outbox("a", "b")
    queue.sent(queue.take(0, 10), 0)
    queue.urge(["c"])
    assert queue.take(60, 2) == ["c", "a"]


def test_a_change_takes_the_place_of_the_re_send() -> None:
    queue = outbox("a")
    queue.sent(queue.take(0, 10), 0)
    queue.urge(["a"])
    queue.sent(queue.take(50, 10), 50)
    assert queue.take(60, 10) == []
    assert queue.take(110, 10) == ["a"]


def test_what_changes_while_it_is_under_way_goes_out_again() -> None:
    queue = outbox("a")
    taken = queue.take(0, 10)
    queue.urge(["a"])
    queue.sent(taken, 0)
    assert queue.take(1, 10) == ["a"]


def test_what_failed_comes_behind_what_was_not_tried_yet() -> None:
    queue = outbox("a", "b", "c", "d")
    queue.failed(queue.take(0, 2), 5, may_have_happened=False)
    assert len(queue) == 4
    queue.urge(["e"])
    assert queue.take(5, 2) == ["c", "d"]
    queue.failed(["c", "d"], 10, may_have_happened=False)
    assert queue.take(10, 3) == ["e", "a", "b"]
    assert queue.take(10, 3) == ["c", "d"]
    assert len(queue) == 0


def test_what_failed_is_tried_before_what_became_due_later() -> None:
    queue = outbox("a")
    queue.sent(queue.take(0, 1), 0)
    queue.urge(["b"])
    queue.failed(queue.take(RESEND - 1, 1), RESEND - 1, may_have_happened=False)
    assert queue.take(RESEND, 1) == ["b"]
    assert queue.take(RESEND, 1) == ["a"]


def test_what_failed_and_changed_meanwhile_waits_once_and_at_its_place() -> None:
    queue = outbox("a", "b")
    taken = queue.take(0, 1)
    queue.urge(["a"])
    queue.failed(taken, 0, may_have_happened=False)
    assert len(queue) == 2
    assert queue.take(0, 10) == ["b", "a"]
    assert queue.take(1000, 10) == []


def test_what_may_still_happen_late_is_sent_once_more_soon_after_it_arrived() -> None:
    queue = outbox("a", "b")
    queue.failed(queue.take(0, 1), 30, may_have_happened=True)
    queue.sent(queue.take(30, 10), 31)
    assert queue.take(34, 10) == ["a"]
    queue.sent(["a"], 34)
    assert queue.take(31 + RESEND, 10) == ["b"]
    assert queue.take(34 + RESEND, 10) == ["a"]


def test_what_did_not_happen_is_due_as_usual_once_it_arrived() -> None:
    queue = outbox("a")
    queue.failed(queue.take(0, 1), 3, may_have_happened=False)
    queue.sent(queue.take(3, 1), 4)
    assert queue.take(3 + RESEND, 10) == []


def test_what_could_not_be_sent_is_the_first_again() -> None:
    queue = outbox("a", "b", "c")
    queue.hand_back(queue.take(0, 2))
    assert queue.take(0, 10) == ["a", "b", "c"]


def test_what_changed_while_it_could_not_be_sent_waits_once() -> None:
    queue = outbox("a", "b")
    taken = queue.take(0, 1)
    queue.urge(["a"])
    queue.hand_back(taken)
    assert queue.take(0, 10) == ["a", "b"]


def test_what_is_forgotten_does_not_come_back() -> None:
    queue = outbox("a")
    queue.take(0, 10)
    queue.forget("a")
    assert queue.take(1e9, 10) == []


def test_what_is_under_way_is_not_taken_again_however_often_it_changes() -> None:
    queue = outbox("a", "b")
    assert queue.take(0, 1) == ["a"]
    assert queue.urge(["a"]) == 0
    assert queue.urge(["a", "b"]) == 2
    assert len(queue) == 2
    assert queue.take(0, 10) == ["b"]
    assert queue.take(1e9, 10) == []
    assert queue.wait_seconds(1e9) is None
    queue.sent(["a"], 20)
    assert queue.take(20, 10) == ["a"]


def test_it_says_how_long_there_is_nothing_to_do() -> None:
    queue = Outbox(RESEND)
    assert queue.wait_seconds(0) is None
    queue.urge(["a"])
    assert queue.wait_seconds(0) == 0
    queue.sent(queue.take(0, 10), 0)
    assert queue.wait_seconds(20) == 40
    assert queue.wait_seconds(99) == 0


def test_a_refused_alert_comes_back_much_later() -> None:
    queue = outbox("a")
    queue.take(0, 10)
    queue.refuse("a", 7, 0)
    assert queue.is_refused("a", 7)
    assert not queue.is_refused("a", 8)
    assert queue.take(599, 10) == []
    assert queue.take(600, 10) == ["a"]


def test_a_refused_alert_that_changes_is_tried_at_once() -> None:
    queue = outbox("a")
    queue.take(0, 10)
    queue.refuse("a", 7, 0)
    queue.urge(["a"])
    assert queue.take(1, 10) == ["a"]
    queue.sent(["a"], 1)
    assert not queue.is_refused("a", 7)


def test_another_alertmanager_is_asked_anew() -> None:
    queue = outbox("a")
    queue.refuse("a", 7, 0)
    queue.forgive()
    assert not queue.is_refused("a", 7)


class Posting(RuleBasedStateMachine):
    """Whatever happens: every alert is waiting, under way, or due within a re-send."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Outbox(RESEND)
        self.at = 0.0
        self.known: set[str] = set()
        self.under_way: list[list[str]] = []
        self.changed: set[str] = set()

    @rule(names=st.lists(st.sampled_from("abcdef"), max_size=4))
    def something_changes(self, names: list[str]) -> None:
        self.queue.urge(names)
        self.known.update(names)
        self.changed.update(names)

    @rule(seconds=st.floats(0, 100))
    def time_goes_by(self, seconds: float) -> None:
        self.at += seconds

    @rule(most=st.integers(1, 4))
    def a_batch_is_taken(self, most: int) -> None:
        taken = self.queue.take(self.at, most)
        everything = [name for batch in [*self.under_way, taken] for name in batch]
        assert len(everything) == len(set(everything))
        assert len(taken) <= most
        self.under_way.append(taken)
        self.changed -= set(taken)

    @rule(which=st.integers(0, 10))
    def one_arrives(self, which: int) -> None:
        self.queue.sent(self.ended(which), self.at)

    @rule(which=st.integers(0, 10), may_have_happened=st.booleans())
    def one_is_refused_or_not_answered(self, which: int, may_have_happened: bool) -> None:
        batch = self.ended(which)
        self.queue.failed(batch, self.at, may_have_happened=may_have_happened)
        self.changed.update(batch)

    @rule(which=st.integers(0, 10))
    def one_fails(self, which: int) -> None:
        batch = self.ended(which)
        self.queue.hand_back(batch)
        self.changed.update(batch)

    def ended(self, which: int) -> list[str]:
        return self.under_way.pop(which % len(self.under_way)) if self.under_way else []

    @invariant()
    def what_changed_waits(self) -> None:
        assert len(self.queue) == len(self.changed)

    def teardown(self) -> None:
        while self.under_way:
            self.one_fails(0)
        assert set(self.queue.take(self.at + RESEND, 1000)) == self.known


TestPosting = Posting.TestCase


@given(st.lists(st.lists(st.integers(0, 500).map(str), max_size=50), max_size=10))
def test_it_is_never_longer_than_there_are_alerts(batches: list[list[str]]) -> None:
    queue = Outbox(RESEND)
    for batch in batches:
        queue.urge(batch)
    assert len(queue) == len({name for batch in batches for name in batch})


def test_it_tells_how_many_waited_already() -> None:
    outbox = Outbox(60)
    assert outbox.urge(["a", "b"]) == 0
    assert outbox.urge(iter(["b", "c", "a"])) == 2
    assert len(outbox) == 3


def test_it_forgets_the_refusal_of_an_alert_that_is_there_no_more() -> None:
    outbox = Outbox(60)
    outbox.refuse("a", 1, 0.0)
    outbox.forget("a")
    assert not outbox.is_refused("a", 1)
