"""What people say about findings at run time: ``watchword checks accept`` (this one is accepted until a date, because
of a reason), ``checks severity`` (here it is worse, or less bad, than its author thought) and ``checks exceptions``,
which lists what is accepted.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.text import Text

from shared.accepted import all_exceptions, exception_names, parse_until
from shared.check_files.problems import nearest_or_allowed
from shared.configuration import RiskAccepted, SeverityOverride
from shared.errors import ScheduleRefused
from shared.schedules import parse_duration
from shared.severity import Severity
from watchword.cli.accepted_findings import AcceptedFinding, accepted_among, findings_of
from watchword.cli.changing import Change, change_at, change_of, known_check, report, target_engine
from watchword.cli.checks import CheckName, OneTarget, Reason
from watchword.cli.exits import WrongUsage
from watchword.cli.options import Author, NatsUrl, Output
from watchword.cli.output import OutputFormat, clean, local, login_name, note, print_json, print_table, say
from watchword.cli.session import Session, asynchronous, session
from watchword.inventory.bucket import Snapshot

Labels = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="KEY=VALUE", help="Only findings with this label; may be repeated."),
]


@asynchronous
async def accept(
    check: CheckName,
    target: Annotated[str, typer.Option("--target", "-t", metavar="NAME", help="On this target.")],
    label: Labels = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Until the end of a day such as 2027-01-31, in UTC.")
    ] = None,
    length: Annotated[str | None, typer.Option("--for", metavar="DURATION", help="For so long: 90d, 2w.")] = None,
    reason: Reason = "",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who accepts it, when it is somebody else than you.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Accept it no more.")] = False,
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Accept findings of a check on a target until a date: they are still looked for and shown, and fire no alert.

    When its time is over the alert fires again, without waiting for the next run.

    Example: `watchword checks accept pg_trust --target lab --until 2027-01-31 --reason "moves in January"`
    """
    labels = _labels(label or [])
    now = dt.datetime.now(dt.UTC)
    ends_at = None if end else _ends_at(until, length, reason, now)
    async with session(nats_url) as here:
        snapshot = await here.snapshot()
        standings = await findings_of(here, check, target)
        if standings is None:  # what another program found is in no inventory
            known_check(snapshot.view, check)
            target_engine(snapshot.view, target)
        names = exception_names(check, target, labels)
        change = change_at(snapshot, names, f"on {target}")
        writer = author or login_name()
        if ends_at is None:
            setting = _ending(snapshot, names, check, target, labels, writer, now)
        else:
            setting = RiskAccepted(
                check=check,
                target=target,
                labels=labels,
                until=ends_at,
                reason=reason,
                by=by or "",
                author=writer,
                at=now,
            )
        if setting is not None or change.is_set:
            await change.write(here, setting)
    if ends_at is None or setting is None:
        report(change, setting, f"findings of {check} {change.where} are accepted no more", output)
        return
    report(change, setting, f"findings of {check} {change.where} are accepted until {local(ends_at)}", output)
    if output is OutputFormat.TABLE:
        _tell_findings(accepted_among(standings or [], [setting], now))


def _ending(
    snapshot: Snapshot,
    names: tuple[str, ...],
    check: str,
    target: str,
    labels: Mapping[str, str],
    author: str,
    now: dt.datetime,
) -> RiskAccepted | None:
    """Return what to write so that findings are accepted no more: nothing, unless the file accepts them."""
    view = snapshot.view
    by_person, by_file = (view.settings.get((origin, *names)) for origin in ("person", "file"))
    if (by_person is None or by_person.value is None) and (by_file is None or by_file.value is None):
        known = [one for one in all_exceptions(view) if (one.check, one.target) == (check, target)]
        others = "; ".join(_in_labels(one.labels) for one in known)
        hint = f"; it has exceptions for: {others}" if others else "; see: watchword checks exceptions"
        raise WrongUsage(f"there is no such exception for {check} on {target}{hint}")
    if by_file is None or by_file.value is None:
        return None
    return RiskAccepted(
        check=check, target=target, labels=dict(labels), until=now, reason="ended", author=author, at=now
    )


def _ends_at(until: str | None, length: str | None, reason: str, now: dt.datetime) -> dt.datetime:
    if (until is None) == (length is None):
        raise WrongUsage("say until when: --until 2027-01-31, or --for 90d")
    if not reason.strip():
        raise WrongUsage("say why it is accepted: --reason TEXT; it is shown wherever the finding would be")
    try:
        ends_at = parse_until(until) if until is not None else now + parse_duration(length or "")
    except ScheduleRefused as refused:
        raise WrongUsage(f"{'--until' if until is not None else '--for'}: {refused}") from None
    if ends_at <= now:
        raise WrongUsage(f"--until {until} is over already")
    return ends_at


def _labels(words: Sequence[str]) -> dict[str, str]:
    labels = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise WrongUsage(f"--label {word!r} is not KEY=VALUE, such as role=backup")
        labels[name] = value
    return labels


def _in_labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "all findings"


def _tell_findings(found: Sequence[AcceptedFinding]) -> None:
    if not found:
        note("nothing that it is about is found now")
    for one in found:
        finding = one.standing.finding
        say(Text(f"  {finding.severity.value}  {clean(finding.summary)}  ({clean(_in_labels(finding.labels))})"))


@asynchronous
async def exceptions(output: Output = OutputFormat.TABLE, nats_url: NatsUrl = None) -> None:
    """List what is accepted: until when, by whom, why, and what it is about now.

    Example: `watchword checks exceptions`
    """
    now = dt.datetime.now(dt.UTC)
    async with session(nats_url) as here:
        configuration = await here.configuration()
        found = [(one, await _about(here, one, now)) for one in all_exceptions(configuration)]
    if output is OutputFormat.JSON:
        print_json(
            [
                {**one.model_dump(mode="json", exclude_none=True), "is_over": one.until <= now, "findings": about}
                for one, about in found
            ]
        )
        return
    if not found:
        note("nothing is accepted; see: watchword checks accept --help")
        return
    columns = ["check", "target", "labels", "until", "by", "findings", "reason"]
    print_table(
        columns,
        [
            [
                one.check,
                one.target,
                _in_labels(one.labels),
                Text(
                    local(one.until) + (" (over)" if one.until <= now else ""), style="dim" if one.until <= now else ""
                ),
                one.accepted_by,
                str(about),
                one.reason,
            ]
            for one, about in found
        ],
    )


async def _about(here: Session, exception: RiskAccepted, now: dt.datetime) -> int:
    standings = await findings_of(here, exception.check, exception.target)
    return len(accepted_among(standings or [], [exception], now))


@asynchronous
async def severity(
    check: CheckName,
    level: Annotated[str | None, typer.Argument(metavar="[SEVERITY]", help=", ".join(Severity) + ".")] = None,
    target: OneTarget = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to what the file or the check says.")] = False,
    reason: Reason = "",
    author: Author = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Give the findings of a check another severity, on all targets or on one. The check runs again at once.

    Example: `watchword checks severity pg_trust critical --target orders-db --reason "reachable from outside"`
    """
    if (level is None) != reset:
        raise WrongUsage("say which severity, such as critical, or --reset")
    if level is not None and level not in set(Severity):
        raise WrongUsage(f"{level!r} is no severity; {nearest_or_allowed(level, [one.value for one in Severity])}")
    async with session(nats_url) as here:
        change: Change = await change_of(here, "severity", check, target)
        setting = None
        if level is not None:
            now = dt.datetime.now(dt.UTC)
            setting = SeverityOverride(severity=Severity(level), author=author or login_name(), reason=reason, at=now)
        if setting is not None or change.is_set:
            await change.write(here, setting)
    words = f"findings of {check} are {level}" if level else f"findings of {check} have their usual severity"
    report(change, setting, f"{words} {change.where}", output)
