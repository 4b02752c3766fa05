"""What does an installation's state mean: is it well, is it worth a look, or is it broken, and what is to be done? Pure
judgements of facts that ``cli/doctor.py`` gathers, one function for each question, each with one line for people.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.alertmanager_api import AlertmanagerStatus
from shared.configuration import Alertmanager, Configuration, Disabled
from shared.streams import OLDEST_SERVER
from shared.subjects import LANES, Lane
from watchword.words import counted

Level = Literal["ok", "warn", "fail"]

CLOCK_WARN = dt.timedelta(seconds=5)
"""Alertmanager compares its own clock with the times that we send; the publisher allows for a minute."""
CLOCK_FAIL = dt.timedelta(seconds=50)
FEW = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One finding about the installation."""

    level: Level
    about: str
    what: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class ConsumerFacts:
    """How a consumer stands: pulls that wait for messages, messages that wait for a pull, messages in work."""

    waiting_pulls: int
    pending: int
    in_work: int

    @property
    def is_served(self) -> bool:
        """Say whether somebody consumes."""
        return self.waiting_pulls > 0 or self.in_work > 0


def judge_server(version: tuple[int, int, int], url: str) -> Line:
    """Judge the version of the NATS server."""
    written = ".".join(str(part) for part in version)
    if version[:2] < OLDEST_SERVER:
        oldest = ".".join(str(part) for part in OLDEST_SERVER)
        return Line("fail", "NATS", f"{url} is version {written}", f"upgrade it to {oldest} or later")
    return Line("ok", "NATS", f"{url} answers, version {written}")


def judge_clock(about: str, difference: dt.timedelta) -> Line:
    """Judge how far another machine's clock is from this one's."""
    seconds = f"{abs(difference.total_seconds()):.0f} s"
    if abs(difference) < CLOCK_WARN:
        return Line("ok", about, "its clock agrees with this machine's")
    side = "ahead of" if difference > dt.timedelta(0) else "behind"
    level: Level = "fail" if abs(difference) >= CLOCK_FAIL else "warn"
    return Line(level, about, f"its clock is {seconds} {side} this machine's", "let both follow a time server (NTP)")


def judge_streams(different: Mapping[str, Sequence[str] | None]) -> list[Line]:
    """Judge the streams and buckets: of each what differs from its declaration, None when it is missing."""
    missing = [name for name, found in different.items() if found is None]
    lines = [
        Line("fail", "streams", f"{name} differs: {'; '.join(found)}", "run: watchword init")
        for name, found in different.items()
        if found
    ]
    if missing:
        lines.append(Line("fail", "streams", f"missing: {', '.join(missing)}", "run: watchword init"))
    return lines or [Line("ok", "streams", f"all {len(different)} streams and buckets are as declared")]


def judge_stage(stage: str, facts: ConsumerFacts | None) -> Line:
    """Judge whether a stage that pulls messages is there; ``facts`` None when its consumer was never made."""
    if facts is None:
        return Line("fail", stage, "none has ever run here", f"start one: watchword serve {stage}")
    if not facts.is_served:
        waits = f"; waiting: {counted(facts.pending, 'message')}" if facts.pending else ""
        return Line("fail", stage, f"none is consuming{waits}", f"start one: watchword serve {stage}")
    return Line("ok", stage, "consumes" + (f", {counted(facts.pending, 'message')} behind" if facts.pending else ""))


def judge_pool(pool: str, targets: int, lanes: Mapping[Lane, ConsumerFacts | None]) -> Line:
    """Judge whether a pool of the inventory has a checker that serves all its lanes."""
    about = f"pool {pool}"
    pending = sum(facts.pending for facts in lanes.values() if facts is not None)
    idle = [lane for lane in LANES if (facts := lanes.get(lane)) is None or not facts.is_served]
    waits = f"; waiting: {counted(pending, 'run')}" if pending else ""
    start = f"start one beside its {counted(targets, 'target')}: WATCHWORD_POOLS={pool} watchword serve checker"
    if pool.startswith("private-"):
        start = "its passwords are with the `watchword up --config` that read them; start that again"
    if len(idle) == len(LANES):
        return Line("fail", about, f"no checker serves it{waits}", start)
    if idle:
        return Line("warn", about, f"nobody serves its lane {', '.join(idle)}{waits}", start)
    return Line("ok", about, f"served, {counted(targets, 'target')}{waits}")


def judge_alertmanager(one: Alertmanager, answers: Mapping[str, AlertmanagerStatus | str]) -> list[Line]:
    """Judge an Alertmanager or a cluster by what each member answered: its status, or what went wrong."""
    lines = []
    for url, answer in answers.items():
        about = f"Alertmanager {url}"
        if isinstance(answer, str):
            lines.append(Line("fail", about, answer.removeprefix(f"{url} "), "correct `alertmanagers` or start it"))
        elif len(one.urls) > 1 and answer.cluster_state != "ready":
            what = f"version {answer.version}, cluster {answer.cluster_state}"
            to_do = "members of one entry must be a cluster (--cluster.peer); otherwise list them one by one"
            lines.append(Line("warn", about, what, to_do))
        else:
            lines.append(Line("ok", about, f"version {answer.version}, cluster {answer.cluster_state}"))
    return lines


def judge_configuration(configuration: Configuration) -> list[Line]:
    """Judge what the configuration holds: readable, with targets and checks."""
    targets, checks = configuration.all_targets(), configuration.all_checks()
    lines = [
        Line("warn", "configuration", f"{key} can't be read: {reason}", "apply it again with this version")
        for key, reason in sorted(configuration.unreadable.items())
    ]
    if not checks:
        lines.append(Line("fail", "configuration", "it has no checks", "run: watchword apply"))
    if not targets:
        lines.append(Line("warn", "configuration", "it has no targets", "add some: watchword apply"))
    if targets and checks:
        lines.append(Line("ok", "configuration", f"{counted(len(targets), 'target')}, {counted(len(checks), 'check')}"))
    off = [
        setting
        for entry in configuration.settings.values()
        if isinstance(setting := entry.value, Disabled) and setting.disabled
    ]
    if off:
        lines.append(
            Line("ok", "configuration", f"switched off: {counted(len(off), 'check')}; see: watchword checks list")
        )
    return lines


def judge_targets(errors: Mapping[str, Mapping[str, str]], unseen: Sequence[str]) -> list[Line]:
    """Judge the targets: of each the checks that could not look last time with their reasons, and those never seen."""
    lines = []
    for target, reasons in sorted(errors.items()):
        if reasons:
            first = next(iter(reasons.values()))
            what = f"{counted(len(reasons), 'check')} could not look: {first}"
            lines.append(Line("warn", f"target {target}", what, f"then: watchword run --target {target} --wait"))
    if unseen:
        shown = ", ".join(sorted(unseen)[:FEW]) + (f" and {len(unseen) - FEW} more" if len(unseen) > FEW else "")
        lines.append(Line("warn", "targets", f"never looked at: {shown}", "does a scheduler run?"))
    return lines


def judge_dead_letters(count: int) -> Line:
    """Judge the number of messages that could not be handled."""
    if count:
        return Line(
            "warn", "dead letters", f"{counted(count, 'message')} could not be handled", "see: watchword dead list"
        )
    return Line("ok", "dead letters", "none")
