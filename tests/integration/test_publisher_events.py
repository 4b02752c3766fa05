"""alert.firing and alert.resolved: one for each transition, whoever dies in between."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from services.publisher import broken
from shared import subjects
from shared.cloudevents import read
from shared.events import AlertChanged, CheckResult
from shared.following import Stored
from shared.reading import last_message
from shared.streams import ALERT_EVENTS, CHECK_RESULTS, TRANSITIONS
from tests.conftest import StartNats
from tests.integration.publishing import Desk, desk, finding, now, until
from watchword.embedded import EmbeddedServer


@pytest.fixture
async def here(start_nats: StartNats, alertmanager: EmbeddedServer) -> AsyncIterator[Desk]:
    async with desk(start_nats(), alertmanager) as made:
        await made.target(environment="production")
        yield made


async def all_handled(here: Desk) -> None:
    """Wait until every verdict that is stored was compared with the one before it."""

    async def look() -> bool:
        information = await here.jetstream.consumer_info(CHECK_RESULTS, TRANSITIONS.name)
        return not information.num_pending and not information.num_ack_pending

    await until(look, "all verdicts are handled")


async def test_each_transition_is_told_once_and_complete(here: Desk) -> None:
    async with here.publisher():
        sequence = await here.verdict(finding("app is a superuser", "critical", labels={"role": "app"}))
        await until(lambda: here.heard()["firing", "app"], "alert.firing")
        await here.verdict(finding("app is still a superuser", "critical", labels={"role": "app"}))
        await here.verdict()
        await until(lambda: here.heard()["resolved", "app"], "alert.resolved")
        await all_handled(here)
    assert here.heard() == {("firing", "app"): 1, ("resolved", "app"): 1}
    firing, resolved = here.events
    created = (await here.jetstream.stream_info(CHECK_RESULTS)).created
    assert created is not None
    assert firing.id == f"{subjects.sequence_id(created, sequence)}/{firing.key}"
    assert firing.labels["environment"] == "production"
    assert firing.summary == "app is a superuser"
    assert (resolved.key, resolved.reason) == (firing.key, "passed")
    stored = await last_message(
        here.jetstream,
        ALERT_EVENTS,
        subjects.alert_event("firing", "postgresql", here.target_name, "superusers"),
    )
    assert stored is not None
    assert read(AlertChanged, stored.data, stored.headers) == firing
    assert stored.headers["ce-type"] == "watchword.alert.firing"


async def test_an_error_an_edit_and_a_repetition_are_no_transitions(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding(labels={"role": "app"}))
        await here.error()
        await here.target(environment="staging")
        await here.verdict(finding("in other words", labels={"role": "app"}))
        await all_handled(here)
        await until(lambda: here.heard()["firing", "app"], "alert.firing")
    assert await here.stored_events() == 1


async def test_a_deleted_consumer_makes_nothing_of_verdicts_whose_past_is_not_kept_any_more(here: Desk) -> None:
    begun = now()
    weakness = finding(labels={"role": "a"}, failing_since=begun)
    async with here.publisher():
        for number in range(12):  # the stream keeps ten
            await here.verdict(weakness, started_at=begun + dt.timedelta(minutes=number))
        await all_handled(here)
        await here.jetstream.delete_consumer(CHECK_RESULTS, TRANSITIONS.name)

        async def is_made_again() -> bool:
            return TRANSITIONS.name in [one.name for one in await here.jetstream.consumers_info(CHECK_RESULTS)]

        await until(is_made_again, "the consumer is made again")
        await all_handled(here)
        await here.verdict(started_at=begun + dt.timedelta(hours=1))
        await until(lambda: here.heard()["resolved", "a"], "alert.resolved")
    assert here.heard() == {("firing", "a"): 1, ("resolved", "a"): 1}


async def test_what_happened_while_no_publisher_ran_is_told_by_the_next(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding(labels={"role": "a"}))
        await until(lambda: here.heard()["firing", "a"], "alert.firing")
    await here.verdict(finding(labels={"role": "b"}))
    await here.verdict()
    async with here.publisher():
        await until(lambda: here.heard()["resolved", "b"], "alert.resolved")
        await all_handled(here)
    assert here.heard() == {(transition, role): 1 for transition in ("firing", "resolved") for role in "ab"}


async def test_two_publishers_and_a_restart_double_nothing(here: Desk) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    async with here.publisher():
        for number in range(30):
            role = f"r{number % 5}"
            if number == 10:
                stopping = asyncio.create_task(run_for_a_while(here))
            await here.verdict(finding(labels={"role": role}), check=f"c{number}")
            await here.verdict(check=f"c{number}")
            expected["firing", role] += 1
            expected["resolved", role] += 1
        await stopping
        await all_handled(here)
        await until(lambda: here.heard() == expected, "every transition once")
    async with here.publisher():
        await all_handled(here)
    assert here.heard() == expected


async def run_for_a_while(here: Desk) -> None:
    async with here.publisher():
        await asyncio.sleep(0.1)


async def test_a_verdict_that_is_handled_again_tells_nothing_twice(here: Desk) -> None:
    """As after a publisher that died between the events and the acknowledgement."""
    async with here.publisher():
        await here.verdict(finding(labels={"role": "app"}))
        await here.verdict()
        await until(lambda: here.heard()["resolved", "app"], "alert.resolved")
        await all_handled(here)
    await here.jetstream.delete_consumer(CHECK_RESULTS, TRANSITIONS.name)
    async with here.publisher():
        await all_handled(here)
    assert await here.stored_events() == 2


async def test_a_broken_result_between_two_verdicts_is_no_transition(here: Desk) -> None:
    await here.verdict(finding(labels={"role": "app"}))
    await here.raw(b"nonsense")
    await here.verdict(finding(labels={"role": "app"}))
    async with here.publisher():
        await until(here.dead_letters, "a dead letter, although a good verdict came after it")
        await all_handled(here)
        await until(lambda: here.heard()["firing", "app"], "alert.firing")
    assert here.heard() == {("firing", "app"): 1}


async def test_a_broken_result_takes_nothing_with_it_but_itself(here: Desk) -> None:
    good = [await here.verdict(finding(labels={"role": "app"})) for _ in range(3)]
    async with here.publisher():
        await until(lambda: here.heard()["firing", "app"], "alert.firing")
        await here.raw(b"nonsense")
        await until(here.dead_letters, "a dead letter")
        await all_handled(here)
        last = await here.verdict(finding(labels={"role": "app"}))
        await all_handled(here)
    state = (await here.jetstream.stream_info(CHECK_RESULTS)).state
    assert (state.messages, state.last_seq) == (len(good) + 1, last)
    assert await here.dead_letters() == 1
    assert here.heard() == {("firing", "app"): 1}


async def test_a_result_that_got_the_place_of_a_broken_one_since_a_backup_was_put_back_stays(here: Desk) -> None:
    place = await here.verdict(finding(labels={"role": "app"}))
    waited = Stored(subjects.verdict("postgresql", "other", "c"), place, b"nonsense", {}, now())
    await broken.settle(here.jetstream, waited, "not JSON", None)
    assert (await here.jetstream.stream_info(CHECK_RESULTS)).state.messages == 1
    assert await here.dead_letters() == 1


async def test_what_was_withdrawn_is_told_with_its_reason(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(finding(labels={"role": "app"}))
        await here.disable()
        await until(lambda: here.heard()["resolved", "app"], "alert.resolved")
    (resolved,) = [event for event in here.events if event.transition == "resolved"]
    assert resolved.reason == "withdrawn: check superusers is disabled by ada: accepted"


async def test_results_of_other_programs_have_transitions_too(here: Desk) -> None:
    async with here.publisher():
        await here.verdict(
            finding(labels={"role": "cve"}), engine="trivy", target="shop", check="cve", labels={"image": "shop"}
        )
        await here.verdict(engine="trivy", target="shop", check="cve")
        await until(lambda: here.heard()["resolved", "cve"], "alert.resolved")
    assert [event.labels["image"] for event in here.events] == ["shop", "shop"]
    assert here.heard() == {("firing", "cve"): 1, ("resolved", "cve"): 1}


@pytest.mark.parametrize("headers", [None, {"Nats-Stream": "CHECK_RESULTS"}], ids=["unreadable", "copies"])
async def test_broken_results_that_there_was_no_room_for_are_settled_when_there_is(
    here: Desk, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str] | None
) -> None:
    """They are read again then, which must not hide why they were refused."""
    monkeypatch.setattr("services.publisher.intake.MOST_BROKEN_BYTES", 8 * 1024)
    good = await here.verdict(finding(labels={"role": "app"}))
    # Nobody but the reader of the stream ever comes to an error: the events are made from verdicts.
    for number in range(40):
        place = {"engine": "postgresql", "target": f"t{number}", "check": "c"}
        sound = CheckResult(**place, status="error", reason="could not look").to_bytes()
        subject = f"check.result.error.postgresql.t{number}.c"
        await here.jetstream.publish(subject, sound if headers else b"x" * 2000, headers=headers)
    async with here.publisher():

        async def only_the_good_one_is_left() -> bool:
            state = (await here.jetstream.stream_info(CHECK_RESULTS)).state
            return (state.messages, state.first_seq) == (1, good)

        await until(only_the_good_one_is_left, "the broken ones to be settled")
    assert await here.dead_letters() == 40
