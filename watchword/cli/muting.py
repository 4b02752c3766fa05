"""``watchword mute``, ``unmute`` and ``mutes``: what is said goes into the stream MUTES, what became of it comes from
there; the silencer does the rest. Nothing here talks to Alertmanager but to find the alert that is meant.
"""

import asyncio
import contextlib
import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated

import typer

from shared import subjects
from shared.cloudevents import headers_of
from shared.events import Event
from shared.following import Stored
from shared.mutes import LONGEST_MUTE, MuteRequested, MuteResult, UnmuteRequested
from shared.publishing import publish
from shared.reading import last_sequence
from shared.schedules import parse_duration
from shared.streams import MUTES
from watchword.cli.exits import COULD_NOT_LOOK, GOOD, WRONG_USAGE, GaveUp, WrongUsage
from watchword.cli.live import following
from watchword.cli.meant import WHAT_TO_TYPE, Meant, find_meant, require_known
from watchword.cli.mute_results import (
    about,
    all_mutes,
    as_json,
    is_active,
    is_living,
    is_settled,
    living_mutes,
    matchers_in_words,
    read_result,
    silence_in_words,
    state,
    time_left,
)
from watchword.cli.options import Author, NatsUrl, Output
from watchword.cli.output import (
    OutputFormat,
    complain,
    is_terminal,
    local,
    login_name,
    note,
    print_json,
    print_table,
    say,
)
from watchword.cli.session import Session, asynchronous, session

_MUTE_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
ANSWER_SECONDS = 15.0
"""How long to wait for the silencer."""


@asynchronous
async def mute(
    alert: Annotated[
        list[str],
        typer.Argument(metavar="ALERT…", help=WHAT_TO_TYPE),
    ],
    comment: Annotated[
        str | None, typer.Option("--comment", "-m", metavar="TEXT", help="Why; asked for on a terminal.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="How long: 90m, 24h, 7d; 24h when silent.")
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Until when, in your time zone: 2026-12-31 or 2026-12-31T18:00.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z"],
        ),
    ] = None,
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Mute alerts: they go on firing, but leave the list of active alerts and notify nobody.

    Example: `watchword mute 1f3a orders-db/pg_trust --for 24h --comment "moves behind a firewall"`
    """
    if duration is not None and until is not None:
        raise WrongUsage("give either --for or --until")
    if duration is not None and not 0 < parse_duration(duration).total_seconds() <= LONGEST_MUTE.total_seconds():
        raise WrongUsage(f"--for {duration}: a mute lasts up to {LONGEST_MUTE.days}d")
    ends_at = until.astimezone() if until is not None else None
    if ends_at is not None and ends_at <= dt.datetime.now(dt.UTC):
        raise WrongUsage(f"--until {local(ends_at)} is past")
    comment = _comment(comment)
    async with session(nats_url) as here:
        wanted = await find_meant(here, alert)
        await require_known(here, wanted)
        async with following(here.jetstream, [MUTES]) as queue:
            asked: dict[str, Meant] = {}
            for one in wanted:
                request = MuteRequested(
                    **one.fields(),
                    duration=duration,
                    until=ends_at,
                    created_by=author or login_name(),
                    comment=comment,
                )
                asked[await _publish(here, subjects.MUTE_REQUESTED, request)] = one
            results = await _results(queue, set(asked), is_settled)
    _show_results(asked, results, output)
    missing = [one for mute_id, one in asked.items() if mute_id not in results]
    if any(result.refused for result in results.values()):
        raise typer.Exit(WRONG_USAGE)
    is_muted = not missing and all(is_active(result) for result in results.values())
    raise typer.Exit(GOOD if is_muted else COULD_NOT_LOOK)


def _comment(given: str | None) -> str:
    if given is None and is_terminal():
        given = typer.prompt("Why is it muted?", err=True)
    if not (given or "").strip():
        raise WrongUsage("say why: --comment TEXT")
    return (given or "").strip()


@asynchronous
async def unmute(
    alert: Annotated[list[str], typer.Argument(metavar="MUTE…", help="A mute's id, or what `watchword mute` takes.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """End mutes before their time.

    Example: `watchword unmute orders-db/pg_trust`
    """
    async with session(nats_url) as here:
        by_id = [words for words in alert if _MUTE_ID.fullmatch(words)]
        wanted = await find_meant(here, [words for words in alert if words not in by_id])
        living = await living_mutes(here)
        unknown = [words for words in by_id if words not in living]
        if unknown:
            raise WrongUsage(f"no mute {unknown[0]} is in force; see: watchword mutes")
        async with following(here.jetstream, [MUTES]) as queue:
            said: list[dict[str, str]] = [{"id": words} for words in by_id]
            said += [one.fields() for one in wanted]
            for fields in said:
                request = UnmuteRequested(
                    **fields,
                    requested_by=author or login_name(),
                    reason=reason,
                )
                await _publish(here, subjects.UNMUTE_REQUESTED, request)
            expected = set(by_id)
            for one in wanted:
                expected |= _mutes_of(one, living)
            results = await _results(queue, expected, lambda result: result.ended_by is not None)
    if output is OutputFormat.JSON:
        print_json(
            {"ended": [as_json(result) for result in results.values()], "unanswered": sorted(expected - set(results))}
        )
    else:
        for result in results.values():
            say(f"ended: {about(result)}")
        if not expected:
            note("no mute of it is known; what was asked for before this moment is ended all the same")
    if expected - set(results):
        raise GaveUp(_NO_ANSWER)


_NO_ANSWER = (
    "no silencer answered in time; what was asked is stored and will be done when one runs. See: watchword doctor"
)


@asynchronous
async def mutes(
    every: Annotated[bool, typer.Option("--all", "-a", help="Also those that are over or were refused.")] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """List the mutes that are in force: who muted what, why, and until when.

    Example: `watchword mutes --all -o json`
    """
    async with session(nats_url) as here:
        found = await all_mutes(here)
    now = dt.datetime.now(dt.UTC)
    chosen = [result for result in found if every or is_living(result, now)]
    chosen.sort(key=lambda result: result.ends_at or now)
    if output is OutputFormat.JSON:
        print_json([as_json(result) for result in chosen])
        return
    if not chosen:
        note("nothing is muted")
        return
    print_table(
        ["id", "what", "by", "left", "state", "comment"],
        [
            [
                result.request_id,
                matchers_in_words(result),
                result.created_by,
                time_left(result, now),
                state(result, now),
                result.comment,
            ]
            for result in chosen
        ],
    )


async def _publish(here: Session, subject: str, event: Event) -> str:
    """Store a request and return its id."""
    created, _ = await last_sequence(here.jetstream, MUTES)
    now = dt.datetime.now(dt.UTC)
    identifier = here.client.new_inbox()
    stored = await publish(
        here.jetstream,
        subject,
        event.to_bytes(),
        headers=headers_of(subject, source="/cli", identifier=identifier, at=now),
        message_id=identifier,
        stream=MUTES,
    )
    return subjects.sequence_id(created, stored.seq)


Enough = Callable[[MuteResult], bool]
"""Whether a result is the one that is waited for."""


async def _results(
    queue: "asyncio.Queue[tuple[str, Stored]]", expected: set[str], is_enough: Enough
) -> dict[str, MuteResult]:
    """Collect what became of mutes until there is enough of each, or the time is over."""
    results: dict[str, MuteResult] = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            while any(name not in results or not is_enough(results[name]) for name in expected):
                _, stored = await queue.get()
                result = read_result(stored)
                if result is not None and result.request_id in expected:
                    results[result.request_id] = result
    return {name: result for name, result in results.items() if is_enough(result) or result.silences}


def _mutes_of(meant: Meant, living: dict[str, MuteResult]) -> set[str]:
    """Return the living mutes that an unmute of this surely ends."""
    return {mute_id for mute_id, result in living.items() if _speaks_of(result, meant)}


def _speaks_of(result: MuteResult, meant: Meant) -> bool:
    """Say whether a mute is for what is meant: its fingerprint, or its target and check."""
    if meant.fingerprint is not None:
        return meant.fingerprint in result.fingerprints
    plain = {matcher.name: matcher.value for matcher in result.matchers if matcher.is_equal and not matcher.is_regex}
    wanted = {"service_name": meant.target, "alertname": meant.check, "severity": meant.severity}
    return all(plain.get(name) == value for name, value in wanted.items() if value is not None)


def _show_results(asked: dict[str, Meant], results: dict[str, MuteResult], output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json([as_json(results[name]) if name in results else {"request_id": name} for name in asked])
    for name, one in asked.items():
        result = results.get(name)
        if result is None:
            complain(f"{one.words}: {_NO_ANSWER}")
        elif result.refused:
            complain(f"{one.words}: not muted: {result.refused}")
        elif output is OutputFormat.TABLE:
            until = f" until {local(result.ends_at)}" if result.ends_at else ""
            say(f"muted{until}: {matchers_in_words(result)}")
            say(f"  mute    {result.request_id}")
            for silence in result.silences:
                say(f"  silence {silence_in_words(silence)}")
