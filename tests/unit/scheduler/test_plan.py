import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.scheduler.plan import FURTHEST_AHEAD, Plan, Present, Slot, Step, decide, nothing_asked
from services.scheduler.slots import EPOCH, NO_SPLAY, latest_due
from services.scheduler.units import Unit, UnitKey
from shared.schedules import Cron, Every, parse_timing
from tests.unit.shared.inventory import Written, a_check, a_target

HOUR = dt.timedelta(hours=1)
NOW = dt.datetime(2026, 11, 23, 12, 30, tzinfo=dt.UTC)
NOON = NOW.replace(minute=0)
PRESENT = Present("streams", 100)
UNIT = Unit("t", "default", "1h", Every(HOUR), NO_SPLAY, 7)


def asked(due_at: dt.datetime = NOON, revision: int = 7, generation: str = "streams", sequence: int = 3) -> Slot:
    return Slot(due_at, revision, generation, sequence)


def test_nothing_is_owed_while_the_newest_slot_and_revision_were_asked_for() -> None:
    assert decide(UNIT, asked(), PRESENT, NOW) is None


def test_a_slot_that_came_is_owed_on_the_lane_of_the_schedule() -> None:
    step = decide(UNIT, asked(NOON - HOUR), PRESENT, NOW)
    assert step == Step(UNIT, "due", asked(NOON, sequence=0), 3, "due/t/1h/20261123T120000Z", "due")


def test_after_an_outage_only_the_newest_slot_is_owed() -> None:
    step = decide(UNIT, asked(NOON - 500 * HOUR), PRESENT, NOW)
    assert step is not None
    assert (step.lane, step.slot.due_at) == ("due", NOON)


def test_a_first_run_counts_for_the_slot_before_it() -> None:
    step = decide(UNIT, None, PRESENT, NOW)
    assert step == Step(UNIT, "bulk", Slot(NOON, 7, "streams"), 0, "changed/t/1h/7/streams", "never asked for")
    assert decide(UNIT, replace(step.slot, sequence=1), PRESENT, NOON + HOUR - dt.timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        pytest.param(None, "never asked for", id="new"),
        pytest.param(nothing_asked(9), "never asked for", id="slot-removed-or-unreadable"),
        pytest.param(asked(revision=6), "new or changed", id="changed"),
        pytest.param(asked(generation="older"), "a stream was made anew", id="made-anew"),
        pytest.param(asked(revision=101), "the configuration was put back", id="put-back"),
    ],
)
def test_what_changed_is_owed_at_once_and_in_place_of_what_is_due(known: Slot | None, reason: str) -> None:
    step = decide(UNIT, known, PRESENT, NOW)
    assert step is not None
    assert (step.lane, step.reason, step.slot) == ("bulk", reason, Slot(NOON, 7, "streams"))
    assert step.replaces == (known.sequence if known else 0)


def test_a_check_that_left_the_group_makes_no_run_although_the_revision_falls() -> None:
    assert decide(replace(UNIT, revision=2), asked(revision=7), PRESENT, NOW) is None


def test_a_due_run_keeps_the_revision_that_was_asked_for() -> None:
    step = decide(replace(UNIT, revision=2), asked(NOON - HOUR, revision=7), PRESENT, NOW)
    assert step is not None
    assert step.slot.revision == 7


def test_a_changed_run_never_moves_the_slot_back() -> None:
    step = decide(UNIT, asked(NOON + dt.timedelta(minutes=35), revision=6), PRESENT, NOW)
    assert step is not None
    assert step.slot.due_at == NOON + dt.timedelta(minutes=35)


def test_a_slot_asked_for_by_a_clock_a_little_ahead_is_left_alone() -> None:
    assert decide(UNIT, asked(NOW + FURTHEST_AHEAD), PRESENT, NOW) is None


def test_a_slot_far_ahead_is_put_right_without_a_run() -> None:
    step = decide(UNIT, asked(NOON + 9000 * HOUR), PRESENT, NOW)
    assert step is not None
    assert (step.lane, step.slot) == (None, asked(NOON, sequence=0))


def test_the_same_revision_of_other_streams_has_another_message_id() -> None:
    ids = {step.message_id for name in ("a", "b") if (step := decide(UNIT, None, Present(name, 100), NOW))}
    assert len(ids) == 2


@dataclass
class Bucket:
    """A bucket of slots that takes every write, for a plan alone."""

    plan: Plan
    sequence: int = 0
    done: list[Step] = field(default_factory=list)

    def do(self, steps: list[Step]) -> None:
        for step in steps:
            known = self.plan.slots.get(step.unit.key)
            assert step.replaces == (known.sequence if known else 0)
            self.sequence += 1
            self.plan.note_slot(step.unit.key, replace(step.slot, sequence=self.sequence))
        self.done += steps


def test_a_look_asks_once_and_the_next_one_asks_nothing() -> None:
    written = Written(a_check("c"), *(a_target(f"t{number}") for number in range(20)))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    assert len(bucket.done) == 20
    assert not plan.has_work(NOW, PRESENT)
    assert plan.steps(NOW, PRESENT) == []


def test_due_requests_go_before_first_runs() -> None:
    written = Written(a_check("c"), a_target("old"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    plan.note_change(written.put(a_target("aaa")))
    plan.note_change(written.put(a_target("zzz")))
    steps = plan.steps(NOW + 24 * HOUR, PRESENT)
    assert [step.lane for step in steps] == ["due", "bulk", "bulk"]


def test_each_slot_is_asked_for_once_as_time_goes_on() -> None:
    written = Written(a_check("c"), a_check("f", interval="frequent"), a_target("t1"), a_target("t2"))
    written.schedule("30 3 * * *", "c", "t2")
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    while (wake_up := plan.next_wake_up) is not None and wake_up <= NOW + 48 * HOUR:
        bucket.do(plan.steps(wake_up, PRESENT))
    counted = Counter(step.unit.key for step in bucket.done if step.lane == "due")
    assert counted == {("t1", "standard"): 2, ("t1", "frequent"): 12, ("t2", "frequent"): 12, ("t2", "30 3 * * *"): 2}
    assert len({step.message_id for step in bucket.done}) == len(bucket.done)


def test_a_clock_put_forward_floods_nothing() -> None:
    written = Written(a_check("c", interval="frequent"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    bucket.do(plan.steps(NOW + 1000 * HOUR, PRESENT))
    assert len(bucket.done) == 2


def test_a_clock_put_back_floods_nothing_and_goes_on_from_its_own_time() -> None:
    written = Written(a_check("c", interval="frequent"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW + 1000 * HOUR, PRESENT))
    plan.look_at_everything()
    bucket.do(plan.steps(NOW, PRESENT))
    assert [step.lane for step in bucket.done] == ["bulk", None]
    assert plan.next_wake_up is not None
    assert NOW < plan.next_wake_up <= NOW + 4 * HOUR
    bucket.do(plan.steps(plan.next_wake_up, PRESENT))
    assert [step.lane for step in bucket.done] == ["bulk", None, "due"]


def test_a_stream_made_anew_owes_everything_once() -> None:
    written = Written(a_check("c"), a_target("t1"), a_target("t2"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    anew = Present("made anew", 100)
    assert plan.has_work(NOW, anew)
    bucket.do(plan.steps(NOW, anew))
    assert len(bucket.done) == 4
    assert not plan.has_work(NOW, anew)


def test_a_change_is_seen_although_no_scheduler_ran_when_it_came() -> None:
    written = Written(a_check("c"), a_target("t1"), a_target("t2"))
    before = Plan(written.view)
    bucket = Bucket(before)
    bucket.do(before.steps(NOW, PRESENT))
    written.put(a_target("t1", labels={"team": "payments"}))
    after = Plan(written.view, dict(before.slots))
    assert [(step.unit.target, step.lane) for step in after.steps(NOW, PRESENT)] == [("t1", "bulk")]


def test_a_restart_repeats_nothing() -> None:
    written = Written(a_check("c"), a_target("t1"), a_target("t2"))
    before = Plan(written.view)
    bucket = Bucket(before)
    bucket.do(before.steps(NOW, PRESENT))
    assert Plan(written.view, dict(before.slots)).steps(NOW, PRESENT) == []


def test_a_removed_target_is_asked_for_no_more() -> None:
    written = Written(a_check("c"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    plan.note_change(written.remove(a_target("t")))
    assert plan.steps(NOW + 100 * HOUR, PRESENT) == []
    assert plan.next_wake_up is None


def test_a_slot_that_somebody_removed_is_owed_again() -> None:
    written = Written(a_check("c"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    plan.note_slot(("t", "standard"), nothing_asked(17))
    (step,) = plan.steps(NOW, PRESENT)
    assert (step.lane, step.replaces) == ("bulk", 17)


def test_what_another_scheduler_asked_for_is_not_owed_when_its_time_comes() -> None:
    written = Written(a_check("c", interval="frequent"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    wake_up = plan.next_wake_up
    assert wake_up is not None
    plan.note_slot(("t", "frequent"), Slot(wake_up, plan.slots["t", "frequent"].revision, "streams", 99))
    assert plan.steps(wake_up, PRESENT) == []
    assert plan.next_wake_up == wake_up + 4 * HOUR


def test_a_slot_that_was_written_over_already_changes_nothing() -> None:
    plan = Plan(Written(a_check("c"), a_target("t")).view)
    plan.note_slot(("t", "standard"), asked(sequence=9))
    plan.note_slot(("t", "standard"), asked(NOON - HOUR, sequence=8))
    assert plan.slots["t", "standard"] == asked(sequence=9)
    plan.note_slot(("t", "standard"), nothing_asked(0))
    assert plan.slots["t", "standard"] == nothing_asked(0)


def test_a_bucket_made_anew_keeps_what_is_known_but_not_its_places() -> None:
    written = Written(a_check("c", interval="frequent"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    plan.note_other_bucket()
    assert plan.steps(NOW, PRESENT) == []
    (step,) = plan.steps(NOW + 4 * HOUR, PRESENT)
    assert (step.lane, step.replaces) == ("due", 0)


def test_a_look_with_nothing_due_sees_no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(a_check("c"), *(a_target(f"t{number}") for number in range(50)))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    bucket.do(plan.steps(NOW, PRESENT))
    wake_up = plan.next_wake_up
    assert wake_up is not None
    seen = []
    monkeypatch.setattr("services.scheduler.plan.decide", lambda unit, *rest: seen.append(unit) or decide(unit, *rest))
    plan.steps(wake_up - dt.timedelta(seconds=1), PRESENT)
    assert seen == []
    plan.steps(wake_up, PRESENT)
    assert len(seen) == 1


def test_what_is_left_over_on_the_agenda_is_dropped() -> None:
    written = Written(a_check("c"), a_target("t"))
    plan = Plan(written.view)
    bucket = Bucket(plan)
    for number in range(500):
        plan.note_change(written.put(a_target("t", labels={"n": str(number)})))
        bucket.do(plan.steps(NOW, Present("streams", 1000)))
    assert len(plan._agenda) < 100


SCHEDULES = ("10m", "4h", "*/7 * * * *", "30 2 * * *")
TARGETS = ("t1", "t2", "t3")


@settings(max_examples=60, stateful_step_count=40)
class SchedulersSideBySide(RuleBasedStateMachine):
    """Some schedulers with clocks that differ by seconds share one bucket and one stream that knows its message ids.

    Whatever the order in which they look, see each other's slots, miss changes, restart and lose their races: each
    slot is asked for once, none is asked for that is not the newest, and in the end nothing is owed.
    """

    @initialize()
    def begin(self) -> None:
        self.written = Written(*(a_target(name) for name in TARGETS), a_check("a"), a_check("b"))
        self.written.schedule("10m", "a")
        self.now = NOW
        self.bucket: dict[UnitKey, Slot] = {}
        self.sequence = 0
        self.stored: list[tuple[Step, dt.datetime]] = []
        self.ids: set[str] = set()
        self.schedulers = [self.started(), self.started()]
        self.skews = [dt.timedelta(0), dt.timedelta(seconds=20)]

    def started(self) -> Plan:
        return Plan(self.written.view, dict(self.bucket))

    def present(self) -> Present:
        return Present("streams", self.written.view.revision)

    def look(self, number: int) -> None:
        plan = self.schedulers[number]
        for key, slot in self.bucket.items():  # it catches up before it plans
            plan.note_slot(key, slot)
        self.do(number, plan.steps(self.now + self.skews[number], self.present()))

    def do(self, number: int, steps: list[Step]) -> None:
        for step in steps:
            if step.lane and step.message_id not in self.ids:
                self.ids.add(step.message_id)
                self.stored.append((step, self.now))
            known = self.bucket.get(step.unit.key)
            if step.replaces != (known.sequence if known else 0):
                self.schedulers[number].look_again([step.unit.key])  # lost the race
                continue
            self.sequence += 1
            self.bucket[step.unit.key] = replace(step.slot, sequence=self.sequence)
            self.schedulers[number].note_slot(step.unit.key, self.bucket[step.unit.key])

    @rule(minutes=st.integers(min_value=0, max_value=300))
    def time_goes_on(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    @rule(number=st.sampled_from([0, 1]))
    def one_looks(self, number: int) -> None:
        self.look(number)

    @rule()
    def both_look_at_once(self) -> None:
        for plan in self.schedulers:
            for key, slot in self.bucket.items():
                plan.note_slot(key, slot)
        planned = [
            plan.steps(self.now + skew, self.present()) for plan, skew in zip(self.schedulers, self.skews, strict=True)
        ]
        for number, steps in enumerate(planned):
            self.do(number, steps)

    @rule(number=st.sampled_from([0, 1]))
    def one_dies_between_the_request_and_its_slot(self, number: int) -> None:
        plan = self.schedulers[number]
        for key, slot in self.bucket.items():
            plan.note_slot(key, slot)
        for step in plan.steps(self.now + self.skews[number], self.present()):
            if step.lane and step.message_id not in self.ids:
                self.ids.add(step.message_id)
                self.stored.append((step, self.now))
        self.schedulers[number] = self.started()

    @rule(name=st.sampled_from(TARGETS), seen=st.sampled_from(["both", "first", "none"]))
    def a_target_changes(self, name: str, seen: str) -> None:
        change = self.written.put(a_target(name, labels={"n": str(self.written.view.revision)}))
        self.tell(change, seen)

    @rule(check=st.sampled_from(["a", "b"]), schedule=st.sampled_from(SCHEDULES))
    def a_schedule_changes(self, check: str, schedule: str) -> None:
        self.tell(self.written.schedule(schedule, check), "both")

    def tell(self, change: object, seen: str) -> None:
        for number, plan in enumerate(self.schedulers):
            if seen == "both" or (seen == "first" and number == 0):
                plan.note_change(change)  # type: ignore[arg-type]
            else:  # it did not run at that moment
                self.schedulers[number] = self.started()

    @invariant()
    def no_slot_is_asked_for_twice(self) -> None:
        asked = Counter((step.unit.key, step.slot.due_at) for step, _ in self.stored if step.lane == "due")
        assert not [slot for slot, times in asked.items() if times > 1]

    @invariant()
    def only_the_newest_slot_is_ever_asked_for(self) -> None:
        for step, at in self.stored:
            newest = {latest_due(step.unit.timing, step.unit.splay, at + skew) for skew in self.skews}
            # a slot that one clock has reached already stays the newest for the other
            assert step.slot.due_at in newest or step.lane == "bulk"

    @precondition(lambda self: self.stored)
    @rule()
    def in_the_end_nothing_is_owed(self) -> None:
        for _ in range(3):
            self.look(0)
            self.look(1)
        ahead = self.now + max(self.skews)
        for plan in self.schedulers:
            for unit in plan.units:
                slot = self.bucket[unit.key]
                assert slot.revision >= unit.revision
                assert slot.due_at == latest_due(unit.timing, unit.splay, ahead)


TestSchedulersSideBySide = SchedulersSideBySide.TestCase


def test_the_epoch_is_no_slot_that_could_be_asked_for() -> None:
    assert nothing_asked(1).due_at == EPOCH
    assert nothing_asked(1).says_nothing
    assert isinstance(parse_timing("0 3 * * *"), Cron)
