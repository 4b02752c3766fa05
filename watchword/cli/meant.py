"""Which alert does somebody mean who types a fingerprint, the beginning of one, or a target and a check? What is typed
is completed from what the Alertmanagers show, and anything that could mean two things is refused with both.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.configuration import Configuration
from shared.severity import Severity
from watchword.cli.exits import WrongUsage
from watchword.cli.seen_alerts import SeenAlert, see_alerts
from watchword.cli.session import Session
from watchword.inventory.spots import nearest_name

WHAT_TO_TYPE = "A fingerprint or its beginning, TARGET/CHECK, or TARGET/CHECK/SEVERITY."
_WHOLE = 16
_FINGERPRINT = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True, slots=True)
class Meant:
    """What somebody pointed at: one alert by its fingerprint, or whatever a check says of a target."""

    words: str
    fingerprint: str | None = None
    target: str | None = None
    check: str | None = None
    severity: Severity | None = None

    def fields(self) -> dict[str, str]:
        """Return what goes into a request."""
        said = {"fingerprint": self.fingerprint, "target": self.target, "check": self.check, "severity": self.severity}
        return {name: value for name, value in said.items() if value is not None}


async def find_meant(here: Session, words: Sequence[str]) -> list[Meant]:
    """Find what is meant. Raises ``WrongUsage`` with what could be meant."""
    found = [read_meant(one) for one in words]
    if all(one is not None and (one.fingerprint is None or len(one.fingerprint) == _WHOLE) for one in found):
        return [one for one in found if one is not None]
    seen = await see_alerts(await here.configuration(), here.settings, silenced=True, only_ours=False)
    return [completed(text, one, seen.alerts) for text, one in zip(words, found, strict=True)]


async def require_known(here: Session, meant: Sequence[Meant]) -> None:
    """Raise ``WrongUsage`` for a target or check that neither the inventory nor an alert knows: a mistyped name would
    mute nothing, and nobody would notice.
    """
    configuration = await here.configuration()
    strange = [one for one in meant if one.fingerprint is None and not _is_configured(one, configuration)]
    if not strange:
        return
    seen = await see_alerts(configuration, here.settings, silenced=True, only_ours=False)
    shown = {(one.label("service_name"), one.label("alertname")) for one in seen.alerts}
    for one in strange:
        if (one.target, one.check) not in shown:
            raise WrongUsage(f"{one.words}: {_unknown(one, configuration)}")


def _is_configured(one: Meant, configuration: Configuration) -> bool:
    return configuration.target(one.target or "") is not None and configuration.check(one.check or "") is not None


def _unknown(one: Meant, configuration: Configuration) -> str:
    if configuration.target(one.target or "") is None:
        names = [target.name for target in configuration.all_targets()]
        return f"there is no target {one.target!r}; {nearest_name(one.target or '', names, 'see: watchword targets')}"
    names = [check.name for check in configuration.all_checks()]
    return f"there is no check {one.check!r}; {nearest_name(one.check or '', names, 'see: watchword checks list')}"


def read_meant(words: str) -> Meant | None:
    """Read what stands for itself: a fingerprint, a target and a check. None for anything else."""
    if _FINGERPRINT.fullmatch(words):
        return Meant(words, fingerprint=words)
    target, separator, check = words.rpartition("/")
    if not separator or not target or not check:
        return None
    if check in set(Severity):
        before, separator, inner = target.rpartition("/")
        if separator and before and inner:
            return Meant(words, target=before, check=inner, severity=Severity(check))
    return Meant(words, target=target, check=check)


def completed(words: str, meant: Meant | None, alerts: Iterable[SeenAlert]) -> Meant:
    """Complete the beginning of a fingerprint. Raises ``WrongUsage`` when none or several begin so."""
    if meant is not None and meant.fingerprint is None:
        return meant
    matching = [
        one for one in alerts if meant is not None and one.alert.fingerprint.startswith(meant.fingerprint or "")
    ]
    if len(matching) == 1:
        return Meant(words, fingerprint=matching[0].alert.fingerprint)
    if matching:
        shown = ", ".join(one.alert.fingerprint for one in matching[:5])
        raise WrongUsage(f"{words!r} begins the fingerprints of {len(matching)} alerts: {shown}; write more of it")
    raise WrongUsage(
        f"{words!r} is no alert that fires; write a fingerprint or TARGET/CHECK as `watchword alerts` shows them"
    )
