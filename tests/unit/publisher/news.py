"""One way to build what the publisher's cores take: results, entries of the configuration, and what came of them."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from services.publisher.ledger import Keeping, Ledger
from services.publisher.received import Received
from shared import subjects
from shared.accepted import exception_names
from shared.checks import Check, Query, QueryType
from shared.configuration import Change, Configuration, RiskAccepted
from shared.events import CheckResult, Finding
from shared.severity import Severity
from shared.subjects import ResultSubject
from shared.targets import Target

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
SUBJECT = ResultSubject("verdict", "postgresql", "db-1", "superusers")
SCANNED = ResultSubject("verdict", "trivy", "shop:1.4", "cve")


def after(**time: float) -> dt.datetime:
    return NOON + dt.timedelta(**time)


def finding(summary: str = "a weakness", severity: str = "warning", **more: Any) -> Finding:
    return Finding(summary=summary, severity=Severity(severity), **more)


def verdict(
    sequence: int,
    *findings: Finding,
    subject: ResultSubject = SUBJECT,
    status: str | None = None,
    stored_at: dt.datetime = NOON,
    **more: Any,
) -> Received:
    body = {
        "status": status or ("failed" if findings else "passed"),
        "engine": subject.engine,
        "target": subject.target,
        "check": subject.check,
        "findings": list(findings),
        **more,
    }
    return Received(subject, CheckResult.model_validate(body), sequence, stored_at)


def error(sequence: int, *, subject: ResultSubject = SUBJECT, stored_at: dt.datetime = NOON, **more: Any) -> Received:
    return verdict(sequence, subject=subject, status="error", stored_at=stored_at, **more)


class Book:
    """A ledger with its configuration, which tests fill entry by entry, as the bucket would."""

    def __init__(self, keeping: Keeping = Keeping(), publisher: str = "publisher-1") -> None:  # noqa: B008
        self.view = Configuration()
        self._apply(subjects.setting_key("file", "installation"), b'{"url": "https://watchword.example/"}')
        self.ledger = Ledger(self.view, keeping, publisher)

    def _apply(self, key: str, data: bytes | None, now: dt.datetime = NOON) -> Change:
        return self.view.apply(key, data, self.view.revision + 1, now)

    def configure(self, key: str, data: bytes | None, now: dt.datetime = NOON) -> list[str]:
        return said(self.ledger.configured(self._apply(key, data, now), now))

    def target(
        self,
        name: str = "db-1",
        engine: str = "postgresql",
        now: dt.datetime = NOON,
        pool: str = "default",
        **labels: str,
    ) -> list[str]:
        target = Target.model_validate({"name": name, "engine": engine, "labels": labels, "pool": pool})
        return self.configure(subjects.target_key(name), target.model_dump_json().encode(), now)

    def remove_target(self, name: str = "db-1", now: dt.datetime = NOON) -> list[str]:
        return self.configure(subjects.target_key(name), None, now)

    def check(self, name: str = "superusers", engine: str = "postgresql", **more: Any) -> list[str]:
        kind = {"postgresql": "POSTGRESQL_SHOW", "mysql": "MYSQL_SHOW", "mongodb": "MONGODB_BUILDINFO"}[engine]
        fields = {"summary": "Superusers", "description": "d", "script": "s", "queries": [Query(type=QueryType(kind))]}
        check = Check.model_validate({**fields, "name": name, "engine": engine, **more})
        return self.configure(subjects.check_key(name), check.model_dump_json().encode())

    def remove_check(self, name: str = "superusers") -> list[str]:
        return self.configure(subjects.check_key(name), None)

    def disable(self, check: str = "superusers", *target: str) -> list[str]:
        key = subjects.setting_key("person", "disabled", check, *target)
        return self.configure(key, b'{"disabled": true, "author": "ada", "reason": "accepted"}')

    def enable(self, check: str = "superusers", *target: str) -> list[str]:
        return self.configure(subjects.setting_key("person", "disabled", check, *target), None)

    def accept(self, until: dt.datetime, now: dt.datetime = NOON, **labels: str) -> list[str]:
        word = RiskAccepted(check="superusers", target="db-1", labels=labels, until=until, author="ada", reason="lab")
        key = subjects.setting_key("person", *exception_names("superusers", "db-1", labels))
        return self.configure(key, word.model_dump_json().encode(), now)

    def accept_no_more(self, now: dt.datetime = NOON, **labels: str) -> list[str]:
        return self.configure(subjects.setting_key("person", *exception_names("superusers", "db-1", labels)), None, now)

    def take(self, received: Received, now: dt.datetime = NOON) -> list[str]:
        return said(self.ledger.take(received, now))

    @property
    def firing(self) -> list[dict[str, str]]:
        """The labels of all that fires."""
        return sorted((dict(state.alert.labels) for state in self.ledger.states.firing()), key=str)

    def fingerprint(self, **labels: str) -> str:
        """The fingerprint of the only alert that fires with these labels."""
        (found,) = (
            state.alert.fingerprint
            for state in self.ledger.states.firing()
            if labels.items() <= dict(state.alert.labels).items()
        )
        return found


def said(turns: Iterable[tuple[str, str, str]]) -> list[str]:
    return [what for _, what, _ in turns]
