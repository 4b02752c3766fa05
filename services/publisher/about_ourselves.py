"""What does Watchword say about itself, and in which words? One alert for each thing that keeps it from seeing or from
being heard, with few labels that never change while it lasts, the reason, and the command that leads out of it. They
are alerts like all others but for their engine in the generatorURL, ``watchword``, by which nobody takes them for
findings. When each of them fires is the watcher's business.
"""

import datetime as dt
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from services.publisher.alerts import LONGEST_SUMMARY_BYTES, LONGEST_TEXT_BYTES, Alert, generator_url
from services.publisher.looks import Judgement
from shared.alert_labels import alert_labels, capped, clean_text
from shared.alertmanager_api import fingerprint
from shared.severity import Severity
from shared.subjects import ResultSubject
from shared.targets import Target

OURSELVES = "watchword"
"""The engine of these alerts; results of other programs can't have it."""

STALE_TARGET = "WatchwordStaleTarget"
STALE_MANY = "WatchwordStaleManyTargets"
BLIND_TARGET = "WatchwordBlindTarget"
BLIND_MANY = "WatchwordBlindManyTargets"
BLIND_POOL = "WatchwordBlindPool"
BLIND_ALERTMANAGER = "WatchwordBlindAlertmanager"
ALIVE = "WatchwordAlive"
KINDS = (STALE_TARGET, STALE_MANY, BLIND_TARGET, BLIND_MANY, BLIND_POOL, BLIND_ALERTMANAGER, ALIVE)

FEW = 10
"""So many checks or reasons are named; of the others the number is told."""
LONGEST_REASON_BYTES = 500


def about(kind: str, name: str) -> ResultSubject:
    """Return what an alert about ourselves stands for: its kind, and the target, pool or Alertmanager that it is of."""
    return ResultSubject("verdict", OURSELVES, name, kind)


def stale_target(target: Target, judged: Judgement, prefix: str) -> Alert:
    """Return the alert about a target that nobody looks at in time."""
    late = [
        f"- {check} ({one.schedule}): {_at(one.last_at) if one.last_at else 'never'}"
        for check, one in judged.late.items()
    ]
    return _of_target(
        STALE_TARGET,
        target,
        prefix,
        judged.late_at,
        summary=f"{len(judged.late)} of {judged.checks} checks of {target.name} were not made in time",
        description=(
            f"Nobody looked for more than twice their interval, although checkers serve pool {target.pool}. "
            f"Last looked at:\n{_few(late)}\n"
            f"Ask for a run: watchword run --target {_typed(target.name)} --wait. When it does not begin, "
            "watchword doctor says what is missing; what was refused stands in watchword dead list."
        ),
        way_out=f"watchword run --target {_typed(target.name)} --wait",
    )


def blind_target(target: Target, judged: Judgement, prefix: str) -> Alert:
    """Return the alert about a target that can't be looked into."""
    reasons = Counter(judged.blind.values())
    if len(reasons) == 1:
        (reason,) = reasons
        why = _reason(reason)
    else:
        why = "\n" + _few([f"- {check}: {_reason(reason)}" for check, reason in judged.blind.items()])
    number = "no check" if len(judged.blind) == judged.checks else f"{len(judged.blind)} of {judged.checks} checks"
    can = "can look into" if number == "no check" else "can't look into"
    return _of_target(
        BLIND_TARGET,
        target,
        prefix,
        judged.blind_at,
        summary=f"{number} {can} {target.name}",
        description=(
            f"What they found before still stands, but nobody sees what is new. Reason: {why}\n"
            "Correct the address, the login or the privilege (a changed inventory is followed after watchword apply), "
            f"then: watchword run --target {_typed(target.name)} --wait. The first verdict resolves this alert."
        ),
        way_out=f"watchword run --target {_typed(target.name)} --wait",
    )


def stale_many(pool: str, judged: Sequence[Judgement], since: dt.datetime, prefix: str) -> Alert:
    """Return the alert about a pool in which so many targets are late that they get no alerts of their own."""
    return _of_ourselves(
        STALE_MANY,
        pool,
        Severity.CRITICAL,
        prefix,
        since,
        summary=f"{len(judged)} targets of pool {pool} were not checked in time",
        description=(
            "Nobody looked for more than twice their interval. There are checkers, but they don't keep up: start more "
            f"of them (watchword serve checker with WATCHWORD_POOLS={_typed(pool)}), or lengthen intervals in "
            "watchword.yaml. watchword doctor shows the backlog. So many have one cause, so this one alert stands for "
            "all that were not late before."
        ),
        way_out="watchword doctor",
    )


def blind_many(pool: str, judged: Sequence[Judgement], since: dt.datetime, prefix: str) -> Alert:
    """Return the alert about a pool in which so many targets can't be looked into that they get no alerts of their
    own.
    """
    reasons = Counter(reason for one in judged for reason in set(one.blind.values()))
    common = [f"- {_reason(reason)} ({times} targets)" for reason, times in reasons.most_common(3)]
    return _of_ourselves(
        BLIND_MANY,
        pool,
        Severity.CRITICAL,
        prefix,
        since,
        summary=f"{len(judged)} targets of pool {pool} can't be looked into",
        description=(
            "What was found before still stands, but nobody sees what is new. Most often:\n"
            + "\n".join(common)
            + "\nSo many have one cause, so this one alert stands for all that could be looked into before: see the "
            "network, the account and the secrets of the pool's checkers. watchword targets lists them."
        ),
        way_out="watchword targets",
    )


def blind_pool(pool: str, targets: int, prefix: str) -> Alert:
    """Return the alert about a pool that no checker serves. Since when, Alertmanager remembers."""
    return _of_ourselves(
        BLIND_POOL,
        pool,
        Severity.CRITICAL,
        prefix,
        None,
        summary=f"no checker serves pool {pool}: {targets} targets are not checked",
        description=(
            "Nothing waits for work there. What was found before still stands; requests are kept and answered when a "
            f"checker is back. Start one: watchword serve checker with WATCHWORD_POOLS={_typed(pool)}. When one runs, "
            "its /readyz and watchword doctor say what keeps it from working."
        ),
        way_out=f"WATCHWORD_POOLS={_typed(pool)} watchword serve checker",
    )


def blind_alertmanager(url: str, publisher: str, reason: str, since: dt.datetime, prefix: str) -> Alert:
    """Return the alert about an Alertmanager that a publisher can't reach; it arrives by the others."""
    return _of_ourselves(
        BLIND_ALERTMANAGER,
        url,
        Severity.CRITICAL,
        prefix,
        since,
        summary=f"publisher {publisher} can't send alerts to {url}",
        description=(
            f"{_reason(reason)}\nWho is told by that Alertmanager alone hears nothing new, and what fires there ends "
            "by itself within minutes. Start it, or correct `alertmanagers` in watchword.yaml and run watchword apply; "
            "watchword doctor asks each of them."
        ),
        way_out="watchword doctor",
        subject=about(BLIND_ALERTMANAGER, f"{publisher} {url}"),
        more={"publisher": publisher},
    )


def alive(since: dt.datetime | None, prefix: str) -> Alert:
    """Return the alert that always fires."""
    return _of_ourselves(
        ALIVE,
        OURSELVES,
        Severity.INFO,
        prefix,
        since,
        summary="Watchword is alive",
        description=(
            "This alert always fires, as long as a publisher reads the streams and reaches this Alertmanager. Route it "
            "to a dead man's switch that calls when it stops. Switched on by dead_mans_switch.always_firing in "
            "watchword.yaml."
        ),
        way_out="",
    )


def _of_target(
    kind: str, target: Target, prefix: str, since: dt.datetime, *, summary: str, description: str, way_out: str
) -> Alert:
    subject = about(kind, target.name)
    shown = ResultSubject("verdict", target.engine, target.name, kind)
    labels = alert_labels(shown, Severity.ERROR, target.labels, {}).together
    return _alert(subject, labels, prefix, since, summary, description, way_out)


def _of_ourselves(
    kind: str,
    name: str,
    severity: Severity,
    prefix: str,
    since: dt.datetime | None,
    *,
    summary: str,
    description: str,
    way_out: str,
    subject: ResultSubject | None = None,
    more: Mapping[str, str] | None = None,
) -> Alert:
    # Two installations may share an Alertmanager, and both have a pool "default".
    own = {"installation": prefix.removesuffix("/check/"), **(more or {})}
    labels = alert_labels(about(kind, name), severity, {}, own).together
    return _alert(subject or about(kind, name), labels, prefix, since, summary, description, way_out)


def _alert(
    subject: ResultSubject,
    labels: Mapping[str, str],
    prefix: str,
    since: dt.datetime | None,
    summary: str,
    description: str,
    way_out: str,
) -> Alert:
    annotations = {
        "summary": capped(clean_text(summary), LONGEST_SUMMARY_BYTES),
        "description": capped(description, LONGEST_TEXT_BYTES),
    }
    if way_out:
        annotations["remediation"] = way_out
    return Alert(fingerprint(labels), labels, annotations, generator_url(prefix, subject), since)


def _few(lines: list[str]) -> str:
    more = [f"- and {len(lines) - FEW} more"] if len(lines) > FEW else []
    return "\n".join([*lines[:FEW], *more])


def _typed(name: str) -> str:
    """Return a name as it is typed in a shell."""
    return shlex.quote(clean_text(name))


def _reason(text: str) -> str:
    return capped(clean_text(text), LONGEST_REASON_BYTES) or "(none given)"


def _at(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
