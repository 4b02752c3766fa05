"""The events, as pydantic models. Unknown fields are ignored, so that producers can be newer than consumers. Times are
UTC. What a subject already says (engine, target, check) must agree with the body; who reads both has the subject win.
The AsyncAPI document is generated from these models.
"""

import datetime as dt
import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.severity import Severity

LONGEST_LIST_OF_NAMES = 1000
"""Names in one check.accepted; more of them travel in further parts."""
MOST_FINDINGS = 200
LARGEST_RESULT_BYTES = 512 * 1024


def _as_utc(moment: dt.datetime) -> dt.datetime:
    try:
        return (moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment).astimezone(dt.UTC)
    except OverflowError:  # the year 1 with an offset, say
        message = "the time is outside of the years 1 to 9999 in UTC"
        raise ValueError(message) from None


def _as_list(names: Any) -> Any:
    return [names] if isinstance(names, str) else names


Moment = Annotated[dt.datetime, AfterValidator(_as_utc)]
"""A time; one without an offset is read as UTC, as Alertmanager does."""
Names = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=480)]], BeforeValidator(_as_list)]
"""Names or globs; a single one may be written without the list."""
ShortText = Annotated[str, StringConstraints(max_length=2000)]


class Event(BaseModel):
    """What all events have in common."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_bytes(self) -> bytes:
        """Return the JSON body, without the fields that say nothing."""
        return self.model_dump_json(exclude_none=True).encode()


class CheckRequested(Event):
    """Run checks now. Everything is optional: the empty message runs every enabled check on every target."""

    id: ShortText | None = None
    """The client's own name for the request; only carried along."""
    targets: Names | None = None
    checks: Names | None = None
    engine: ShortText | None = None
    selector: dict[str, str] | None = None
    """Labels that a target must have; values may be globs."""
    requested_by: ShortText | None = None
    reason: ShortText | None = None


class RunRequested(Event):
    """One target's part of a request: the body of a message in CHECK_RUNS, whose subject names target and ``what``.

    ``checks`` None with ``schedule`` None means every enabled check; with a schedule, the target's checks of that
    schedule at the time of the run, so that a message that waited long still asks for what is right then.
    """

    checks: list[str] | None = None
    schedule: str | None = None
    request_id: str | None = None
    """The request that this is a part of; None for the scheduler's own."""
    due_at: Moment | None = None
    requested_by: ShortText | None = None
    reason: ShortText | None = None


class CheckAccepted(Event):
    """What a request became. A target is done at the first check.finished of ``what`` that covers ``first``; when all
    of its targets had been run after it was stored, there was no part to store, and those runs answer it.
    """

    request_id: str
    id: str | None = None
    sequence: int
    what: str
    first: int
    """The sequence of the first part stored in CHECK_RUNS; without parts, the least that the answering runs cover."""
    targets: list[str]
    unknown: list[str] = Field(default_factory=list)
    """Names and globs of the request that matched nothing."""
    part: int = 1
    parts: int = 1


class CheckStarted(Event):
    """A run began."""

    run: str
    target: str
    checks: list[str]
    sequence: int
    attempt: int
    checker: str
    started_at: Moment


class Accepted(Event):
    """The word of somebody who accepts a finding for a time."""

    until: Moment
    by: str = ""
    reason: str = ""


class Finding(Event):
    """One weakness that a check saw. Its identity is severity and labels; texts may change from run to run."""

    summary: str
    description: str = ""
    severity: Severity
    labels: dict[str, str] = Field(default_factory=dict)
    read_more_url: str = ""
    failing_since: Moment | None = None
    remediation: str = ""
    """The statement that fixes it, with the labels filled in; empty when the check gives none."""
    accepted: Accepted | None = None
    """Who accepts it until when, as of the run. It fires no alert until then, and is no transition."""

    def key(self, engine: str, target: str, check: str) -> str:
        """Return what tells this finding from all others; the target's labels are no part of it."""
        identity = [engine, target, check, self.severity.value, sorted(self.labels.items())]
        return hashlib.sha256(json.dumps(identity, ensure_ascii=True).encode()).hexdigest()[:32]


Status = Literal["passed", "failed", "skipped", "withdrawn", "error"]
VERDICTS: frozenset[str] = frozenset({"passed", "failed", "skipped", "withdrawn"})


class CheckResult(Event):
    """What one check found on one target. Every status but ``error`` is a verdict: the current state of its subject."""

    status: Status
    target: str
    engine: str
    check: str
    check_digest: str = ""
    run: str | None = None
    findings: list[Finding] = Field(default_factory=list)
    reason: str | None = None
    """Why a check was skipped or withdrawn, or what went wrong."""
    started_at: Moment | None = None
    duration_ms: float | None = None
    checker: str | None = None
    expires_at: Moment | None = None
    """For results of other programs: when nobody has repeated it by then, it is withdrawn."""
    labels: dict[str, str] | None = None
    """For results of other programs: labels of the target, which the inventory does not know."""
    printed: list[str] | None = None
    """What the script printed, capped; for whoever debugs a check."""

    @property
    def is_verdict(self) -> bool:
        """Say whether this ends or changes alerts; an error leaves them as they were."""
        return self.status in VERDICTS

    @model_validator(mode="after")
    def _failed_has_findings(self) -> Self:
        if self.status == "failed" and not self.findings:
            message = "status is failed, but there are no findings"
            raise ValueError(message)
        if self.status in {"passed", "skipped", "withdrawn"} and self.findings:
            message = f"status is {self.status}, but there are findings"
            raise ValueError(message)
        return self


class CheckFinished(Event):
    """A run ended. It answers every part for its target and checks that was stored up to ``covers``, and every request
    for them up to ``covers_requests``, so that 10,000 people who ask at once are answered by a run or two.
    """

    run: str
    target: str
    checks: list[str]
    covers: int
    """The last sequence of CHECK_RUNS when the run began; 0 when its results could not be stored: it answers none."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    error: int = 0
    started_at: Moment
    duration_ms: float
    runs_created: str | None = None
    """The creation of the CHECK_RUNS that ``covers`` counts in; sequences restart when it is made anew."""
    covers_requests: int | None = None
    """The last sequence of CHECK_REQUESTS when the run began."""
    requests_created: str | None = None
    """The creation of the CHECK_REQUESTS that ``covers_requests`` counts in."""


class AlertChanged(Event):
    """One transition of one finding: alert.firing or alert.resolved."""

    id: str
    key: str
    transition: Literal["firing", "resolved"]
    engine: str
    target: str
    check: str
    severity: Severity
    labels: dict[str, str]
    """The labels of the alert at the time of the event, as Alertmanager has them."""
    summary: str
    description: str = ""
    read_more_url: str = ""
    failing_since: Moment | None = None
    at: Moment
    reason: str | None = None
