import datetime as dt

import pytest

from shared.alertmanager_api import AlertmanagerStatus
from shared.configuration import Alertmanager, Configuration, Disabled
from shared.subjects import LANES, check_key, setting_key, target_key
from tests.unit.inventory.samples import a_check, a_target
from watchword.doctor import (
    ConsumerFacts,
    judge_alertmanager,
    judge_clock,
    judge_configuration,
    judge_dead_letters,
    judge_pool,
    judge_server,
    judge_stage,
    judge_streams,
    judge_targets,
)

SERVED = ConsumerFacts(waiting_pulls=2, pending=0, in_work=0)
BUSY = ConsumerFacts(waiting_pulls=0, pending=7, in_work=4)
ALONE = ConsumerFacts(waiting_pulls=0, pending=7, in_work=0)


@pytest.mark.parametrize(
    ("version", "level"), [((2, 15, 1), "ok"), ((2, 11, 0), "ok"), ((2, 10, 29), "fail"), ((2, 9, 10), "fail")], ids=str
)
def test_a_server_below_2_11_is_too_old(version: tuple[int, int, int], level: str) -> None:
    assert judge_server(version, "nats://x").level == level


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, "ok", "agrees"),
        (-4, "ok", "agrees"),
        (6, "warn", "ahead of"),
        (-6, "warn", "behind"),
        (-50, "fail", "behind"),
    ],
)
def test_clocks_that_differ_are_told_with_their_direction(seconds: int, level: str, words: str) -> None:
    line = judge_clock("Alertmanager", dt.timedelta(seconds=seconds))
    assert line.level == level
    assert words in line.what


def test_streams_are_missing_or_differ_or_are_as_declared() -> None:
    good = judge_streams({"A": [], "B": []})
    assert [(line.level, line.what) for line in good] == [("ok", "all 2 streams and buckets are as declared")]
    bad = judge_streams({"A": None, "B": ["max_age: asked for 1, has 2"], "C": []})
    assert [line.level for line in bad] == ["fail", "fail"]
    assert all(line.to_do == "run: watchword init" for line in bad)
    assert "B differs: max_age" in bad[0].what
    assert bad[1].what == "missing: A"


@pytest.mark.parametrize(
    ("facts", "level"),
    [(None, "fail"), (ALONE, "fail"), (SERVED, "ok"), (BUSY, "ok")],
    ids=["never", "gone", "idle", "busy"],
)
def test_a_stage_is_there_when_somebody_pulls_or_works(facts: ConsumerFacts | None, level: str) -> None:
    line = judge_stage("publisher", facts)
    assert line.level == level
    assert level == "ok" or line.to_do == "start one: watchword serve publisher"


@pytest.mark.parametrize(
    ("lanes", "level", "words"),
    [
        (dict.fromkeys(LANES, SERVED), "ok", "served, 3 targets"),
        (dict.fromkeys(LANES, None), "fail", "no checker serves it"),
        (dict.fromkeys(LANES, ALONE), "fail", "no checker serves it; waiting: 21 runs"),
        ({"now": SERVED, "bulk": BUSY, "due": None}, "warn", "nobody serves its lane due; waiting: 7 runs"),
    ],
    ids=["served", "never served", "deserted", "one lane missing"],
)
def test_a_pool_needs_a_checker_for_each_lane(lanes: dict[str, ConsumerFacts | None], level: str, words: str) -> None:
    line = judge_pool("berlin", 3, lanes)  # type: ignore[arg-type] # the lanes are lanes
    assert (line.level, line.what) == (level, words)
    assert level == "ok" or "WATCHWORD_POOLS=berlin watchword serve checker" in line.to_do


def test_a_private_pool_needs_the_process_that_has_its_passwords() -> None:
    assert "watchword up --config" in judge_pool("private-1", 1, {}).to_do


def test_an_alertmanager_answers_or_not_and_members_must_be_a_cluster() -> None:
    one = Alertmanager(name="a", urls=("http://a", "http://b"))
    ready = AlertmanagerStatus(version="0.28.0", cluster_state="ready")
    alone = AlertmanagerStatus(version="0.28.0", cluster_state="disabled")
    lines = judge_alertmanager(one, {"http://a": "http://a can't be reached: refused", "http://b": alone})
    assert [line.level for line in lines] == ["fail", "warn"]
    assert lines[0].what == "can't be reached: refused"
    assert [line.level for line in judge_alertmanager(one, {"http://a": ready, "http://b": ready})] == ["ok", "ok"]
    single = Alertmanager(name="a", urls=("http://a",))
    assert [line.level for line in judge_alertmanager(single, {"http://a": alone})] == ["ok"]


def a_configuration(**entries: bytes) -> Configuration:
    configuration = Configuration()
    for revision, (key, data) in enumerate(entries.items(), 1):
        configuration.apply(key, data, revision)
    return configuration


def test_a_configuration_needs_checks_and_targets_that_can_be_read() -> None:
    empty = judge_configuration(Configuration())
    assert [(line.level, line.what) for line in empty] == [("fail", "it has no checks"), ("warn", "it has no targets")]
    good = a_configuration(
        **{
            target_key("db"): a_target("db").model_dump_json().encode(),
            check_key("pg_a"): a_check("pg_a").model_dump_json().encode(),
            setting_key("person", "disabled", "pg_a"): Disabled().model_dump_json().encode(),
            setting_key("person", "disabled", "pg_b"): Disabled(disabled=False).model_dump_json().encode(),
            check_key("pg_new"): b'{"engine": "oracle"}',
        }
    )
    lines = judge_configuration(good)
    assert [line.level for line in lines] == ["warn", "ok", "ok"]
    assert lines[0].what.startswith("check.pg_new can't be read")
    assert lines[1].what == "1 target, 1 check"
    assert lines[2].what == "switched off: 1 check; see: watchword checks list"


def test_targets_that_could_not_be_looked_at_are_named_with_the_reason() -> None:
    lines = judge_targets({"db": {"a": "refused", "b": "refused"}, "good": {}}, [f"t{number}" for number in range(7)])
    assert [(line.about, line.what) for line in lines] == [
        ("target db", "2 checks could not look: refused"),
        ("targets", "never looked at: t0, t1, t2, t3, t4 and 2 more"),
    ]
    assert judge_targets({"good": {}}, []) == []


def test_dead_letters_are_worth_a_look() -> None:
    assert judge_dead_letters(0).level == "ok"
    assert judge_dead_letters(3).what == "3 messages could not be handled"
