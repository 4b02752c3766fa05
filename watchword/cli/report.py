"""``watchword report``: the state of the fleet as the events tell it, for people, spreadsheets, tickets and CI servers.
Nothing is run: what a report says is what the last runs found.
"""

import datetime as dt
import importlib.metadata
from typing import Annotated

import typer
from nats.js.errors import NotFoundError

from shared.accepted import parse_until
from shared.errors import ScheduleRefused
from shared.following import Follower
from shared.schedules import parse_duration
from shared.severity import Severity
from shared.streams import ALERT_EVENTS, CHECK_RESULTS
from watchword.cli.exits import WrongUsage
from watchword.cli.live import snapshot_of
from watchword.cli.options import NatsUrl
from watchword.cli.output import note
from watchword.cli.report_output import FailOn, FormatOption, Least, OutputOption, deliver, destinations, exit_code
from watchword.cli.session import Session, asynchronous, session
from watchword.inventory.spots import nearest_name
from watchword.report.fleet import Endings, Standings, report_of
from watchword.report.model import Past, Report


@asynchronous
async def report(
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", metavar="NAME", help="A target, or a glob; may be repeated.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", "-c", metavar="NAME", help="A check, or a glob; may be repeated.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Also what is new and what was fixed since 7d, or 2026-11-01."),
    ] = None,
    severity: Least = None,
    fail_on: FailOn = Severity.DEBUG,
    format_: FormatOption = None,
    output: OutputOption = None,
    nats_url: NatsUrl = None,
) -> None:
    """Report how the fleet stands: by target and by check, what is accepted, what could not be looked at.

    It ends with 0 when all is good, 1 when a check failed (with `--fail-on error` only from that severity on), 2 for
    wrong usage, 3 when something could not be looked at, or never was.

    Example: `watchword report --since 7d --output report.html`
    """
    where = destinations(format_, output or [])
    now = dt.datetime.now(dt.UTC)
    begin = _moment(since, now) if since is not None else None
    async with session(nats_url) as here:
        whole = await _gathered(here, now, begin)
    chosen = whole.on(target or [], check or [])
    _refuse_what_matches_nothing(whole, target or [], check or [])
    if not whole.targets:
        note("there are no targets; name some in a file and run: watchword apply FILE")
    deliver(chosen.only(severity) if severity is not None else chosen, where)
    raise typer.Exit(exit_code(chosen, fail_on))


async def _gathered(here: Session, now: dt.datetime, since: dt.datetime | None) -> Report:
    configuration = await here.configuration()
    standings = Standings()
    await snapshot_of(here.jetstream, CHECK_RESULTS, standings.take)
    past, endings = None, None
    if since is not None:
        endings = Endings(since)
        past = Past(since, await _read_endings(here, endings))
    version = importlib.metadata.version("watchword")
    return report_of(configuration, standings, version=version, now=now, past=past, endings=endings)


async def _read_endings(here: Session, endings: Endings) -> dt.datetime | None:
    """Read what went away, and return since when that is known."""
    try:
        information = await here.jetstream.stream_info(ALERT_EVENTS)
    except NotFoundError:
        return None
    follower = Follower(here.jetstream, ALERT_EVENTS, endings.take, last_per_subject=False)
    try:
        await follower.start()
    finally:
        await follower.stop()
    # The oldest events leave the stream; until one has left, everything since its creation is there.
    return information.created if information.state.first_seq <= 1 else endings.first or dt.datetime.now(dt.UTC)


def _moment(text: str, now: dt.datetime) -> dt.datetime:
    """Read a length of time that is over, or when it began. Raises ``WrongUsage``."""
    try:
        return now - parse_duration(text)
    except ScheduleRefused:
        pass
    try:
        begun = parse_until(text)
    except ScheduleRefused:
        raise WrongUsage(
            f"--since {text!r} is neither a duration such as 7d nor a date such as 2026-11-01 nor a moment such as "
            "2026-11-01T18:00Z"
        ) from None
    # As an end, a date counts to its last moment; here to its first.
    begun -= dt.timedelta(days=1) if len(text) == len("2026-11-01") else dt.timedelta()
    if begun > now:
        raise WrongUsage(f"--since {text!r} is in the future")
    return begun


def _refuse_what_matches_nothing(whole: Report, targets: list[str], checks: list[str]) -> None:
    for pattern in targets:
        if not whole.on([pattern], []).targets:
            hint = nearest_name(pattern, [target.name for target in whole.targets], "see: watchword targets")
            raise WrongUsage(f"--target {pattern} matches nothing; {hint}")
    known = {state.check for state in whole.states}
    for pattern in checks:
        if not any(target.checks for target in whole.on([], [pattern]).targets):
            hint = nearest_name(pattern, sorted(known), "see: watchword checks list")
            raise WrongUsage(f"--check {pattern} matches nothing; {hint}")
