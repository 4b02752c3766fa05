"""The checker's promises, on a real NATS server and a real PostgreSQL."""

import asyncio
import json

import pytest

from services.checker.parts import PARTS_AT_A_TIME
from services.checker.turns import Turns
from shared import leases, subjects
from shared.events import CheckResult, RunRequested
from shared.streams import CHECK_EVENTS, CHECK_REQUESTS, CHECK_RUNS, DEAD_LETTERS
from tests.integration.checker_fleet import eventually, fleet_on

PASSES = "def check_context(docs, context):\n  return []\n"
FAILS = """
def check_context(docs, context):
  return [{"summary": "one is %d" % docs[0][0]["one"], "severity": "warning", "labels": {"row": "1"}}]
"""
BREAKS = "def check_context(docs, context):\n  fail('broken on purpose')\n"


@pytest.fixture
async def fleet(start_nats):
    async with fleet_on(start_nats().url) as fleet:
        yield fleet


@pytest.fixture
def place(postgresql):
    return {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user, "database": "postgres"}


async def test_empty_bytes_run_every_check_on_every_target(fleet, place):
    await fleet.target("one", **place)
    await fleet.target("two", **place)
    await fleet.check("passes", PASSES)
    await fleet.check("fails", FAILS)
    async with fleet.checker():
        await fleet.jetstream.publish("check.requested", b"")
        for target in ("one", "two"):
            assert (await fleet.status(target, "passes", "passed")).findings == []
            (finding,) = (await fleet.status(target, "fails", "failed")).findings
            assert (finding.summary, finding.labels) == ("one is 1", {"row": "1"})


async def test_request_is_accepted_and_its_end_is_told(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("passes", PASSES)
    await fleet.check("breaks", BREAKS)
    async with fleet.checker():
        sequence = await fleet.request(id="mine", targets=["one", "nobody"])
        (accepted,) = await eventually(lambda: fleet.all_events("check.accepted.*"), "check.accepted")
        assert (accepted["id"], accepted["sequence"], accepted["unknown"]) == ("mine", sequence, ["nobody"])
        (finished,) = await eventually(lambda: fleet.all_events("check.finished.>"), "check.finished")
        assert finished["covers"] >= accepted["first"]
        assert (finished["passed"], finished["error"], finished["checks"]) == (1, 1, ["breaks", "passes"])
        (started,) = await fleet.all_events("check.started.>")
        assert (started["run"], started["attempt"]) == (finished["run"], 1)


async def test_error_leaves_the_verdict_and_has_its_own_subject(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", FAILS)
    async with fleet.checker():
        await fleet.request()
        before = await fleet.status("one", "c", "failed")
        await fleet.check("c", BREAKS)
        await fleet.request()
        error = await fleet.status("one", "c", "error")
        assert "broken on purpose" in error.reason
        assert await fleet.result("one", "c") == before


async def test_failing_since_is_carried_over_and_starts_anew_after_a_fix(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", FAILS)
    async with fleet.checker():
        await fleet.request()
        first = await fleet.status("one", "c", "failed")
        await fleet.request()

        async def look():
            result = await fleet.result("one", "c")
            return result if result.run != first.run else None

        second = await eventually(look, "a second run")
        assert second.findings[0].failing_since == first.findings[0].failing_since
        await fleet.check("c", PASSES)
        await fleet.request()
        await fleet.status("one", "c", "passed")
        await fleet.check("c", FAILS)
        await fleet.request()
        again = await fleet.status("one", "c", "failed")
        assert again.findings[0].failing_since > first.findings[0].failing_since


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"{", id="unreadable"),
        pytest.param(b'{"status": "passed", "target": "two", "engine": "postgresql", "check": "c"}', id="of another"),
    ],
)
async def test_failing_since_is_carried_over_a_broken_message_that_nobody_has_removed_yet(fleet, place, broken):
    await fleet.target("one", **place)
    await fleet.check("c", FAILS)
    async with fleet.checker():
        await fleet.request()
        first = await fleet.status("one", "c", "failed")
        for _ in range(2):
            await fleet.jetstream.publish(subjects.verdict("postgresql", "one", "c"), broken)
        await fleet.request()
        await eventually(lambda: _ended(fleet, 2), "a second run")
        second = await fleet.result("one", "c")
        assert second.run != first.run
        assert second.findings[0].failing_since == first.findings[0].failing_since


async def _ended(fleet, runs):
    return len(await fleet.all_events("check.finished.>")) >= runs


async def test_each_distinct_query_is_executed_once(fleet, place, postgresql):
    del postgresql
    query = {"type": "POSTGRESQL_SELECT", "text": "clock_timestamp()::text AS at"}
    script = """
def check_context(docs, context):
  return [{"summary": docs[0][0]["at"], "severity": "info"}]
"""
    await fleet.target("one", **place)
    for name in ("a", "b", "c"):
        await fleet.check(name, script, queries=[query])
    async with fleet.checker():
        await fleet.request()
        times = {(await fleet.status("one", name, "failed")).findings[0].summary for name in ("a", "b", "c")}
        assert len(times) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"\xff\xfe", "not UTF-8", id="bytes"),
        pytest.param(b"{", "not JSON", id="half of a JSON"),
        pytest.param(b"[1]", "not a JSON object", id="a list"),
        pytest.param(b'{"targets": 5}', "targets", id="a wrong type"),
        pytest.param(b'{"targets": ["nobody"]}', "unknown nobody", id="nothing matches"),
    ],
)
async def test_what_cant_be_handled_is_kept_with_its_reason_and_bytes(fleet, place, data, reason):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    async with fleet.checker():
        await fleet.jetstream.publish("check.requested", data, headers={"X-Sender": "test"})
        await eventually(lambda: fleet.count(DEAD_LETTERS), "a dead letter")
        letter = await fleet.jetstream.get_last_msg(DEAD_LETTERS, "dead.checker")
        assert letter.data == data
        assert reason in letter.headers["Watchword-Reason"]
        assert letter.headers["Original-X-Sender"] == "test"
        # The stage goes on.
        await fleet.request()
        await fleet.status("one", "c", "passed")
        assert await fleet.count(DEAD_LETTERS) == 1


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param(b"{}", None, id="an empty object"),
        pytest.param(
            b'{"targets": ["one"]}',
            {"ce-specversion": "1.0", "ce-type": "x", "ce-source": "/ci", "ce-id": "1"},
            id="CloudEvent in binary mode",
        ),
        pytest.param(
            json.dumps(
                {"specversion": "1.0", "type": "x", "source": "/ci", "id": "1", "data": {"targets": ["one"]}}
            ).encode(),
            {"content-type": "application/cloudevents+json"},
            id="CloudEvent in structured mode",
        ),
    ],
)
async def test_front_door_takes_every_form_of_a_request(fleet, place, data, headers):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    async with fleet.checker():
        await fleet.client.publish("check.requested", data, headers=headers)
        await fleet.status("one", "c", "passed")


async def test_unreachable_database_is_an_error_result_and_no_retry(fleet):
    await fleet.target("gone", host="127.0.0.1", port=1)
    await fleet.check("c", PASSES)
    async with fleet.checker():
        await fleet.request()
        error = await fleet.status("gone", "c", "error")
        assert "127.0.0.1" in error.reason
        await eventually(lambda: fleet.all_events("check.finished.>"), "check.finished")
        await eventually(lambda: _is_empty(fleet), "the message to be acknowledged")


async def _is_empty(fleet, stream=CHECK_RUNS):
    return await fleet.count(stream) == 0


async def test_ten_thousand_wishes_for_one_target_become_a_few_runs_that_answer_all(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    subject = subjects.run_requested("now", "default", "one", "all")
    for _ in range(20):
        await asyncio.gather(*(fleet.jetstream.publish(subject, b"{}") for _ in range(500)))
    async with fleet.checker():
        last = (await fleet.jetstream.stream_info(CHECK_RUNS)).state.last_seq

        async def answered():
            ends = await fleet.all_events("check.finished.>")
            return ends if ends and max(end["covers"] for end in ends) >= last else None

        ends = await eventually(answered, "all to be answered")
        assert len(ends) <= 2


async def test_all_who_asked_for_one_target_before_a_run_began_are_answered_by_it(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    await fleet.check("d", PASSES)
    asked = 1500
    for at in range(0, asked, 500):
        await asyncio.gather(
            *(fleet.request(targets=["one"], checks=["c"] if number % 3 else None) for number in range(at, at + 500))
        )
    async with fleet.checker():
        await eventually(lambda: _is_empty(fleet, CHECK_REQUESTS), "all to be accepted", 60)
        await eventually(lambda: _is_empty(fleet), "all to be run")
    accepted = await fleet.all_events("check.accepted.*")
    ends = await fleet.all_events("check.finished.>")
    assert len(accepted) == asked
    # One run for each ``what`` that was asked for, and one more for what was split while its first was under way.
    assert len(await fleet.all_events("check.started.>")) <= 4
    for one in accepted:
        answers = [end for end in ends if end["subject"].endswith(f".{one['what']}")]
        assert any(end["covers"] >= one["first"] and end["covers_requests"] >= one["sequence"] for end in answers)


async def test_a_request_that_names_a_check_which_no_run_looked_at_is_run(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    await fleet.check("d", PASSES)
    await fleet.request(targets=["one"], checks=["c"])
    await fleet.request(targets=["one"], checks=["d"])
    async with fleet.checker():
        await fleet.status("one", "c", "passed")
        await fleet.status("one", "d", "passed")


async def test_a_request_for_two_targets_of_which_one_was_not_run_since_runs(fleet, place):
    await fleet.target("one", **place)
    await fleet.target("two", **place)
    await fleet.check("c", PASSES)
    await fleet.request(targets=["one"])
    await fleet.request(targets=["one", "two"])
    async with fleet.checker():
        await fleet.status("one", "c", "passed")
        await fleet.status("two", "c", "passed")


async def test_message_that_a_run_has_answered_is_acknowledged_without_another(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    lease = await leases.take(fleet.jetstream, "one", "somebody else")
    async with fleet.checker():
        await fleet.request(targets=["one"])
        await fleet.request(targets=["one"], checks=["c"])
        await eventually(lambda: fleet.count(CHECK_EVENTS, "check.accepted.*"), "both to be split")
        await leases.release(fleet.jetstream, lease)
        ends = await eventually(lambda: _ends_of_both(fleet), "both to end")
        assert len({end["run"] for end in ends}) == 1
        assert len(await fleet.all_events("check.started.>")) == 1


async def _ends_of_both(fleet):
    ends = await fleet.all_events("check.finished.>")
    return ends if len({end["subject"] for end in ends}) == 2 else None


async def test_busy_target_holds_no_slot_and_is_run_afterwards(fleet, place):
    await fleet.target("busy", **place)
    await fleet.target("free", **place)
    await fleet.check("c", PASSES)
    lease = await leases.take(fleet.jetstream, "busy", "somebody else")
    async with fleet.checker(slots_now=1):
        await fleet.request(targets=["busy"])
        await eventually(lambda: fleet.count(CHECK_EVENTS, "check.accepted.*"), "the request to be split")
        await fleet.request(targets=["free"])
        await fleet.status("free", "c", "passed")
        assert await fleet.result("busy", "c") is None
        await leases.release(fleet.jetstream, lease)
        await fleet.status("busy", "c", "passed")


async def test_part_for_a_moved_target_goes_to_its_pool_and_is_not_run_here(fleet, place):
    await fleet.target("moved", pool="berlin", **place)
    await fleet.check("c", PASSES)
    async with fleet.checker(pools="default"):
        await fleet.jetstream.publish(subjects.run_requested("now", "default", "moved", "all"), b"{}")
        there = subjects.run_requested("now", "berlin", "moved", "all")
        await eventually(lambda: fleet.count(CHECK_RUNS, there), "the part to move")
        assert await fleet.all_events("check.started.>") == []
        async with fleet.checker(pools="berlin"):
            await fleet.status("moved", "c", "passed")


async def test_removed_target_ends_its_message_for_whoever_waits(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    await fleet.remove(subjects.target_key("one"))
    async with fleet.checker():
        await fleet.jetstream.publish(subjects.run_requested("now", "default", "one", "all"), b"{}")
        (end,) = await eventually(lambda: fleet.all_events("check.finished.*.one.all"), "an end")
        assert end["checks"] == []
        assert await fleet.count(DEAD_LETTERS) == 0


async def test_target_that_never_was_is_a_dead_letter(fleet):
    async with fleet.checker():
        await fleet.jetstream.publish(subjects.run_requested("now", "default", "ghost", "all"), b"{}")
        await eventually(lambda: fleet.count(DEAD_LETTERS), "a dead letter")


async def test_fifth_start_without_an_end_is_given_up(fleet, place):
    await fleet.target("one", **place)
    await fleet.check("c", PASSES)
    started = {"run": "1-1", "target": "one", "checks": ["c"], "sequence": 1, "checker": "dead"}
    started |= {"attempt": 4, "started_at": "2026-11-23T00:00:00Z"}
    subject = subjects.started("postgresql", "one", "all")
    await fleet.jetstream.publish(subject, json.dumps(started).encode())
    async with fleet.checker():
        await fleet.request()
        error = await fleet.status("one", "c", "error")
        assert "given up" in error.reason
        assert await fleet.result("one", "c") is None
        await eventually(lambda: fleet.count(DEAD_LETTERS), "a dead letter")
        await eventually(lambda: fleet.all_events("check.finished.>"), "an end")
        # After the end the count begins anew: asked again, it runs.
        await fleet.request()
        await fleet.status("one", "c", "passed")


async def test_late_verdict_is_dropped_when_a_higher_run_has_written(fleet, place):
    """The write is conditional: what another run wrote while this one looked stays."""
    slow = {"type": "POSTGRESQL_SELECT", "text": "count(*) AS one FROM generate_series(1, 12000000)"}
    await fleet.target("one", **place)
    await fleet.check("c", FAILS, queries=[slow])
    async with fleet.checker():
        await fleet.request()
        await eventually(lambda: fleet.all_events("check.started.>"), "the run to begin")
        higher = CheckResult(status="passed", target="one", engine="postgresql", check="c", run="9999999999999999-1")
        await fleet.jetstream.publish(subjects.verdict("postgresql", "one", "c"), higher.to_bytes())
        await eventually(lambda: fleet.all_events("check.finished.>"), "the run to end")
        assert (await fleet.result("one", "c")).status == "passed"


async def test_verdict_of_a_check_disabled_while_it_ran_is_not_written_over_its_withdrawal(fleet, place):
    slow = {"type": "POSTGRESQL_SELECT", "text": "count(*) AS one FROM generate_series(1, 12000000)"}
    await fleet.target("one", **place)
    await fleet.check("c", FAILS, queries=[slow])
    async with fleet.checker():
        await fleet.request()
        await eventually(lambda: fleet.all_events("check.started.>"), "the run to begin")
        await fleet.put(subjects.setting_key("person", "disabled", "c"), b'{"disabled": true}')
        gone = CheckResult(status="withdrawn", target="one", engine="postgresql", check="c", reason="disabled")
        await fleet.jetstream.publish(subjects.verdict("postgresql", "one", "c"), gone.to_bytes())
        await eventually(lambda: fleet.all_events("check.finished.>"), "the run to end")
        assert (await fleet.result("one", "c")).status == "withdrawn"


async def test_bulk_request_does_not_keep_a_person_waiting(fleet, place):
    for number in range(30):
        await fleet.target(f"t{number}", **place)
    sleepy = {"type": "POSTGRESQL_SELECT", "text": "count(*) AS one FROM generate_series(1, 3000000)"}
    await fleet.check("slow", PASSES, queries=[sleepy])
    await fleet.check("quick", PASSES)
    async with fleet.checker(slots_bulk=1, slots_now=1):
        await fleet.request(checks=["slow"])
        await eventually(lambda: fleet.all_events("check.started.>"), "the bulk to begin")
        await fleet.request(targets=["t29"], checks=["quick"])
        await fleet.status("t29", "quick", "passed")
        assert await fleet.count(CHECK_RUNS, "check.requested.bulk.>") > 5


async def test_a_large_request_and_its_runs_let_go_first_what_somebody_waits_for(fleet, place):
    count = PARTS_AT_A_TIME + 20
    for number in range(count):
        await fleet.target(f"t{number:03}", **place)
    await fleet.target("mine", **place)
    await fleet.check("c", PASSES)
    turns = Turns(3600, 3600)  # so that nothing goes on because it has waited for long
    async with fleet.checker(turns=turns, slots_bulk=2):
        async with turns.first():
            await fleet.request(targets=["t*"])

            async def are_parts_stored():
                return (await fleet.jetstream.stream_info(CHECK_RUNS)).state.last_seq == PARTS_AT_A_TIME

            await eventually(are_parts_stored, "the first parts")
            for number in range(1, 6):
                await fleet.request(targets=["mine"])
                await eventually(lambda n=number: _has(fleet, subjects.finished_of("postgresql", "mine"), n), "a run")
            # What the slots had asked for before is run, and nothing more: one part for each of them.
            assert await fleet.count(CHECK_RUNS, "check.requested.bulk.>") >= PARTS_AT_A_TIME - 2
            assert (await fleet.jetstream.stream_info(CHECK_RUNS)).state.last_seq == PARTS_AT_A_TIME + 5
            assert await fleet.count(CHECK_EVENTS, "check.accepted.*") == 5
        await eventually(lambda: _has(fleet, "check.accepted.*", 6), "the large request is accepted")
        await eventually(lambda: _has(fleet, "check.finished.>", count + 5), "all are run", 60)


async def _has(fleet, subject, count):
    return await fleet.count(CHECK_EVENTS, subject) == count


async def test_due_runs_begin_after_the_one_that_somebody_waits_for(fleet, place):
    for name in ("mine", "a", "b", "c", "d"):
        await fleet.target(name, **place)
    sleepy = {"type": "POSTGRESQL_SELECT", "text": "count(*) AS one FROM generate_series(1, 10000000)"}
    await fleet.check("slow", PASSES, queries=[sleepy])
    await fleet.check("quick", PASSES)
    async with fleet.checker(turns=Turns(3600, 3600), slots_due=1):
        await fleet.request(targets=["mine"], checks=["slow"])
        await eventually(lambda: fleet.all_events("check.started.>"), "the run that somebody waits for")
        body = RunRequested(checks=["quick"]).to_bytes()
        for name in ("a", "b", "c", "d"):
            await fleet.jetstream.publish(subjects.run_requested("due", "default", name, "standard"), body)
        await eventually(lambda: _has(fleet, "check.finished.>", 5), "all are run")
        events = await fleet.all_events("check.>")
        ended = next(
            at for at, event in enumerate(events) if event["subject"].startswith("check.finished.postgresql.mine")
        )
        begun = [at for at, event in enumerate(events) if event["subject"].startswith("check.started.")]
        # The slot had asked for one message before; the other three it takes afterwards.
        assert sum(at > ended for at in begun) >= 3
