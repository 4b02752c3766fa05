"""Which alert does a fingerprint stand for, and which finding is behind it? The alert is looked for in every
Alertmanager, the finding in the last verdict of the alert's check on its target. What follows for a mute is decided in
``results.py``.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence

from nats.js import JetStreamContext

from services.silencer.clusters import Cluster
from services.silencer.matchers import finding_behind, subject_of
from services.silencer.results import Found, MutedAlert, Unanswered, Unknown
from shared import cloudevents, subjects
from shared.alertmanager_api import ShownAlert
from shared.alertmanager_errors import AlertmanagerError
from shared.checks import ENGINES
from shared.configuration import Configuration
from shared.errors import MessageRefused, NameRefused
from shared.events import CheckResult
from shared.reading import present_message
from shared.streams import CHECK_RESULTS
from shared.subjects import ResultSubject


async def look_up(
    fingerprint: str,
    clusters: Sequence[Cluster],
    jetstream: JetStreamContext,
    configuration: Configuration,
    now: dt.datetime,
) -> Found:
    """Return what a fingerprint stands for."""
    answers = await asyncio.gather(*(_ask(cluster, fingerprint, now) for cluster in clusters))
    shown = next((answer for answer in answers if isinstance(answer, ShownAlert)), None)
    if shown is not None:
        return await _behind(shown.labels, jetstream, configuration)
    asked = tuple(cluster.name for cluster, answer in zip(clusters, answers, strict=True) if answer is None)
    if asked:
        return Unknown(asked)
    return Unanswered({cluster.name: str(answer) for cluster, answer in zip(clusters, answers, strict=True)})


async def labels_of_target(
    engine: str, target: str, check: str, jetstream: JetStreamContext, configuration: Configuration
) -> Mapping[str, str] | None:
    """Return a target's labels as its alerts have them now, or None when nobody knows them any more."""
    if engine in ENGINES:
        known = configuration.target(target)
        return known.labels if known else None
    verdict = await _last_verdict(ResultSubject("verdict", engine, target, check), jetstream)
    return (verdict.labels or {}) if verdict else None


async def _ask(cluster: Cluster, fingerprint: str, now: dt.datetime) -> ShownAlert | AlertmanagerError | None:
    try:
        return await cluster.alert(fingerprint, now)
    except AlertmanagerError as failed:
        return failed


async def _behind(labels: Mapping[str, str], jetstream: JetStreamContext, configuration: Configuration) -> MutedAlert:
    subject = subject_of(labels)
    if subject is None:
        return MutedAlert(labels, None, {})
    verdict = await _last_verdict(subject, jetstream)
    if subject.engine in ENGINES:
        target = configuration.target(subject.target)
        target_labels: Mapping[str, str] = target.labels if target else {}
    else:
        target_labels = (verdict.labels if verdict else None) or {}
    return MutedAlert(labels, finding_behind(labels, subject, verdict, target_labels), target_labels)


async def _last_verdict(subject: ResultSubject, jetstream: JetStreamContext) -> CheckResult | None:
    try:
        place = subjects.verdict(subject.engine, subject.target, subject.check)
        stored = await present_message(jetstream, CHECK_RESULTS, place)
        return cloudevents.read(CheckResult, stored.data, stored.headers) if stored else None
    except (NameRefused, MessageRefused):  # labels of another's alert; or a broken result, which the publisher buries
        return None
