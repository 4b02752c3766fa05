"""How are names written in subjects, keys and message ids? Reversibly, in one token, and never in two ways."""

import datetime as dt
import re
from collections.abc import Callable

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared import subjects
from shared.errors import NameRefused

NAMES = st.text(min_size=1, max_size=40).filter(lambda name: len(name.encode("utf-8", "surrogatepass")) <= 120)
LANES = st.sampled_from(subjects.LANES)
MOMENTS = st.integers(0, 4 * 10**15).map(
    lambda micros: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + micros * dt.timedelta(microseconds=1)
)


@given(NAMES)
@example("=")
@example("a.b")
@example("*")
@example(">")
@example("$JS.API")
@example("\x00 \r\n")
@example("größe")
@example("\udc80")
def test_any_name_becomes_one_token_that_is_valid_in_subjects_and_keys_and_back(name: str) -> None:
    token = subjects.token(name)
    assert re.fullmatch(r"[-_=a-zA-Z0-9]+", token)
    assert subjects.name_of(token) == name


@given(NAMES, NAMES)
def test_different_names_have_different_tokens(one: str, other: str) -> None:
    assume(one != other)
    assert subjects.token(one) != subjects.token(other)


@pytest.mark.parametrize("name", ["orders-1", "Orders_2", "0", "-", "x" * 120])
def test_a_plain_name_stands_for_itself(name: str) -> None:
    assert subjects.token(name) == name


@pytest.mark.parametrize(
    ("name", "token"),
    [
        pytest.param("db.example", "db=2Eexample", id="dot"),
        pytest.param("a b", "a=20b", id="space"),
        pytest.param("ü", "=C3=BC", id="utf-8"),
        pytest.param("100=", "100=3D", id="equals-sign"),
    ],
)
def test_any_other_byte_is_written_in_upper_case_hex(name: str, token: str) -> None:
    assert subjects.token(name) == token


@pytest.mark.parametrize(
    "name", [pytest.param("", id="empty"), pytest.param("x" * 121, id="long"), pytest.param("ü" * 61, id="long-bytes")]
)
def test_a_name_that_is_empty_or_too_long_is_refused(name: str) -> None:
    with pytest.raises(NameRefused, match="1 to 120 bytes"):
        subjects.token(name)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two-tokens"),
        pytest.param("a b", id="space"),
        pytest.param("=2e", id="lower-case"),
        pytest.param("=2", id="cut-off"),
        pytest.param("=", id="nothing-behind"),
        pytest.param("=FF", id="no-utf-8"),
        pytest.param("%20", id="percent"),
        pytest.param("x" * 121, id="longer-than-a-name"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(NameRefused, match=r"encode|bytes"):
        subjects.name_of(token)


@pytest.mark.parametrize("token", ["=41", "a=5Fb"])
def test_a_plain_byte_written_as_hex_is_refused_for_a_name_has_one_token(token: str) -> None:
    with pytest.raises(NameRefused):
        subjects.name_of(token)


@given(LANES, NAMES, NAMES, NAMES)
def test_a_subject_of_a_run_says_what_it_was_made_of(lane: subjects.Lane, pool: str, target: str, what: str) -> None:
    subject = subjects.run_requested(lane, pool, target, what)
    assert subjects.parse_run(subject) == subjects.RunSubject(lane, pool, target, what)
    assert subject.count(".") == subjects.CHECK_RUNS.count(".")
    assert subject.startswith(subjects.runs_of(lane, pool).removesuffix("*.*"))


@given(NAMES, NAMES, NAMES)
def test_a_subject_of_a_result_says_what_it_was_made_of(engine: str, target: str, check: str) -> None:
    verdict, error = subjects.verdict(engine, target, check), subjects.error(engine, target, check)
    assert subjects.parse_result(verdict) == subjects.ResultSubject("verdict", engine, target, check)
    assert subjects.parse_result(error) == subjects.ResultSubject("error", engine, target, check)
    assert verdict.startswith(subjects.verdicts_of(engine, target).removesuffix("*"))
    assert error.startswith(subjects.errors_of(engine, target).removesuffix("*"))


@pytest.mark.parametrize(
    ("parse", "subject"),
    [
        pytest.param(subjects.parse_run, "check.requested", id="front-door"),
        pytest.param(subjects.parse_run, "check.requested.soon.a.b.c", id="unknown-lane"),
        pytest.param(subjects.parse_run, "check.requested.now.a.b", id="short"),
        pytest.param(subjects.parse_run, "check.requested.now.a.b.c.d", id="long"),
        pytest.param(subjects.parse_run, "check.result.verdict.a.b.c", id="a-result"),
        pytest.param(subjects.parse_result, "check.requested.now.a.b.c", id="a-run"),
        pytest.param(subjects.parse_result, "check.result.opinion.a.b.c", id="unknown-kind"),
        pytest.param(subjects.parse_result, "check.result.verdict.a.b.%20", id="not-encoded"),
    ],
)
def test_a_subject_of_another_kind_is_refused(parse: Callable[[str], object], subject: str) -> None:
    with pytest.raises(NameRefused):
        parse(subject)


@given(st.lists(NAMES, min_size=1), st.randoms())
def test_the_same_checks_in_any_order_are_the_same_request(checks: list[str], random: "st.Random") -> None:  # type: ignore[name-defined]
    shuffled = [*checks, checks[0]]
    random.shuffle(shuffled)
    assert subjects.what_of_checks(shuffled) == subjects.what_of_checks(checks)
    assert subjects.token(subjects.what_of_checks(checks)) == subjects.what_of_checks(checks)


def test_different_checks_are_different_requests() -> None:
    assert len({subjects.what_of_checks(list(checks)) for checks in ("a", "b", "ab", "abc", "bc")}) == 5


@given(MOMENTS, MOMENTS, st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_later_ids_compare_as_greater(one: dt.datetime, other: dt.datetime, first: int, second: int) -> None:
    ids = [subjects.sequence_id(one, first), subjects.sequence_id(other, second)]
    parsed = [subjects.parse_sequence_id(identifier) for identifier in ids]
    assert (parsed[0] < parsed[1]) == ((one, first) < (other, second))
    assert all(subjects.token(identifier) == identifier for identifier in ids)


@pytest.mark.parametrize("identifier", ["", "17", "1-", "-1", "1-2-3", "a-1", "1-" + "9" * 20, "\uff11-\uff11"])
def test_what_is_no_id_is_refused(identifier: str) -> None:
    with pytest.raises(NameRefused, match="<created>-<sequence>"):
        subjects.parse_sequence_id(identifier)


def test_the_id_of_a_slot_is_its_due_time_in_utc() -> None:
    due_at = dt.datetime(2026, 11, 23, 4, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert subjects.due_message_id("db 1", "standard", due_at) == "due/db=201/standard/20261123T030000Z"


def test_the_id_of_a_change_names_the_revision_and_the_streams_it_belongs_to() -> None:
    moment = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    generation = subjects.generation_of((moment, moment))
    assert subjects.changed_message_id("t", "standard", 7, generation) == f"changed/t/standard/7/{generation}"
    assert generation != subjects.generation_of((moment, moment + dt.timedelta(microseconds=1)))


@given(NAMES, NAMES)
def test_keys_say_what_they_were_made_of(target: str, schedule: str) -> None:
    assert subjects.parse_key(subjects.target_key(target)) == ("target", target)
    assert subjects.parse_key(subjects.check_key(target)) == ("check", target)
    assert subjects.parse_key(subjects.setting_key("person", "disabled", target, schedule)) == (
        *("setting", "person", "disabled"),
        *(target, schedule),
    )
    assert subjects.parse_key(subjects.slot_key(target, schedule)) == (target, schedule)
    assert subjects.parse_key(subjects.lease_key(target)) == (target,)


@given(NAMES)
def test_keys_are_what_nats_allows(name: str) -> None:
    for key in (subjects.target_key(name), subjects.setting_key("file", "severity", name)):
        assert re.fullmatch(r"[-/_=.a-zA-Z0-9]+", key)
        assert not key.startswith(".")
        assert not key.endswith(".")
