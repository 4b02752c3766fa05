"""A fleet that somebody made up, with texts from a database of somebody hostile, as events tell it."""

import datetime as dt

from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Configuration, Disabled, RiskAccepted
from shared.events import AlertChanged, CheckResult, Finding
from shared.following import Stored
from shared.severity import Severity
from shared.targets import Target
from watchword.report.fleet import Endings, Standings, report_of
from watchword.report.model import Past, Report

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

HOSTILE = '"><script>alert(1)</script>'
NASTY = "=cmd|' /C calc'!A0\x00\x1b[31m\u202e\nnew line @everybody | `x` ]]> &amp; "
LONG = "n" * 1_000_000


def check(name: str, **more: object) -> Check:
    return Check.model_validate(
        {
            "name": name,
            "engine": "postgresql",
            "summary": f"What {name} is about",
            "description": "Why it matters.",
            "category": "Security",
            "subcategory": "Roles",
            "queries": (Query(type=QueryType.POSTGRESQL_SHOW),),
            "script": "",
            "remediation": "DROP ROLE {{role}};",
            "references": ("CIS 1.2", "https://example.org/why"),
            **more,
        }
    )


def finding(severity: Severity = Severity.CRITICAL, role: str = "app", days: float = 30, **more: object) -> Finding:
    fields = {"summary": f"Role {role} may do anything", "labels": {"role": role}, "remediation": f"DROP ROLE {role};"}
    return Finding.model_validate({"severity": severity, "failing_since": NOW - days * DAY, **fields, **more})


class Fleet:
    """Configuration and results, fed like the streams feed them."""

    def __init__(self, *checks: str, targets: tuple[str, ...] = ("orders",)) -> None:
        self.configuration = Configuration()
        self.standings = Standings()
        self.endings = Endings(NOW - 7 * DAY)
        self._sequence = 0
        for name in checks:
            self.configure(subjects.check_key(name), check(name).model_dump_json())
        for name in targets:
            target = Target(name=name, engine="postgresql", host="db1", labels={"team": "shop"})
            self.configure(subjects.target_key(name), target.model_dump_json())

    def configure(self, key: str, value: str) -> None:
        self._sequence += 1
        self.configuration.apply(key, value.encode(), self._sequence)

    def accept(self, name: str, until: dt.datetime, target: str = "orders") -> None:
        setting = RiskAccepted(check=name, target=target, until=until, by="Grace", reason="moves in January")
        self.configure(subjects.setting_key("person", "exception", name, target, "x"), setting.model_dump_json())

    def switch_off(self, name: str) -> None:
        self.configure(subjects.setting_key("person", "disabled", name), Disabled().model_dump_json())

    def result(
        self,
        name: str,
        status: str,
        *findings: Finding,
        target: str = "orders",
        engine: str = "postgresql",
        reason: str = "",
    ) -> None:
        said = CheckResult.model_validate(
            {
                "status": status,
                "target": target,
                "engine": engine,
                "check": name,
                "findings": findings,
                "reason": reason,
            }
        )
        subject = subjects.error if status == "error" else subjects.verdict
        self._sequence += 1
        self.standings.take(
            Stored(subject(engine, target, name), self._sequence, said.model_dump_json().encode(), {}, NOW)
        )

    def resolve(self, name: str, found: Finding, at: dt.datetime, target: str = "orders") -> None:
        event = AlertChanged(
            id="1-1/x",
            key=found.key("postgresql", target, name),
            transition="resolved",
            engine="postgresql",
            target=target,
            check=name,
            severity=found.severity,
            labels={"alertname": name, "team": "shop", **found.labels},
            summary=found.summary,
            at=at,
        )
        self.endings.take(Stored("alert.resolved.x.x.x", 1, event.model_dump_json().encode(), {}, at))

    def report(self, *, since: bool = True) -> Report:
        past = Past(NOW - 7 * DAY, NOW - 2 * DAY) if since else None
        endings = self.endings if since else None
        return report_of(self.configuration, self.standings, version="1.2.3", now=NOW, past=past, endings=endings)


def every_kind() -> Report:
    """Return a report with every status, hostile texts, something new, fixed and accepted."""
    fleet = Fleet("weak", "accepted", "fine", "skipped", "blind", "never", "off", targets=("orders", HOSTILE))
    hostile = finding(role=HOSTILE, days=1, description=NASTY, read_more_url="javascript:alert(1)")
    long = finding(Severity.WARNING, role=LONG, summary=NASTY, remediation=f'DROP ROLE "{HOSTILE}";\n=1+1')
    fleet.result("weak", "failed", hostile, long)
    fleet.result("accepted", "failed", finding(Severity.NOTICE))
    fleet.accept("accepted", NOW + 30 * DAY)
    fleet.result("fine", "passed")
    fleet.resolve("fine", finding(role=HOSTILE), NOW - DAY)
    fleet.result("skipped", "skipped", reason="applies to mysql; this server is mariadb")
    fleet.result("blind", "failed", finding(Severity.INFO, role=NASTY))
    fleet.result("blind", "error", reason=f"{NASTY}{LONG}")
    fleet.switch_off("off")
    fleet.result("weak", "failed", finding(Severity.ERROR), target=HOSTILE)
    fleet.result(HOSTILE, "failed", finding(Severity.DEBUG), target="scanner", engine="=ci")
    return fleet.report()
