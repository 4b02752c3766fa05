"""What the Alertmanagers show now, all of them together: each alert once, with the silences that mute it and by whom.
One member of a cluster speaks for all; one that can't be asked is a problem that is told, not an empty list.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.publisher.alerts import own_prefix
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import ShownAlert, Silence
from shared.alertmanager_errors import AlertmanagerError
from shared.alertmanager_settings import AlertmanagerSettings, alertmanagers_of
from shared.configuration import Alertmanager, Configuration, Installation
from watchword.cli.exits import GaveUp


@dataclass(slots=True)
class SeenAlert:
    """One alert, and where it was seen."""

    alert: ShownAlert
    alertmanagers: list[str]
    silences: list[Silence] = field(default_factory=list)
    is_active: bool = False
    """Active in one Alertmanager at least: neither silenced nor inhibited there."""

    def label(self, name: str) -> str:
        """Return a label's value, empty when the alert has none of that name."""
        return self.alert.labels.get(name, "")


@dataclass(slots=True)
class Seen:
    """Everything that was shown, and what could not be asked."""

    alerts: list[SeenAlert] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def see_alerts(
    configuration: Configuration, settings: AlertmanagerSettings, *, silenced: bool, only_ours: bool = True
) -> Seen:
    """Ask all Alertmanagers. Raises ``GaveUp`` when none is configured or none answers."""
    configured = alertmanagers_of(configuration, settings)
    if not configured:
        raise GaveUp(
            "no Alertmanager is configured; name one as `alertmanagers` in watchword.yaml, or in "
            "WATCHWORD_ALERTMANAGER_URL"
        )
    answers = await asyncio.gather(*(_ask(one, settings, silenced=silenced) for one in configured))
    seen = Seen(problems=[answer for answer in answers if isinstance(answer, str)])
    if len(seen.problems) == len(answers):
        raise GaveUp("; ".join(seen.problems))
    by_fingerprint: dict[str, SeenAlert] = {}
    for one, answer in zip(configured, answers, strict=True):
        if isinstance(answer, str):
            continue
        alerts, silences = answer
        for alert in _ours(alerts, configuration) if only_ours else alerts:
            merged = by_fingerprint.setdefault(alert.fingerprint, SeenAlert(alert, []))
            merged.alertmanagers.append(one.name)
            merged.is_active = merged.is_active or alert.status.state != "suppressed"
            merged.silences += [silences[name] for name in alert.status.silenced_by if name in silences]
    seen.alerts = list(by_fingerprint.values())
    return seen


def is_ours(alert: ShownAlert, configuration: Configuration) -> bool:
    """Say whether an alert is this installation's."""
    installation = configuration.setting(Installation, "installation")
    return installation is not None and alert.generator_url.startswith(own_prefix(installation.url))


def _ours(alerts: Iterable[ShownAlert], configuration: Configuration) -> list[ShownAlert]:
    return [alert for alert in alerts if is_ours(alert, configuration)]


async def _ask(
    one: Alertmanager, settings: AlertmanagerSettings, *, silenced: bool
) -> tuple[Sequence[ShownAlert], Mapping[str, Silence]] | str:
    """Ask the first member that answers; return what went wrong when none does."""
    problems = []
    for url in one.urls:
        try:
            async with AlertmanagerClient(url, one.credential, secrets_folder=settings.secrets_folder) as client:
                alerts = await client.get_alerts(silenced=silenced)
                silences = await client.get_silences() if silenced else []
        except AlertmanagerError as failed:
            problems.append(str(failed))
        else:
            return alerts, {silence.id: silence for silence in silences}
    return "; ".join(problems)
