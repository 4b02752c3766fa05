"""``watchword dead``: what could not be handled, why, and what to do with it: once more, or away."""

import contextlib
import datetime as dt
from typing import Annotated

import typer
from nats.js.errors import NotFoundError

from shared import dead_letters
from shared.dead_letters import REPLAYED_FROM, DeadLetter
from shared.following import Follower, Stored
from shared.publishing import publish
from shared.streams import DEAD_LETTERS
from watchword.cli.exits import WrongUsage
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, ago, clean, is_terminal, note, print_json, print_table, say
from watchword.cli.session import Session, asynchronous, session

LONGEST_BODY = 4000
Sequences = Annotated[list[int], typer.Argument(metavar="NUMBER…", help="As `watchword dead list` shows them.")]


@asynchronous
async def list_letters(output: Output = OutputFormat.TABLE, nats_url: NatsUrl = None) -> None:
    """List the dead letters, the newest first.

    Example: `watchword dead list -o json`
    """
    async with session(nats_url) as here:
        letters = await all_letters(here)
    letters.sort(key=lambda letter: letter.own_sequence, reverse=True)
    if output is OutputFormat.JSON:
        print_json([as_json(letter) for letter in letters])
        return
    if not letters:
        note("there are no dead letters")
        return
    now = dt.datetime.now(dt.UTC)
    print_table(
        ["number", "age", "stage", "subject", "reason"],
        [
            [
                str(letter.own_sequence),
                ago(letter.refused_at, now) if letter.refused_at else "",
                letter.stage,
                letter.subject,
                letter.reason,
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
    ]
    for name, value in (*facts, *((f"header {name}", value) for name, value in sorted(letter.headers.items()))):
        say(f"{name:10}  {clean(value)}")
    say("")
    say(letter.data[:LONGEST_BODY].decode(errors="backslashreplace"))
    if len(letter.data) > LONGEST_BODY:
        note(f"({len(letter.data)} bytes; all of them with -o json)")


@asynchronous
async def replay_letters(number: Sequences, output: Output = OutputFormat.TABLE, nats_url: NatsUrl = None) -> None:
    """Publish dead letters again where they came from, and remove them here.

    Example: `watchword dead replay 17 18`
    """
    replayed = []
    async with session(nats_url) as here:
        for letter in [await _letter(here, one) for one in number]:
            if not letter.subject:
                raise WrongUsage(f"dead letter {letter.own_sequence} does not say where it came from")
            stored = await publish(here.jetstream, letter.subject, letter.data, headers=replayed_headers(letter))
            await here.jetstream.delete_msg(DEAD_LETTERS, letter.own_sequence)
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
            with contextlib.suppress(NotFoundError):  # somebody else dropped it
                await here.jetstream.delete_msg(DEAD_LETTERS, letter.own_sequence)
    if output is OutputFormat.JSON:
        print_json({"dropped": [letter.own_sequence for letter in letters]})
    else:
        say(f"dropped {len(letters)}")


async def all_letters(here: Session) -> list[DeadLetter]:
    """Return all dead letters, the oldest first. Raises ``StreamMissing``."""
    letters: list[DeadLetter] = []

    def take(stored: Stored) -> None:
        letters.append(dead_letters.read(stored))

    follower = Follower(here.jetstream, DEAD_LETTERS, take, last_per_subject=False)
    try:
        await follower.start()
    finally:
        await follower.stop()
    return letters


async def _letter(here: Session, number: int) -> DeadLetter:
    try:
        raw = await here.jetstream.get_msg(DEAD_LETTERS, number)
    except NotFoundError:
        raise WrongUsage(f"there is no dead letter {number}; see: watchword dead list") from None
    stored_at = raw.time or dt.datetime.now(dt.UTC)
    return dead_letters.read(
        Stored(raw.subject or "", raw.seq or number, raw.data or b"", raw.headers or {}, stored_at)
    )


def replayed_headers(letter: DeadLetter) -> dict[str, str]:
    """Return the original headers without those that NATS acts on: an old message id would make it a duplicate."""
    kept = {name: value for name, value in letter.headers.items() if not name.lower().startswith("nats-")}
    return {**kept, REPLAYED_FROM: str(letter.own_sequence)}


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
        "headers": dict(letter.headers),
        "body": letter.data.decode(errors="backslashreplace"),
    }
