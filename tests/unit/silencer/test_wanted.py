"""The fold of MUTES: what is muted, and who ended it, whatever the order of events."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.silencer.matchers import as_set
from services.silencer.results import MutedAlert
from services.silencer.wanted import Wanted
from shared import subjects
from shared.following import Stored
from shared.mutes import MutedFinding, SilenceMade
from shared.severity import Severity
from tests.unit.silencer.stream import AM, CREATED, DAY, NOON, Mutes

FINGERPRINT = "0123456789abcdef"


@pytest.fixture
def mutes() -> Mutes:
    return Mutes()


def test_a_mute_is_known_by_its_place_in_the_stream(mutes: Mutes) -> None:
    mutes.unmute(target="other")
    assert mutes.ask() == f"{subjects.created_token(CREATED)}-2"
    assert mutes.ask() == f"{subjects.created_token(CREATED)}-3"


def restored(mutes: Mutes) -> Wanted:
    """Return the fold of the same messages in a stream that ``nats stream restore`` has made of them."""
    wanted = Wanted(NOON + dt.timedelta(hours=6))
    for message in mutes.stored:
        wanted.apply(message)
    return wanted


def test_in_a_restored_stream_a_mute_has_the_id_of_its_results(mutes: Mutes) -> None:
    first, second = mutes.muted(), mutes.muted(target="db2")
    wanted = restored(mutes)
    assert set(wanted.mutes) == {first, second}
    assert all(mute.is_settled for mute in wanted.mutes.values())
    assert [mute.id for sequence in (1, 3) if (mute := wanted.mute_at(sequence))] == [first, second]


def test_in_a_restored_stream_an_unmute_ends_what_it_ended_before(mutes: Mutes) -> None:
    before_its_result, after_it = mutes.ask(), mutes.muted(target="db2")
    for mute_id in (before_its_result, after_it):
        mutes.unmute(id=mute_id)
    mutes.settle(before_its_result)
    wanted = restored(mutes)
    assert {mute.id for mute in wanted.mutes.values() if mute.unmute} == {before_its_result, after_it}


def test_in_a_restored_stream_what_nobody_had_settled_has_the_id_of_the_stream(mutes: Mutes) -> None:
    mutes.ask()
    wanted = restored(mutes)
    assert list(wanted.mutes) == [subjects.sequence_id(wanted.created, 1)]


@pytest.mark.parametrize(
    ("created", "sequence"),
    [
        pytest.param(CREATED, 2, id="no mute was asked for there"),
        pytest.param(NOON + dt.timedelta(hours=1), 1, id="an id of later than the request"),
        pytest.param(NOON + dt.timedelta(hours=7), 1, id="an id of later than the stream"),
    ],
)
def test_in_a_restored_stream_other_ids_are_of_nothing(mutes: Mutes, created: dt.datetime, sequence: int) -> None:
    mutes.ask()
    mutes.unmute(id=subjects.sequence_id(created, sequence))
    wanted = restored(mutes)
    assert [mute.unmute for mute in wanted.mutes.values()] == [None]


def test_where_a_stream_was_not_restored_no_result_names_a_mute_otherwise(mutes: Mutes) -> None:
    mute_id = mutes.muted()
    other = subjects.sequence_id(CREATED - DAY, 1)
    mutes.unmute(id=other)
    mutes.store(subjects.mute_result(other), {"request_id": other, "refused": "no"})
    assert list(mutes.wanted.mutes) == [mute_id]
    assert mutes[mute_id].is_in_force(NOON)


def test_a_mute_is_in_force_from_its_matchers_to_its_end(mutes: Mutes) -> None:
    mute_id = mutes.ask(**{"for": "1h"})
    assert not mutes[mute_id].is_in_force(NOON)
    mutes.settle(mute_id)
    assert mutes[mute_id].is_in_force(NOON + dt.timedelta(minutes=59))
    assert not mutes[mute_id].is_in_force(NOON + dt.timedelta(hours=1))


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"for": 3}', b"\xff", b'{"fingerprint": "x"}'])
def test_a_request_that_cannot_be_read_is_a_mute_with_a_fault(mutes: Mutes, body: bytes) -> None:
    mute_id = mutes.store("mute.requested", body)
    assert mutes[mute_id].fault
    mutes.settle(mute_id)
    assert mutes[mute_id].is_settled
    assert not mutes[mute_id].is_in_force(NOON)


def test_a_structured_cloudevent_is_understood(mutes: Mutes) -> None:
    event = {"specversion": "1.0", "type": "t", "source": "s", "id": "1", "data": {"target": "db1"}}
    request = mutes[mutes.store("mute.requested", event)].request
    assert request is not None
    assert request.target == "db1"


def test_the_last_result_counts_and_former_matchers_are_remembered(mutes: Mutes) -> None:
    finding = MutedFinding(engine="e", target="db1", check="weak", severity=Severity.ERROR, labels={"role": "a"})
    mute_id = mutes.ask(target=None, check=None, fingerprint=FINGERPRINT)
    first = mutes.settle(mute_id, MutedAlert({}, finding, {})).result
    assert first is not None
    mutes.tend(mute_id, {"role": "x"})
    assert mutes[mute_id].former == {as_set(first.matchers)}
    mutes.tend(mute_id, {})
    back = mutes[mute_id]
    assert back.result is not None
    assert as_set(back.result.matchers) == as_set(first.matchers)
    assert as_set(first.matchers) not in back.former


def test_a_broken_result_changes_nothing_but_the_place_to_write_upon(mutes: Mutes) -> None:
    mute_id = mutes.muted()
    before = mutes[mute_id].result
    mutes.store(subjects.mute_result(mute_id), b"garbage")
    assert mutes[mute_id].result == before
    assert mutes[mute_id].result_sequence == len(mutes.stored)


def test_a_result_of_a_mute_that_the_stream_has_forgotten_is_nothing(mutes: Mutes) -> None:
    mutes.store(subjects.mute_result("1-1"), {"request_id": "1-1", "matchers": [{"name": "a", "value": "b"}]})
    assert not mutes.wanted.mutes


class TestAnUnmute:
    def test_by_id_ends_a_mute_stored_before_it(self, mutes: Mutes) -> None:
        mute_id = mutes.muted()
        mutes.unmute(id=mute_id)
        assert not mutes[mute_id].is_in_force(NOON)

    def test_by_id_ends_a_mute_stored_after_it(self, mutes: Mutes) -> None:
        mutes.unmute(id=subjects.sequence_id(CREATED, 2))
        mute_id = mutes.ask()
        result = mutes.settle(mute_id).result
        assert result is not None
        assert result.ended_by == "bob: fixed"
        assert not mutes[mute_id].is_in_force(NOON)

    def test_by_id_ends_no_other_mute(self, mutes: Mutes) -> None:
        first, second = mutes.muted(), mutes.muted()
        mutes.unmute(id=first)
        assert mutes[second].is_in_force(NOON)

    @pytest.mark.parametrize(
        "request_",
        [{"target": "db1"}, {"check": "weak"}, {"target": "db1", "check": "weak", "severity": "error"}],
        ids=["target", "check", "all names"],
    )
    def test_by_name_ends_mutes_stored_before_it_alone(self, mutes: Mutes, request_: dict[str, Any]) -> None:
        before = mutes.muted(severity="error")
        mutes.unmute(**request_)
        after = mutes.muted(severity="error")
        assert not mutes[before].is_in_force(NOON)
        assert mutes[after].is_in_force(NOON)

    @pytest.mark.parametrize(
        "request_",
        [{"target": "db2"}, {"target": "db1", "check": "weak"}, {"target": "db1", "severity": "error"}],
        ids=["another target", "narrower by check", "narrower by severity"],
    )
    def test_by_name_leaves_mutes_that_are_about_more_or_something_else(
        self, mutes: Mutes, request_: dict[str, Any]
    ) -> None:
        mute_id = mutes.muted(check=None)
        mutes.unmute(**request_)
        assert mutes[mute_id].is_in_force(NOON)

    def test_by_name_ends_a_mute_by_matchers_or_fingerprint_of_that_name(self, mutes: Mutes) -> None:
        by_matchers = mutes.muted(target=None, check=None, matchers=[{"name": "service_name", "value": "db1"}])
        by_fingerprint = mutes.ask(target=None, check=None, fingerprint=FINGERPRINT)
        mutes.settle(by_fingerprint, MutedAlert({"alertname": "a", "service_name": "db1"}, None, {}))
        mutes.unmute(target="db1")
        assert not mutes[by_matchers].is_in_force(NOON)
        assert not mutes[by_fingerprint].is_in_force(NOON)

    def test_by_name_ends_a_mute_before_it_whose_matchers_were_fixed_after_it(self, mutes: Mutes) -> None:
        mute_id = mutes.ask()
        mutes.unmute(target="db1")
        result = mutes.settle(mute_id)
        assert not result.is_in_force(NOON)
        mutes.tend(mute_id)
        ended = mutes[mute_id].result
        assert ended is not None
        assert ended.ended_by == "bob: fixed"

    def test_by_fingerprint_ends_the_mutes_of_that_fingerprint_stored_before_it(self, mutes: Mutes) -> None:
        labels = {"alertname": "x"}
        before, other, after = (
            mutes.ask(target=None, check=None, fingerprint=FINGERPRINT),
            mutes.ask(target=None, check=None, fingerprint="f" * 16),
            "",
        )
        mutes.unmute(fingerprint=FINGERPRINT)
        after = mutes.ask(target=None, check=None, fingerprint=FINGERPRINT)
        for mute_id in (before, other, after):
            mutes.settle(mute_id, MutedAlert(labels, None, {}))
        assert [mutes[one].is_in_force(NOON) for one in (before, other, after)] == [False, True, True]

    def test_by_fingerprint_ends_a_mute_whose_alert_has_that_fingerprint_by_now(self, mutes: Mutes) -> None:
        finding = MutedFinding(engine="e", target="db1", check="weak", severity=Severity.ERROR)
        mute_id = mutes.ask(target=None, check=None, fingerprint=FINGERPRINT)
        mutes.settle(mute_id, MutedAlert({}, finding, {}))
        result = mutes.tend(mute_id, {"team": "moved"}).result
        assert result is not None
        mutes.unmute(fingerprint=result.fingerprints[-1])
        assert result.fingerprints[-1] != FINGERPRINT
        assert not mutes[mute_id].is_in_force(NOON)

    @pytest.mark.parametrize(
        "body",
        [b"no json", {}, {"severity": "error"}, {"id": "x", "target": "db1"}],
        ids=["broken", "empty", "severity", "two ways"],
    )
    def test_that_is_refused_ends_nothing(self, mutes: Mutes, body: Any) -> None:
        mute_id = mutes.muted()
        mutes.store("unmute.requested", body)
        assert mutes[mute_id].is_in_force(NOON)

    def test_names_all_mutes_that_it_is_about_also_those_that_had_ended(self, mutes: Mutes) -> None:
        first = mutes.muted()
        mutes.unmute(target="db1")
        second = mutes.muted()
        mutes.unmute(target="db1")
        unmute = mutes.wanted.unmute_at(len(mutes.stored))
        assert unmute is not None
        mutes.muted()
        assert [one.id for one in mutes.wanted.ended_by(unmute)] == [first, second]
        assert mutes.wanted.unmute_at(1) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["db1", "db2"])),
        st.tuples(st.just("unmute name"), st.sampled_from(["db1", "db2"])),
        st.tuples(st.just("unmute id"), st.integers(1, 12)),
        st.tuples(st.just("settle"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(1, 13)),
    ),
    max_size=20,
)


@given(STEPS)
def test_in_any_order_a_mute_ends_by_its_id_or_by_a_later_name(steps: list[tuple[str, Any]]) -> None:
    mutes = Mutes()
    asked: list[tuple[str, str, int]] = []
    for step, detail in steps:
        match step:
            case "ask":
                asked.append((mutes.ask(target=detail, check=None), detail, len(mutes.stored)))
            case "unmute name":
                mutes.unmute(target=detail)
            case "unmute id":
                mutes.unmute(id=subjects.sequence_id(CREATED, detail))
            case "settle" if asked:
                mutes.settle(asked[detail % len(asked)][0])
            case "wait":
                mutes.now += detail * dt.timedelta(hours=1)
    for mute_id, _, _ in asked:
        mutes.settle(mute_id)
    for mute_id, target, sequence in asked:
        unmutes = [(one.sequence, one.data.decode()) for one in mutes.stored if one.subject == "unmute.requested"]
        by_id = any(f'"{mute_id}"' in body for _, body in unmutes)
        by_name = any(later > sequence and f'"{target}"' in body for later, body in unmutes)
        mute = mutes[mute_id]
        if mute.result is not None and not mute.result.refused and not mute.is_over(mutes.now):
            assert mute.is_in_force(mutes.now) == (not by_id and not by_name)


@given(STEPS)
def test_a_fold_that_was_begun_again_says_the_same(steps: list[tuple[str, Any]]) -> None:
    mutes = Mutes()
    for step, detail in steps:
        if step == "ask":
            mutes.muted(target=detail, check=None)
        elif step == "unmute name":
            mutes.unmute(target=detail)
    again = Wanted(CREATED)
    for message in mutes.stored:
        again.apply(message)
    assert again.mutes == mutes.wanted.mutes


@given(
    st.sampled_from(["mute.requested", "unmute.requested", "mute.result.1-1", "mute.result.=FF", "other"]),
    st.one_of(st.binary(max_size=50), st.sampled_from([b'{"matchers": [{}]}', b'{"request_id": 3}', b'{"id": null}'])),
)
def test_no_message_breaks_the_fold(subject: str, body: bytes) -> None:
    Wanted(CREATED).apply(Stored(subject, 1, body, {}, NOON))


def test_a_year_of_mutes_is_folded_in_a_moment() -> None:
    mutes = Mutes()
    began = dt.datetime.now(dt.UTC)
    for number in range(1500):
        mute_id = mutes.muted(target=f"db{number % 50}", **{"for": "4h"})
        mutes.record(mute_id, SilenceMade(alertmanager=AM, silence_id="s", state="active"))
        if number % 2:
            mutes.unmute(target=f"db{number % 50}")
        mutes.now += DAY / 4
    assert (dt.datetime.now(dt.UTC) - began).total_seconds() < 10
