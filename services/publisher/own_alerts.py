"""Which alerts in an Alertmanager are ours, and how do they differ from the ledger? Ours are those whose generatorURL
begins with the installation's URL; all others are left alone. While the streams can be read, the ledger decides; cut
off from them, only what is about to lapse is kept alive, for another replica may know better.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.publisher.about_ourselves import ALIVE
from services.publisher.alert_states import Turn
from services.publisher.alerts import Alert, subject_of
from services.publisher.ledger import Ledger
from shared.alertmanager_api import ShownAlert

OURS = ('check=~".+"', 'service_type=~".+"')
"""Labels that every alert of ours has: so Alertmanager leaves out most of the others by itself."""
POST_UNDER_WAY = dt.timedelta(seconds=15)
"""A firing post that is stored so long after the end of its alert was not under way then: somebody knew better."""


class Comparison(NamedTuple):
    """What came out of comparing one Alertmanager with the ledger."""

    turns: list[Turn]
    """What the ledger learned; every Alertmanager is to hear of it."""
    missing: list[str]
    """They fire, and this Alertmanager does not show them."""
    lingering: list[str]
    """They were resolved, and this Alertmanager shows them all the same."""


class Kept(NamedTuple):
    """An alert that is to be extended as it stands."""

    alert: Alert
    starts_at: dt.datetime


def ours(prefix: str, shown: Iterable[ShownAlert]) -> list[ShownAlert]:
    """Return the alerts of this installation."""
    return [alert for alert in shown if alert.generator_url.startswith(prefix)]


def compare(ledger: Ledger, shown: Sequence[ShownAlert], now: dt.datetime) -> Comparison:
    """Bring the ledger and what an Alertmanager shows of ours together. The ledger must be current: read to the end of
    the streams after the alerts were asked for.
    """
    turns: list[Turn] = []
    lingering: list[str] = []
    for alert in shown:
        state = ledger.states.get(alert.fingerprint)
        subject = subject_of(ledger.prefix, alert.generator_url)
        if state is None and subject is not None:
            turns += ledger.adopt(subject, _as_alert(alert), now)
        elif state is not None and state.is_firing:
            ledger.states.learn_start(alert.fingerprint, alert.starts_at)
        elif state is not None:
            lingering.append(alert.fingerprint)
    seen = {alert.fingerprint for alert in shown}
    missing = [state.alert.fingerprint for state in ledger.states.firing() if state.alert.fingerprint not in seen]
    return Comparison(turns, missing, lingering)


def lapsing(ledger: Ledger, shown: Iterable[ShownAlert], now: dt.datetime, within: dt.timedelta) -> list[Kept]:
    """Return what must be extended by one that is cut off from the streams: alerts that end soon, so that nobody else
    extends them. What the ledger knows as resolved lapses, unless somebody let it fire again since; so does the alert
    that says that all is well with us.
    """
    kept: list[Kept] = []
    for alert in shown:
        if alert.ends_at - now >= within or alert.labels.get("alertname") == ALIVE:
            continue
        state = ledger.states.get(alert.fingerprint)
        if state is None:
            kept.append(Kept(_as_alert(alert), alert.starts_at))
        elif state.is_firing or _fired_since(alert, state.changed_at):
            kept.append(Kept(state.alert, min(state.starts_at, alert.starts_at)))
    return kept


def _fired_since(alert: ShownAlert, resolved_at: dt.datetime) -> bool:
    return alert.updated_at is not None and alert.updated_at > resolved_at + POST_UNDER_WAY


def _as_alert(shown: ShownAlert) -> Alert:
    return Alert(shown.fingerprint, shown.labels, shown.annotations, shown.generator_url, shown.starts_at)
