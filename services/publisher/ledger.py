"""What stands for each check on each target, and which alerts follow from it? The ledger folds results and the
configuration: an alert fires when the last verdict of its subject holds it and nobody accepts it, and nothing but a
verdict, an explicit removal, such a word or its own time ends it. The order in which news arrives does not matter, only
the last verdict of each subject and the configuration do. It answers each piece of news with the turns that alerts
took; sending them is for others. It has no clock: every call brings the time.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.publisher.about_ourselves import OURSELVES
from services.publisher.alert_states import AlertStates, Turn
from services.publisher.alerts import Alert, alerts_of, as_unconfirmed, own_prefix, unconfirmed_since
from services.publisher.endings import SILENT_FOR, Deadlines, Ending, expiry, explicit_end, is_in_inventory
from services.publisher.looks import Look
from services.publisher.received import Received, is_earlier
from services.publisher.standings import NO_ALERTS, Standing, Verdict
from services.publisher.watcher import Watcher
from shared.accepted import exceptions_for, in_words, without_accepted
from shared.configuration import Change, Configuration, Installation
from shared.events import Accepted, CheckResult
from shared.subjects import ResultSubject

NO_INSTALLATION = "urn:watchword:unnamed"


class Keeping(NamedTuple):
    """How long things are kept."""

    resolved: dt.timedelta = dt.timedelta(minutes=15)
    """A resolved alert is sent again for so long, so that an Alertmanager that was away hears of it."""
    unconfirmed: dt.timedelta = dt.timedelta(days=7)
    """An alert of ours without any verdict is kept alive for so long."""
    withdrawn: dt.timedelta = dt.timedelta(hours=24)
    """So long after a withdrawn verdict its subject is emptied."""


class Ledger:
    """The state of all alerts of this installation."""

    def __init__(self, view: Configuration, keeping: Keeping, publisher: str = "") -> None:
        self._view = view
        self._keeping = keeping
        self._standings: dict[ResultSubject, Standing] = {}
        self._by_target: defaultdict[str, set[ResultSubject]] = defaultdict(set)
        self._by_check: defaultdict[str, set[ResultSubject]] = defaultdict(set)
        self._unconfirmed: set[ResultSubject] = set()
        self._deadlines = Deadlines()
        self._accepted = Deadlines()
        self._may_end: set[ResultSubject] = set()
        self.states = AlertStates()
        self.prefix = self._own_prefix()
        """What the generatorURL of all our alerts begins with."""
        self.watcher = Watcher(view, self.states, self.looks_at, lambda: self.prefix, publisher)

    def take(self, received: Received, now: dt.datetime) -> list[Turn]:
        """Take in one result. A verdict older than the known one changes nothing, an error never changes an alert."""
        standing = self._standings.get(received.subject) or self._begin(received.subject)
        is_error = not received.result.is_verdict
        if is_error:
            turns = []
            self._take_error(standing, received)
        else:
            turns = self._take_verdict(standing, received, now)
        if received.result.status == "withdrawn":  # nobody looked
            return turns
        return turns + self.watcher.result(received.subject, received.stored_at, now, is_error=is_error)

    def _take_verdict(self, standing: Standing, received: Received, now: dt.datetime) -> list[Turn]:
        subject, result = received.subject, received.result
        if received.sequence <= standing.sequence:
            return []
        is_of_another_stream = standing.sequence == 0
        if is_of_another_stream and standing.verdict is not None and received.stored_at < standing.verdict.stored_at:
            # Of a backup that was put back: it was overtaken before, and what overtook it is known here alone. Within
            # one stream the sequence decides, for the leaders' clocks differ.
            standing.sequence = received.sequence
            return []
        verdict = Verdict(
            result.status == "withdrawn",
            result.run,
            received.stored_at,
            expiry(received),
            result.to_bytes() if result.status == "failed" else None,
        )
        standing.verdict, standing.sequence, standing.unconfirmed_since = verdict, received.sequence, None
        self._unconfirmed.discard(subject)
        if verdict.is_withdrawn:
            self._deadlines.add(verdict.stored_at + self._keeping.withdrawn, subject)
        elif verdict.expires_at is not None:
            self._deadlines.add(verdict.expires_at, subject)
        return self._settle(subject, standing, now, _reason_of(result), result)

    def configured(self, change: Change, now: dt.datetime) -> list[Turn]:
        """Take in a change that the view has applied already."""
        subjects: Iterable[ResultSubject]
        match change:
            case Change(kind="target"):
                subjects = self._by_target.get(change.name, ())
            case Change(kind="check"):
                subjects = self._by_check.get(change.name, ())
            case Change(kind="setting", name="disabled" | "exception", names=(check, *target)):
                of_check = self._by_check.get(check, ())
                subjects = [subject for subject in of_check if not target or subject.target == target[0]]
            case Change(kind="setting", name="installation"):
                self.prefix = self._own_prefix()
                subjects = self._standings
            case _:
                subjects = ()
        turns = self.watcher.configured(change, now)
        for subject in subjects:
            turns += self._settle(subject, self._standings[subject], now, "the configuration changed")
        return turns

    def stream_restarted(self, now: dt.datetime) -> list[Turn]:
        """Note that the stream is another one: what was known stays, until a verdict that was stored later."""
        self.watcher.stream_restarted(now)
        turns: list[Turn] = []
        for subject, standing in list(self._standings.items()):
            standing.sequence = standing.error_sequence = 0
            standing.error_at = None
            if not standing.alerts:
                if standing.verdict is None:
                    self._drop(subject)
                continue
            standing.unconfirmed_since = standing.unconfirmed_since or now
            self._unconfirmed.add(subject)
            turns += self._settle(subject, standing, now, "its verdict is gone from the stream; kept alive for a while")
        return turns

    def adopt(self, subject: ResultSubject, alert: Alert, now: dt.datetime) -> list[Turn]:
        """Take in an alert of ours that stands in an Alertmanager and is not known here: kept alive when no verdict is
        known, resolved when a verdict or an explicit removal has ended it.
        """
        if subject.engine == OURSELVES:
            return self.watcher.adopt(subject, alert, now)
        standing = self._standings.get(subject)
        ended = explicit_end(self._view, subject)
        if ended is None and standing is not None and standing.verdict is not None:
            ended = "its verdict does not hold it any more"
        if ended is not None:
            return [self.states.bury(alert, subject, now=now, reason=ended)]
        standing = standing or self._begin(subject)
        since = unconfirmed_since(alert) or now
        standing.unconfirmed_since = min(since, standing.unconfirmed_since or since)
        standing.alerts = {**standing.alerts, alert.fingerprint: as_unconfirmed(alert, since)}
        self._unconfirmed.add(subject)
        return self._settle(subject, standing, now, "kept alive: it is ours and no verdict about it is known")

    def sweep(self, now: dt.datetime) -> list[Turn]:
        """Forget what was resolved long ago, end what was kept alive without a verdict for too long, and let fire what
        is accepted no more.
        """
        self.states.forget_resolved(now - self._keeping.resolved)
        turns: list[Turn] = []
        for subject in dict.fromkeys(self._accepted.due(now)):
            if subject in self._standings:
                turns += self._settle(subject, self._standings[subject], now, "it is accepted no more")
        for subject in list(self._unconfirmed):
            standing = self._standings[subject]
            if (standing.unconfirmed_since or now) <= now - self._keeping.unconfirmed:
                standing.verdict, standing.alerts, alerts = None, NO_ALERTS, standing.alerts
                turns += self._resolve(alerts, subject, now, "no verdict came for too long")
                self._unconfirmed.discard(subject)
                if not standing.error_sequence:
                    self._drop(subject)
        return turns

    def endings(self, now: dt.datetime) -> list[Ending]:
        """Return what is to be written now; it is returned again until its effect is seen."""
        self._may_end.update(self._deadlines.due(now))
        endings = {subject: self.ending_of(subject, now) for subject in self._may_end}
        self._may_end = {subject for subject, ending in endings.items() if ending}
        return [ending for ending in endings.values() if ending]

    def ending_of(self, subject: ResultSubject, now: dt.datetime) -> Ending | None:
        """Return what is to be written about a subject now, or None."""
        standing = self._standings.get(subject)
        if standing is None or not (standing.sequence or standing.error_sequence):
            return None
        at = (subject, standing.sequence, standing.error_sequence)
        verdict = standing.verdict if standing.sequence else None
        if verdict is not None and verdict.is_withdrawn:
            is_old = verdict.stored_at + self._keeping.withdrawn <= now
            return Ending("purge", *at, "it was withdrawn a while ago") if is_old else None
        explicit = explicit_end(self._view, subject)
        if explicit is not None:
            return Ending("withdraw", *at, explicit)
        expires_at = verdict.expires_at if verdict is not None else _error_expiry(subject, standing)
        if expires_at is not None and expires_at <= now:
            return Ending("withdraw", *at, f"expired at {expires_at.isoformat(timespec='seconds')}: not repeated")
        return None

    def looks_at(self, engine: str, target: str) -> Mapping[str, Look]:
        """Return when each check was last looked at on a target."""
        subjects = self._by_target.get(target, ())
        return {subject.check: self._standings[subject].look for subject in subjects if subject.engine == engine}

    def forget(self, ending: Ending) -> None:
        """Note that a subject was emptied up to a verdict; a newer one that stands there stays."""
        standing = self._standings.get(ending.subject)
        if standing is not None and standing.sequence == ending.sequence and not standing.alerts:
            self._drop(ending.subject)

    def _own_prefix(self) -> str:
        installation = self._view.setting(Installation, "installation")
        return own_prefix(installation.url if installation else NO_INSTALLATION)

    def _begin(self, subject: ResultSubject) -> Standing:
        standing = self._standings[subject] = Standing()
        self._by_target[subject.target].add(subject)
        self._by_check[subject.check].add(subject)
        return standing

    def _drop(self, subject: ResultSubject) -> None:
        del self._standings[subject]
        self._unconfirmed.discard(subject)
        for index, name in ((self._by_target, subject.target), (self._by_check, subject.check)):
            index[name].discard(subject)
            if not index[name]:
                del index[name]

    def _take_error(self, standing: Standing, received: Received) -> None:
        """Remember an error for the day when its subject ends. One of a run before the last verdict's says nothing."""
        is_late = standing.verdict is not None and is_earlier(received.result.run, standing.verdict.run)
        if is_late or received.sequence <= standing.error_sequence:
            return
        standing.note_error(received.sequence, received.stored_at, received.result.reason or "")
        if standing.verdict is None:
            expires_at = _error_expiry(received.subject, standing)
            if expires_at is not None:
                self._deadlines.add(expires_at, received.subject)
            elif explicit_end(self._view, received.subject) is not None:
                self._may_end.add(received.subject)

    def _settle(
        self, subject: ResultSubject, standing: Standing, now: dt.datetime, why: str, last: CheckResult | None = None
    ) -> list[Turn]:
        """Bring the alerts of a subject in line with what stands for it. New ones come first, so that an alert that
        only changes its labels is never gone. ``last`` is the last verdict where it is at hand, to be read no more.
        """
        ended = explicit_end(self._view, subject)
        if ended is not None:
            self._may_end.add(subject)
        if standing.verdict is not None and standing.verdict.failed is None and not standing.alerts:
            return []  # nothing fired and nothing will; so it is with nearly all
        wanted, accepted = (NO_ALERTS, []) if ended is not None else self._wanted(subject, standing, now, last)
        if accepted:
            self._accepted.add(min(one.until for one in accepted), subject)
            ended = in_words(accepted[0])
        before, standing.alerts = standing.alerts, wanted
        since = standing.verdict.stored_at if standing.verdict is not None else now
        fired = [
            self.states.fire(alert, subject, since=since, now=now, reason=why) for alert in standing.alerts.values()
        ]
        gone = [fingerprint for fingerprint in before if fingerprint not in standing.alerts]
        return [*filter(None, fired), *self._resolve(gone, subject, now, ended or why)]

    def _resolve(self, gone: Iterable[str], subject: ResultSubject, now: dt.datetime, reason: str) -> list[Turn]:
        turns = (self.states.resolve(fingerprint, subject, now=now, reason=reason) for fingerprint in gone)
        return [turn for turn in turns if turn]

    def _wanted(
        self, subject: ResultSubject, standing: Standing, now: dt.datetime, last: CheckResult | None
    ) -> tuple[Mapping[str, Alert], Sequence[Accepted]]:
        """Return the alerts that should fire now, and the words that keep others from it."""
        verdict = standing.verdict
        if verdict is None:
            return standing.alerts, ()
        is_expired = verdict.expires_at is not None and verdict.expires_at <= now
        if verdict.failed is None or is_expired:
            return NO_ALERTS, ()
        check = self._view.check(subject.check) if is_in_inventory(subject) else None
        failed = last or CheckResult.model_validate_json(verdict.failed)
        exceptions = exceptions_for(self._view, subject.check, subject.target)
        result, accepted = without_accepted(failed, exceptions, now)
        alerts = alerts_of(
            subject,
            result,
            target_labels=self._target_labels(subject, standing, result),
            prefix=self.prefix,
            check_summary=check.summary if check else "",
        )
        since = standing.unconfirmed_since
        if since is not None:
            alerts = {key: as_unconfirmed(alert, since) for key, alert in alerts.items()}
        return alerts, accepted

    def _target_labels(self, subject: ResultSubject, standing: Standing, failed: CheckResult) -> Mapping[str, str]:
        if not is_in_inventory(subject):
            return failed.labels or {}
        target = self._view.target(subject.target)
        if target is not None:
            standing.target_labels = target.labels
        return standing.target_labels or {}


def _reason_of(result: CheckResult) -> str:
    return f"{result.status}: {result.reason}" if result.reason else result.status


def _error_expiry(subject: ResultSubject, standing: Standing) -> dt.datetime | None:
    """Return when nothing but errors of another program are old enough to end."""
    is_bound = is_in_inventory(subject) or standing.error_at is None
    return None if is_bound or standing.error_at is None else standing.error_at + SILENT_FOR
