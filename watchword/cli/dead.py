"""``watchword dead``: what could not be handled, why, and what to do with it: once more, or away."""

import datetime as dt
from typing import Annotated

import typer
from nats.js.errors import NotFoundError

from shared import dead_letters, subjects
from shared.dead_letters import DeadLetter
from shared.following import Follower, Stored
from shared.reading import last_message
from shared.streams import DEAD_LETTERS
from watchword.cli.exits import WrongUsage
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, ago, clean, is_terminal, login_name, note, print_json, print_table, say
from watchword.cli.session import Session, asynchronous, session
from watchword.replaying import ReplayRefused, drop, replay

LONGEST_BODY = 4000
Sequences = Annotated[list[int], typer.Argument(metavar="NUMBER…", help="As `watchword dead list` shows them.")]


@asynchronous
async def list_letters(
    every: Annotated[bool, typer.Option("--all", "-a", help="Those that were replayed, too.")] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """List the dead letters, the newest first.

    Example: `watchword dead list -o json`
    """
    async with session(nats_url) as here:
        letters = await all_letters(here)
    if not every:
        letters = [letter for letter in letters if not is_done(letter)]
    letters.sort(key=lambda letter: letter.own_sequence, reverse=True)
    if output is OutputFormat.JSON:
        print_json([as_json(letter) for letter in letters])
        return
    if not letters:
        note("there are no dead letters")
        return
    now = dt.datetime.now(dt.UTC)
    print_table(
        ["number", "age", "stage", "subject", "reason", *(["replayed"] if every else [])],
        [
            [
                str(letter.own_sequence),
                ago(letter.refused_at, now) if letter.refused_at else "",
                letter.stage,
                letter.subject,
                letter.reason,
                *([_replayed(letter)] if every else []),
            ]
            for letter in letters
        ],
    )


@asynchronous
async def show_letter(
    number: Annotated[int, typer.Argument(metavar="NUMBER")],
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Show one dead letter whole: why it was refused, its headers, its bytes.

    Example: `watchword dead show 17`
    """
    async with session(nats_url) as here:
        letter = await _letter(here, number)
    if output is OutputFormat.JSON:
        print_json(as_json(letter))
        return
    facts = [
        ("reason", letter.reason),
        ("stage", letter.stage),
        ("subject", letter.subject),
        ("stored", f"{letter.stream} {letter.sequence} {letter.stored_at or ''}".strip()),
        ("refused", str(letter.refused_at or "")),
        *([("replayed", _replayed(letter))] if letter.replayed else []),
    ]
    for name, value in (*facts, *((f"header {name}", value) for name, value in sorted(letter.headers.items()))):
        say(f"{name:10}  {clean(value)}")
    say("")
    say(letter.data[:LONGEST_BODY].decode(errors="backslashreplace"))
    if len(letter.data) > LONGEST_BODY:
        note(f"({len(letter.data)} bytes; all of them with -o json)")


@asynchronous
async def replay_letters(
    number: Sequences,
    again: Annotated[
        bool, typer.Option("--again", help="Also when somebody has replayed it before, or began to.")
    ] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Publish dead letters again where they came from, once; who did it and when is kept.

    Example: `watchword dead replay 17 18`
    """
    replayed = []
    async with session(nats_url) as here:
        for letter in [await _letter(here, one) for one in dict.fromkeys(number)]:
            try:
                stored = await replay(here.jetstream, letter, by=login_name(), at=dt.datetime.now(dt.UTC), again=again)
            except ReplayRefused as refused:
                raise WrongUsage(str(refused)) from None
            replayed.append(
                {
                    "number": letter.own_sequence,
                    "subject": letter.subject,
                    "stream": stored.stream,
                    "sequence": stored.seq,
                }
            )
            if output is OutputFormat.TABLE:
                say(f"{letter.own_sequence}: published on {letter.subject} ({stored.stream} {stored.seq})")
    if output is OutputFormat.JSON:
        print_json(replayed)


@asynchronous
async def drop_letters(
    number: Annotated[list[int] | None, typer.Argument(metavar="NUMBER…")] = None,
    every: Annotated[bool, typer.Option("--all", help="Drop all of them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Remove dead letters for good.

    Example: `watchword dead drop 17`
    """
    if bool(number) == every:
        raise WrongUsage("name the letters to drop, or --all")
    async with session(nats_url) as here:
        letters = await all_letters(here) if every else [await _letter(here, one) for one in number or []]
        if every and letters and not yes and is_terminal():
            typer.confirm(f"Drop all {len(letters)}?", abort=True, err=True)
        for letter in letters:
            await drop(here.jetstream, letter.own_sequence)
    if output is OutputFormat.JSON:
        print_json({"dropped": [letter.own_sequence for letter in letters]})
    else:
        say(f"dropped {len(letters)}")


async def all_letters(here: Session) -> list[DeadLetter]:
    """Return all dead letters, the oldest first, each once, with what is known of its replay. Raises
    ``StreamMissing``.
    """
    letters: dict[int, DeadLetter] = {}

    def take(stored: Stored) -> None:
        letter = dead_letters.read(stored)
        letters[letter.own_sequence] = letter

    follower = Follower(here.jetstream, DEAD_LETTERS, take, last_per_subject=False)
    try:
        await follower.start()
    finally:
        await follower.stop()
    return sorted(letters.values(), key=lambda letter: letter.own_sequence)


def is_done(letter: DeadLetter) -> bool:
    """Say whether a letter was replayed for sure, so that nothing is to be done about it."""
    return letter.replayed is not None and bool(letter.replayed.sent_as)


def _replayed(letter: DeadLetter) -> str:
    if letter.replayed is None:
        return ""
    where = letter.replayed.sent_as or "whether it got there is not known"
    return f"{letter.replayed.at:%Y-%m-%d %H:%M} by {letter.replayed.by}: {where}"


async def _letter(here: Session, number: int) -> DeadLetter:
    """Return a letter, or what is left of one that was replayed."""
    record = await last_message(here.jetstream, DEAD_LETTERS, subjects.replayed_letter(number))
    if record is not None:
        return dead_letters.read(record)
    try:
        raw = await here.jetstream.get_msg(DEAD_LETTERS, number)
    except NotFoundError:
        raise WrongUsage(f"there is no dead letter {number}; see: watchword dead list") from None
    stored_at = raw.time or dt.datetime.now(dt.UTC)
    found = Stored(raw.subject or "", raw.seq or number, raw.data or b"", raw.headers or {}, stored_at)
    letter = dead_letters.read(found)
    if letter.own_sequence != number:
        raise WrongUsage(f"there is no dead letter {number}; see: watchword dead list")
    return letter


def as_json(letter: DeadLetter) -> dict[str, object]:
    """Return a dead letter for programs."""
    return {
        "number": letter.own_sequence,
        "reason": letter.reason,
        "stage": letter.stage,
        "subject": letter.subject,
        "stream": letter.stream,
        "sequence": letter.sequence,
        "stored_at": letter.stored_at,
        "refused_at": letter.refused_at,
        "replayed_by": letter.replayed.by if letter.replayed else None,
        "replayed_at": letter.replayed.at if letter.replayed else None,
        "replayed_as": letter.replayed.sent_as if letter.replayed else None,
        "headers": dict(letter.headers),
        "body": letter.data.decode(errors="backslashreplace"),
    }
