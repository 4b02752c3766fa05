"""What would a check file find on a real server, now? One look at one target with the code that a checker runs, and
nothing is published. It says what each query answered and how long it took, what the script printed and returned, and
what the verdict would be. How that is shown is for the command line.
"""

import contextlib
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from services.checker import secrets
from services.checker.engines import CONNECTS
from services.checker.engines.protocol import Server
from services.checker.examine import Answer, Outcome, examine
from services.checker.findings import findings_of
from services.checker.metrics import Metrics
from services.checker.sandbox import Sandbox
from services.checker.settings import CheckerSettings
from shared.accepted import exceptions_for, severity_here
from shared.checks import Check, Query
from shared.cloudevents import explain
from shared.configuration import Configuration
from shared.events import Finding
from shared.targets import Target
from watchword.inventory.dsn import Address, DsnRefused, parse_dsn

NAME_WITHOUT_INVENTORY = "trial"
"""What a target is called that is known by its address alone."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one check came to."""

    outcome: Outcome
    findings: Sequence[Finding]
    """As they would stand in the verdict: severities overridden, remediations filled in."""
    answers: Sequence[tuple[Query, Answer | None]]
    """Each query of the check, in the order of the file; None for one that was not asked."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Everything that one look brought."""

    target: Target
    server: Server | None
    tried: Sequence[Tried]


def target_of(dsn: str) -> tuple[Target, str | None]:
    """Return the target that an address speaks of, and the password in it. Raises ``DsnRefused``."""
    address = parse_dsn(dsn)
    try:
        return Target.model_validate({"name": NAME_WITHOUT_INVENTORY, **_said(address)}), address.password
    except ValidationError as broken:
        raise DsnRefused(explain(broken)) from None


def _said(address: Address) -> dict[str, object]:
    said = {
        "engine": address.engine,
        "host": address.host or None,
        "port": address.port,
        "user": address.user,
        "database": address.database,
        "tls": dict(address.tls) or None,
        "options": dict(address.options),
    }
    return {name: value for name, value in said.items() if value is not None}


async def try_checks(
    checks: Sequence[Check],
    target: Target,
    *,
    configuration: Configuration,
    settings: CheckerSettings,
    passwords: Mapping[str, str],
) -> Trial:
    """Run checks on a target once. ``passwords`` has those that were given in clear, by the target's name.

    Never raises for what the target or a check does; raises ``SandboxUnavailable`` when no script can be run.
    """
    metrics = Metrics(settings.secrets_folder, os.environ)
    async with Sandbox(workers=1, spares=0) as scripts, contextlib.aclosing(metrics):
        examination = await examine(
            target,
            checks,
            login=lambda: secrets.resolve(target, settings.secrets_folder, os.environ, passwords),
            connect=CONNECTS[target.engine],
            scripts=scripts,
            limits=settings.limits,
            configuration=configuration,
            metrics=metrics,
        )
    now = dt.datetime.now(dt.UTC)
    tried = [
        Tried(
            outcome,
            _findings(outcome, target, configuration, now),
            [(query, examination.answers.get(query)) for query in outcome.check.queries],
        )
        for outcome in examination.outcomes
    ]
    return Trial(target, examination.server, tried)


def _findings(outcome: Outcome, target: Target, configuration: Configuration, now: dt.datetime) -> list[Finding]:
    check = outcome.check
    severity = severity_here(configuration, check.name, target.name)
    exceptions = exceptions_for(configuration, check.name, target.name)
    return findings_of(check, target.name, outcome.found, [], now, severity, exceptions)
