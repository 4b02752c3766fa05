"""What became of mutes, read from the stream MUTES: the last mute.result of each says its matchers, its end, and what
each Alertmanager made of it.
"""

import contextlib
import datetime as dt

from pydantic import ValidationError

from shared import subjects
from shared.errors import NameRefused
from shared.following import Stored
from shared.mutes import MuteResult, SilenceMade
from shared.streams import MUTES
from watchword.cli.alerts import shown_matcher
from watchword.cli.live import snapshot_of
from watchword.cli.output import clean, span
from watchword.cli.session import Session


def read_result(stored: Stored) -> MuteResult | None:
    """Read a mute.result; None for another message of the stream, or one that can't be read."""
    kind, _, encoded = stored.subject.rpartition(".")
    if kind != subjects.MUTE_RESULTS.removesuffix(".*"):
        return None
    with contextlib.suppress(ValidationError, NameRefused):
        result = MuteResult.model_validate_json(stored.data)
        return result if result.request_id == subjects.name_of(encoded) else None
    return None


def is_settled(result: MuteResult) -> bool:
    """Say whether it is known what every Alertmanager did."""
    return result.refused is not None or (
        bool(result.silences) and all(silence.state != "waiting" for silence in result.silences)
    )


def is_active(result: MuteResult) -> bool:
    """Say whether a mute mutes in one Alertmanager at least."""
    return any(silence.state == "active" for silence in result.silences)


async def all_mutes(here: Session) -> list[MuteResult]:
    """Return all mutes that are remembered. Raises ``StreamMissing``."""
    found: list[MuteResult] = []

    def take(stored: Stored) -> None:
        result = read_result(stored)
        if result is not None:
            found.append(result)

    await snapshot_of(here.jetstream, MUTES, take)
    return found


async def living_mutes(here: Session) -> dict[str, MuteResult]:
    """Return the mutes that are in force, by id."""
    now = dt.datetime.now(dt.UTC)
    return {result.request_id: result for result in await all_mutes(here) if is_living(result, now)}


def is_living(result: MuteResult, now: dt.datetime) -> bool:
    """Say whether a mute still mutes somewhere, or will."""
    if result.refused or result.ended_by or (result.ends_at is not None and result.ends_at <= now):
        return False
    return not result.silences or any(silence.state in {"active", "waiting", "failed"} for silence in result.silences)


def silence_in_words(silence: SilenceMade) -> str:
    """Return what one Alertmanager made of a mute."""
    words = f"{silence.silence_id or '(none yet)'} in {silence.alertmanager}"
    if silence.state != "active":
        words += f": {silence.state}"
    return words + (f": {clean(silence.error)}" if silence.error else "")


def matchers_in_words(result: MuteResult) -> str:
    """Return what a mute matches."""
    return ", ".join(shown_matcher(matcher) for matcher in result.matchers)


def about(result: MuteResult) -> str:
    """Return what is muted, and whose mute it is."""
    return f"{matchers_in_words(result)} (mute {result.request_id} of {result.created_by})"


def time_left(result: MuteResult, now: dt.datetime) -> str:
    """Return how long a mute lasts yet."""
    return span(result.ends_at - now) if result.ends_at is not None and is_living(result, now) else ""


def state(result: MuteResult, now: dt.datetime) -> str:
    """Return how it stands with a mute, in a word or two."""
    if result.refused:
        return f"refused: {result.refused}"
    if result.ended_by:
        return f"ended by {result.ended_by}"
    if result.ends_at is not None and result.ends_at <= now:
        return "over"
    states = sorted({silence.state for silence in result.silences}) or ["waiting"]
    return ", ".join(states)


def as_json(result: MuteResult) -> dict[str, object]:
    """Return a mute for programs."""
    return result.model_dump(mode="json", exclude_none=True)
