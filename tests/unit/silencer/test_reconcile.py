"""What has to happen in one Alertmanager, as rules and as properties over everything that may happen to it."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.silencer.reconcile import (
    Action,
    End,
    Make,
    Plan,
    Record,
    marked_comment,
    mute_id_of,
    reconcile,
    unavailable,
)
from services.silencer.results import MutedAlert
from shared.alertmanager_api import PostedSilence
from shared.mutes import Matcher, MutedFinding, SilenceMade
from shared.severity import Severity
from tests.unit.silencer.stream import AM, DAY, World, as_expired

HOUR = dt.timedelta(hours=1)
FINDING = MutedFinding(
    engine="postgresql", target="db1", check="weak", severity=Severity.CRITICAL, labels={"role": "app"}
)


def plans_of(
    world: World, gossip: dt.timedelta = dt.timedelta(0), overlap: dt.timedelta = dt.timedelta(0)
) -> list[Plan]:
    return reconcile(
        world.mutes.wanted.mutes, world.listed(), alertmanager=AM, now=world.mutes.now, gossip=gossip, overlap=overlap
    )


def actions_of(world: World) -> list[Action]:
    return [action for plan in plans_of(world) for action in plan.actions]


def go_round(world: World) -> None:
    world.carry_out(plans_of(world))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def muted(world: World) -> str:
    """A mute with its silence made and written."""
    mute_id = world.mutes.muted()
    go_round(world)
    return mute_id


def test_a_settled_mute_gets_one_silence_with_its_matchers_end_author_and_marker(world: World) -> None:
    mute_id = world.mutes.muted(comment="known, see #12")
    go_round(world)
    [silence] = world.living(mute_id)
    assert {(one.name, one.value) for one in silence.matchers} == {("alertname", "weak"), ("service_name", "db1")}
    assert silence.ends_at == world.mutes.now + DAY
    assert silence.created_by == "ann"
    assert silence.comment == f"known, see #12 [watchword:{mute_id}]"
    assert world.mutes[mute_id].silence_in(AM) == SilenceMade(alertmanager=AM, silence_id=silence.id, state="active")


def test_a_second_round_does_nothing(world: World, muted: str) -> None:
    assert plans_of(world) == []


def test_a_mute_that_waits_for_its_matchers_gets_no_silence(world: World) -> None:
    world.mutes.ask(target=None, check=None, fingerprint="0123456789abcdef")
    assert plans_of(world) == []


def test_a_silence_that_was_made_but_not_written_is_found_by_its_marker(world: World) -> None:
    mute_id = world.mutes.muted()
    world.carry_out(plans_of(world), fuel=1)
    assert world.mutes[mute_id].silence_in(AM) == SilenceMade(alertmanager=AM, state="waiting")
    go_round(world)
    [silence] = world.living(mute_id)
    assert world.mutes[mute_id].silence_in(AM) == SilenceMade(alertmanager=AM, silence_id=silence.id, state="active")
    assert world.count == 1


def test_a_lost_silence_is_made_again(world: World, muted: str) -> None:
    world.silences.clear()
    [make] = actions_of(world)
    assert isinstance(make, Make)
    assert make.reason == "lost"
    go_round(world)
    assert len(world.living(muted)) == 1
    assert plans_of(world) == []


def test_a_member_of_a_cluster_that_has_not_heard_of_a_new_silence_is_no_loss(world: World, muted: str) -> None:
    world.silences.clear()
    assert plans_of(world, gossip=dt.timedelta(seconds=30)) == []
    world.mutes.now += dt.timedelta(seconds=31)
    assert len(plans_of(world, gossip=dt.timedelta(seconds=30))) == 1


def test_of_two_living_ones_the_older_stays(world: World, muted: str) -> None:
    [older] = world.living(muted)
    world.mutes.now += HOUR
    younger = world.make(
        PostedSilence(
            matchers=older.matchers,
            starts_at=world.mutes.now,
            ends_at=older.ends_at,
            created_by="ann",
            comment=older.comment,
        )
    )
    assert actions_of(world) == [End(younger, f"{older.id} is the same and older")]
    go_round(world)
    assert [one.id for one in world.living(muted)] == [older.id]
    assert plans_of(world) == []


def test_when_the_younger_one_was_written_the_older_one_is_written_first(world: World, muted: str) -> None:
    [younger] = world.living(muted)
    older = world.make(
        PostedSilence(
            matchers=younger.matchers,
            starts_at=world.mutes.now,
            ends_at=younger.ends_at,
            created_by="ann",
            comment=younger.comment,
        )
    )
    world.change(older, starts_at=younger.starts_at - dt.timedelta(seconds=1))
    record, end = actions_of(world)
    assert isinstance(record, Record)
    assert record.made.silence_id == older
    assert end == End(younger.id, f"{older} is the same and older")


def test_a_silence_that_a_person_ended_is_noted_and_not_made_again(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.mutes.now += HOUR
    world.end(silence.id)
    go_round(world)
    noted = world.mutes[muted].silence_in(AM)
    assert noted == SilenceMade(alertmanager=AM, silence_id=silence.id, state="ended", by_person=True)
    assert plans_of(world) == []
    world.silences.clear()  # Alertmanager forgets it after 120 h
    assert plans_of(world) == []


def test_a_silence_that_a_person_ended_before_it_was_written_stays_ended(world: World) -> None:
    mute_id = world.mutes.muted()
    world.carry_out(plans_of(world), fuel=1)
    [silence] = world.living(mute_id)
    world.mutes.now += dt.timedelta(minutes=1)
    world.end(silence.id)
    go_round(world)
    noted = world.mutes[mute_id].silence_in(AM)
    assert noted is not None
    assert (noted.state, noted.by_person) == ("ended", True)
    assert plans_of(world) == []


def test_an_end_by_a_person_that_a_crash_undid_is_done_again(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.mutes.now += HOUR
    world.end(silence.id)
    go_round(world)
    world.silences[silence.id] = silence
    assert actions_of(world) == [End(silence.id, "a person had ended it before")]


def test_a_silence_that_a_person_made_anew_from_an_ended_one_counts(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.mutes.now += HOUR
    world.end(silence.id)
    go_round(world)
    anew = world.make(
        PostedSilence(
            matchers=silence.matchers,
            starts_at=world.mutes.now,
            ends_at=silence.ends_at,
            created_by="carl",
            comment=silence.comment,
        )
    )
    go_round(world)
    assert world.mutes[muted].silence_in(AM) == SilenceMade(alertmanager=AM, silence_id=anew, state="active")
    assert [one.id for one in world.living(muted)] == [anew]


def test_an_edited_silence_that_keeps_the_marker_counts_as_the_mutes(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.mutes.now += HOUR
    edited = world.edit_matchers(silence.id)
    go_round(world)
    assert [one.id for one in world.living(muted)] == [edited]
    assert world.mutes[muted].silence_in(AM) == SilenceMade(alertmanager=AM, silence_id=edited, state="active")
    assert plans_of(world) == []


@pytest.mark.parametrize("hours", [2, 48], ids=["shorter", "longer"])
def test_a_living_silence_with_another_end_is_left_alone(world: World, muted: str, hours: int) -> None:
    [silence] = world.living(muted)
    world.change(silence.id, ends_at=world.mutes.now + hours * HOUR)
    assert plans_of(world) == []


def test_a_silence_that_ran_out_by_itself_was_not_ended_by_a_person(world: World, muted: str) -> None:
    # Alertmanager's clock is ahead of ours: it says expired, and its end is the one that was asked for.
    world.mutes.now += DAY - dt.timedelta(seconds=30)
    existing = [as_expired(one) for one in world.listed()]
    assert reconcile(world.mutes.wanted.mutes, existing, alertmanager=AM, now=world.mutes.now) == []


def test_a_silence_whose_mute_is_not_known_is_left_alone(world: World) -> None:
    world.make(
        PostedSilence(
            matchers=(Matcher(name="alertname", value="x"),),
            starts_at=world.mutes.now,
            ends_at=world.mutes.now + DAY,
            created_by="ann",
            comment=marked_comment("1767225600000000-99", "from before"),
        )
    )
    assert plans_of(world) == []


def test_a_silence_older_than_the_mute_of_its_marker_belongs_to_another_one(world: World) -> None:
    # A backup of the stream was restored: sequences, and so the ids of mutes, come again.
    mute_id = world.mutes.muted()
    foreign = world.make(
        PostedSilence(
            matchers=(Matcher(name="alertname", value="something else"),),
            starts_at=world.mutes.now,
            ends_at=world.mutes.now + DAY,
            created_by="ann",
            comment=marked_comment(mute_id, "asked for before the restore"),
        )
    )
    world.change(foreign, starts_at=world.mutes.now - 2 * HOUR)
    go_round(world)
    assert world.count == 2
    assert len(world.living(mute_id)) == 2
    assert plans_of(world) == []


def test_an_unmute_ends_every_living_silence_and_notes_it(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.edit_matchers(silence.id)
    world.mutes.unmute(id=muted)
    go_round(world)
    assert world.living(muted) == []
    noted = world.mutes[muted].silence_in(AM)
    assert noted is not None
    assert (noted.state, noted.by_person) == ("ended", False)
    assert plans_of(world) == []


def test_an_unmute_that_a_crash_of_alertmanager_undid_is_done_again(world: World, muted: str) -> None:
    [silence] = world.living(muted)
    world.mutes.unmute(id=muted)
    go_round(world)
    world.silences[silence.id] = silence
    assert [type(action) for action in actions_of(world)] == [End]


def test_a_mute_whose_time_is_over_needs_nothing(world: World, muted: str) -> None:
    world.mutes.now += DAY
    world.silences.clear()
    assert plans_of(world) == []


def test_a_renamed_label_makes_the_new_silence_before_the_old_one_ends(world: World) -> None:
    mute_id = world.mutes.ask(target=None, check=None, fingerprint="0123456789abcdef")
    world.mutes.settle(mute_id, MutedAlert({}, FINDING, {}))
    go_round(world)
    [old] = world.living(mute_id)
    world.mutes.tend(mute_id, {"role": "primary"})
    [make] = actions_of(world)
    assert isinstance(make, Make)
    assert ("finding_role", "app") in {(one.name, one.value) for one in make.silence.matchers}
    world.mutes.now += HOUR
    world.carry_out(plans_of(world), fuel=1)  # dies before it is written
    [first, new] = world.living(mute_id)
    assert first == old
    go_round(world)
    assert [one.id for one in world.living(mute_id)] == [new.id]
    assert world.mutes[mute_id].silence_in(AM) == SilenceMade(alertmanager=AM, silence_id=new.id, state="active")
    assert plans_of(world) == []


def test_a_silence_with_former_matchers_stays_beside_the_new_one_for_a_while(world: World) -> None:
    mute_id = world.mutes.ask(target=None, check=None, fingerprint="0123456789abcdef")
    world.mutes.settle(mute_id, MutedAlert({}, FINDING, {}))
    go_round(world)
    [old] = world.living(mute_id)
    world.mutes.tend(mute_id, {"role": "primary"})
    go_round(world)
    minute = dt.timedelta(minutes=1)
    assert plans_of(world, overlap=minute) == []
    world.mutes.now += minute
    [plan] = plans_of(world, overlap=minute)
    assert plan.actions == (End(old.id, "made anew with other matchers"),)


def test_a_new_silence_that_a_person_ends_takes_the_former_one_with_it(world: World) -> None:
    mute_id = world.mutes.ask(target=None, check=None, fingerprint="0123456789abcdef")
    world.mutes.settle(mute_id, MutedAlert({}, FINDING, {}))
    go_round(world)
    world.mutes.tend(mute_id, {"role": "primary"})
    go_round(world)
    world.mutes.now += dt.timedelta(seconds=30)
    [_, new] = world.living(mute_id)
    world.end(new.id)
    go_round(world)
    assert world.living(mute_id) == []
    noted = world.mutes[mute_id].silence_in(AM)
    assert noted == SilenceMade(alertmanager=AM, silence_id=new.id, state="ended", by_person=True)
    assert plans_of(world) == []


def test_what_a_person_ended_is_not_made_again_by_a_renamed_label(world: World) -> None:
    mute_id = world.mutes.ask(target=None, check=None, fingerprint="0123456789abcdef")
    world.mutes.settle(mute_id, MutedAlert({}, FINDING, {}))
    go_round(world)
    world.mutes.now += HOUR
    world.end(world.living(mute_id)[0].id)
    world.mutes.tend(mute_id, {"role": "primary"})
    go_round(world)
    assert world.living(mute_id) == []
    assert plans_of(world) == []


def test_an_alertmanager_that_cannot_be_asked_is_written_once_for_mutes_without_a_silence(
    world: World, muted: str
) -> None:
    waiting = world.mutes.muted()

    def look() -> list[Plan]:
        return unavailable(world.mutes.wanted.mutes, alertmanager=AM, reason="away", now=world.mutes.now)

    [plan] = look()
    assert plan.mute.id == waiting
    world.carry_out([plan])
    assert world.mutes[waiting].silence_in(AM) == SilenceMade(alertmanager=AM, state="waiting", error="away")
    assert look() == []


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("why [watchword:12-34]", "12-34"),
        ("[watchword:12-34] and more that a person wrote", "12-34"),
        ("copied [watchword:1-1] from another [watchword:2-2]", "2-2"),
        ("plain", None),
        ("[watchword:]", None),
        ("[watchword:abc-1]", None),
    ],
)
def test_the_last_marker_of_a_comment_names_the_mute(comment: str, expected: str | None) -> None:
    assert mute_id_of(comment) == expected


EVENTS = st.sampled_from(
    [
        "ask",
        "unmute",
        "unmute by name",
        "person ends",
        "person edits matchers",
        "person edits end",
        "person copies",
        "silence is lost",
        "everything is lost",
        "rename",
        "time passes",
        "round",
        "round that dies",
    ]
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 7)), max_size=30))
def test_whatever_happens_two_rounds_are_enough_and_each_mute_has_one_silence(events: list[tuple[str, int]]) -> None:
    world = World()
    foreign = world.make(
        PostedSilence(
            matchers=(Matcher(name="a", value="b"),),
            starts_at=world.mutes.now,
            ends_at=world.mutes.now + 300 * DAY,
            created_by="ann",
            comment="nobody's [watchword:1-1]",
        )
    )
    for event, number in events:
        happen(world, foreign, event, number)
    before = world.silences[foreign]
    for mute in list(world.mutes.wanted.mutes.values()):
        world.mutes.tend(mute.id)
    go_round(world)
    go_round(world)
    assert plans_of(world) == []
    assert world.silences[foreign] == before
    for mute in world.mutes.wanted.mutes.values():
        living = world.living(mute.id)
        noted = mute.silence_in(AM)
        if mute.unmute:
            assert living == []
        elif mute.is_in_force(world.mutes.now):
            assert noted is not None
            if noted.state == "ended":
                assert noted.by_person
                assert living == []
            else:
                assert [one.id for one in living] == [noted.silence_id]


def happen(world: World, foreign: str, event: str, number: int) -> None:
    """Let one thing happen; ``number`` chooses to what."""
    mutes = list(world.mutes.wanted.mutes)
    living = [one.id for one in world.listed() if one.is_living and one.id != foreign]
    mute_id = mutes[number % len(mutes)] if mutes else ""
    silence_id = living[number % len(living)] if living else ""
    match event:
        case "ask":
            finding = MutedFinding(
                engine="postgresql", target=f"db{number}", check="weak", severity=Severity.ERROR, labels={"role": "app"}
            )
            asked = world.mutes.ask(target=None, check=None, fingerprint=f"{number:016x}")
            world.mutes.settle(asked, MutedAlert({}, finding, {}))
        case "unmute" if mute_id:
            world.mutes.unmute(id=mute_id)
        case "unmute by name":
            world.mutes.unmute(target=f"db{number}")
        case "everything is lost":
            world.silences = {foreign: world.silences[foreign]}
        case "rename" if mute_id:
            world.mutes.tend(mute_id, {"role": "x"} if number % 2 else {})
        case "time passes":
            world.mutes.now += number * HOUR
        case "round":
            go_round(world)
        case "round that dies":
            world.carry_out(plans_of(world), fuel=number)
        case _ if silence_id:
            happen_to(world, silence_id, event, number)


def happen_to(world: World, silence_id: str, event: str, number: int) -> None:
    """Let something happen to one living silence."""
    match event:
        case "person ends":
            world.end(silence_id)
        case "person edits matchers":
            world.edit_matchers(silence_id)
        case "person edits end":
            world.change(silence_id, ends_at=world.mutes.now + (number + 1) * 5 * HOUR)
        case "person copies":
            copied = world.silences[silence_id]
            world.make(
                PostedSilence(
                    matchers=copied.matchers,
                    starts_at=world.mutes.now,
                    ends_at=copied.ends_at,
                    created_by="carl",
                    comment=copied.comment,
                )
            )
        case "silence is lost":
            del world.silences[silence_id]
