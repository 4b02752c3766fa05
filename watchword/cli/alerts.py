"""``watchword alerts``: what fires now, as the Alertmanagers show it."""

import datetime as dt
from typing import Annotated

import typer
from rich.text import Text

from services.silencer.reconcile import MARKER
from shared.accepted import in_words
from shared.mutes import Matcher
from watchword.cli.accepted_findings import AcceptedFinding, accepted_findings
from watchword.cli.exits import CHECK_FAILED, COULD_NOT_LOOK, GOOD
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, ago, clean, local, note, print_json, print_table, rank, severity
from watchword.cli.seen_alerts import SeenAlert, see_alerts
from watchword.cli.session import asynchronous, session


@asynchronous
async def alerts(
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Muted and accepted ones too, with who did it and why.")
    ] = False,
    target: Annotated[str | None, typer.Option("--target", "-t", metavar="NAME", help="Of one target only.")] = None,
    check: Annotated[str | None, typer.Option("--check", "-c", metavar="NAME", help="Of one check only.")] = None,
    all_sources: Annotated[
        bool, typer.Option("--all-sources", help="Alerts of other programs in the same Alertmanager, too.")
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 when an alert is active, for scripts.")
    ] = False,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Show the active alerts, the worst first.

    Example: `watchword alerts --all --target orders-db`
    """
    now = dt.datetime.now(dt.UTC)
    async with session(nats_url) as here:
        configuration = await here.configuration()
        seen = await see_alerts(configuration, here.settings, silenced=every, only_ours=not all_sources)
        accepted = await accepted_findings(here, configuration, now) if every else []
    for problem in seen.problems:
        note(problem)
    chosen = [
        one
        for one in seen.alerts
        if (every or one.is_active)
        and target in {None, one.label("service_name")}
        and check in {None, one.label("check"), one.label("alertname")}
    ]
    chosen.sort(key=lambda one: (rank(one.label("severity")), one.label("service_name"), one.label("check")))
    accepted = [
        one for one in accepted if target in {None, one.standing.target} and check in {None, one.standing.check}
    ]
    if output is OutputFormat.JSON:
        print_json([*(as_json(one) for one in chosen), *(accepted_as_json(one) for one in accepted)])
    else:
        _print(chosen, accepted, now, is_all=every)
    if seen.problems:
        raise typer.Exit(COULD_NOT_LOOK)
    raise typer.Exit(CHECK_FAILED if exit_code and any(one.is_active for one in chosen) else GOOD)


def _print(chosen: list[SeenAlert], accepted: list[AcceptedFinding], now: dt.datetime, *, is_all: bool) -> None:
    if not chosen and not accepted:
        note("no alert is active" if not is_all else "no alert fires")
        return
    columns = ["severity", "target", "check", "summary", "age", "fingerprint", *(["muted"] if is_all else [])]
    rows: list[list[str | Text]] = [
        [
            severity(one.label("severity")),
            one.label("service_name"),
            one.label("check") or one.label("alertname"),
            one.alert.annotations.get("summary", ""),
            ago(one.alert.starts_at, now),
            Text(one.alert.fingerprint, style="dim"),
            *([_muted(one)] if is_all else []),
        ]
        for one in chosen
    ]
    print_table(columns, [*rows, *(_accepted_row(one, now) for one in accepted)])


def _accepted_row(one: AcceptedFinding, now: dt.datetime) -> list[str | Text]:
    """Return the row of a finding that has no alert, for somebody accepts it."""
    finding = one.standing.finding
    since = ago(finding.failing_since, now) if finding.failing_since else ""
    cells = [one.standing.target, one.standing.check, finding.summary, since, "", in_words(one.accepted)]
    return [severity(finding.severity.value), *cells]


def _muted(one: SeenAlert) -> str:
    if not one.silences:
        return "" if one.is_active else "inhibited"
    silence = max(one.silences, key=lambda silence: silence.ends_at)
    return f"by {clean(silence.created_by)} until {local(silence.ends_at)}: {without_marker(silence.comment)}"


def without_marker(comment: str) -> str:
    """Return a silence's comment without the marker by which the silencer knows it."""
    return clean(MARKER.sub(" ", comment))


def accepted_as_json(one: AcceptedFinding) -> dict[str, object]:
    """Return a finding that has no alert, for somebody accepts it; for programs."""
    standing, finding = one.standing, one.standing.finding
    return {
        "fingerprint": None,
        "target": standing.target,
        "engine": standing.engine,
        "check": standing.check,
        "severity": finding.severity.value,
        "labels": finding.labels,
        "annotations": {"summary": finding.summary, "description": finding.description},
        "starts_at": finding.failing_since,
        "is_active": False,
        "alertmanagers": [],
        "silences": [],
        "accepted": one.accepted.model_dump(mode="json"),
    }


def as_json(one: SeenAlert) -> dict[str, object]:
    """Return an alert for programs."""
    return {
        "fingerprint": one.alert.fingerprint,
        "target": one.label("service_name"),
        "engine": one.label("service_type"),
        "check": one.label("check"),
        "severity": one.label("severity"),
        "labels": one.alert.labels,
        "annotations": one.alert.annotations,
        "starts_at": one.alert.starts_at,
        "is_active": one.is_active,
        "alertmanagers": one.alertmanagers,
        "silences": [
            {
                "id": silence.id,
                "created_by": silence.created_by,
                "comment": silence.comment,
                "ends_at": silence.ends_at,
                "matchers": [shown_matcher(matcher) for matcher in silence.matchers],
            }
            for silence in one.silences
        ],
    }


def shown_matcher(matcher: Matcher) -> str:
    """Return a matcher as Prometheus writes it."""
    operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return f'{matcher.name}{operator[matcher.is_equal, matcher.is_regex]}"{matcher.value}"'
