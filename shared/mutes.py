"""The events around muting: what people ask for, and what became of it. A mute is known by its place in the stream,
``<created>-<sequence>``; the matchers that the first silencer fixes for it are in its result, and every later reader
uses those.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from shared.events import Event, Moment, ShortText
from shared.severity import Severity

DEFAULT_MUTE = dt.timedelta(hours=24)
LONGEST_MUTE = dt.timedelta(days=365)

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""Alertmanager's: 16 hexadecimal digits."""


class Matcher(Event):
    """One matcher as Alertmanager's API has it. Regular expressions are anchored there. Nothing is limited here, for
    it is also how the silences of others are read; what a mute may ask for is the silencer's to judge.
    """

    name: str
    value: str
    is_regex: Annotated[bool, Field(alias="isRegex")] = False
    is_equal: Annotated[bool, Field(alias="isEqual")] = True

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class MuteRequested(Event):
    """Mute one alert (by fingerprint, or by target, check and severity) or whatever matches, for a while."""

    id: ShortText | None = None
    """The client's own name for the request; only carried along."""
    fingerprint: Fingerprint | None = None
    matchers: list[Matcher] | None = None
    target: ShortText | None = None
    check: ShortText | None = None
    severity: Severity | None = None
    duration: Annotated[str | None, Field(alias="for")] = None
    """Like ``24h`` or ``90m``, counted from when the request was stored; the configured default when silent."""
    until: Moment | None = None
    created_by: ShortText = ""
    comment: ShortText = ""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)


class UnmuteRequested(Event):
    """End mutes: the one with this id, or all that were asked for an alert before this was stored."""

    id: ShortText | None = None
    """The id of the mute, ``<created>-<sequence>``; it is ended also when it is stored after this."""
    fingerprint: Fingerprint | None = None
    target: ShortText | None = None
    """With ``check`` and ``severity``: those of the mutes to end; what is not given may be anything."""
    check: ShortText | None = None
    severity: Severity | None = None
    requested_by: ShortText = ""
    reason: ShortText = ""


class SilenceMade(Event):
    """What became of a mute in one Alertmanager, or one cluster of them."""

    alertmanager: str
    silence_id: str | None = None
    state: Literal["active", "waiting", "ended", "expired", "failed"] = "active"
    """``waiting``: could not be asked yet. ``ended``: a person or an unmute ended it. ``expired``: its time is over."""
    error: str | None = None
    by_person: bool = False
    """True when somebody ended it in Alertmanager itself; then it stays ended there, and only there."""


class MutedFinding(Event):
    """The finding behind a muted alert, with its labels as the check gave them, so that the mute finds the alert again
    when a target's label takes the name of one of them.
    """

    engine: str
    target: str
    check: str
    severity: Severity
    labels: dict[str, str] = Field(default_factory=dict)


class MuteResult(Event):
    """What became of a mute: first published with the matchers alone, which fixes them, then with the silences. Each is
    written on condition that the one before it is still the last, so the last one is the mute's state.
    """

    request_id: str
    id: str | None = None
    """The client's own name for the request."""
    matchers: list[Matcher] = Field(default_factory=list)
    """Empty while no Alertmanager could be asked for the alert of a fingerprint."""
    finding: MutedFinding | None = None
    """What a fingerprint stood for; None when something else was asked for, or the alert has no verdict."""
    fingerprints: list[str] = Field(default_factory=list)
    """All that the muted alert has had; an edit of the inventory gives it another one."""
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    created_by: str = ""
    comment: str = ""
    silences: list[SilenceMade] = Field(default_factory=list)
    refused: str | None = None
    """Why nothing was muted; then there are no matchers and no silences."""
    waiting: str | None = None
    """Why nothing could be muted anywhere yet; it will be tried again."""
    ended_by: str | None = None
    """Who asked to end it, and why, after an unmute."""
