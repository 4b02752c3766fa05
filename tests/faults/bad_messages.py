"""Messages that nobody meant, for each subject that others write to: what is nearly right, made from examples that are
right, and what is nothing at all. What must become of them is told in ``bad_messages_ended.py``.
"""

import json
from typing import Any

from shared.streams import CONFIGURATION
from shared.subjects import LANES
from tests.faults.fuzz import TEXTS, Fuzz
from tests.faults.raw_nats import Message

REQUESTS: list[dict[str, Any]] = [
    {"targets": ["good"], "checks": ["c"], "id": "x", "requested_by": "ann", "reason": "why"},
    {"targets": "go*", "engine": "postgresql", "selector": {"team": "a*"}, "reason": "why"},
    {"checks": ["c", "d"], "targets": ["good", "gone", "nobody"], "requested_by": "ann"},
]
RUNS: list[dict[str, Any]] = [
    {"checks": ["c"], "request_id": "1-1", "requested_by": "ann", "reason": "why"},
    {"schedule": "standard", "due_at": "2026-11-29T00:00:00Z"},
]
MUTED: list[dict[str, Any]] = [
    {"target": "noise", "check": "c", "severity": "warning", "for": "2h", "created_by": "ann", "comment": "why"},
    {"fingerprint": "0123456789abcdef", "until": "2026-11-30T00:00:00Z", "created_by": "ann", "comment": "why"},
    {
        "matchers": [{"name": "service_name", "value": "noise", "isRegex": False, "isEqual": True}],
        "for": "1h",
        "created_by": "ann",
        "comment": "why",
        "id": "mine",
    },
]
UNMUTED: list[dict[str, Any]] = [
    {"id": "1795946659361382-1", "requested_by": "ann", "reason": "why"},
    {"target": "noise", "check": "c", "severity": "warning", "requested_by": "ann"},
    {"fingerprint": "0123456789abcdef", "reason": "why"},
]
FINDING = {
    "summary": "weak",
    "description": "very",
    "severity": "warning",
    "labels": {"row": "1", "database": "d"},
    "read_more_url": "https://example.test/",
    "failing_since": "2026-11-29T00:00:00Z",
    "accepted": {"until": "2027-01-01T00:00:00Z", "by": "ann"},
}
EVENTS: dict[str, dict[str, Any]] = {
    "check.started": {
        "run": "1-1",
        "target": "good",
        "checks": ["c"],
        "sequence": 1,
        "attempt": 4,
        "checker": "x",
        "started_at": "2026-11-29T00:00:00Z",
    },
    "check.finished": {
        "run": "1-1",
        "target": "good",
        "checks": ["c"],
        "covers": 1,
        "started_at": "2026-11-29T00:00:00Z",
        "duration_ms": 1.0,
    },
    "check.accepted": {"request_id": "1-1", "sequence": 1, "what": "all", "first": 1, "targets": ["good"], "parts": 1},
    "alert.firing": {"id": "1-1/x", "key": "x", "transition": "firing", "labels": {"a": "b"}, "summary": "s"},
    "alert.resolved": {"id": "1-1/x", "key": "x", "transition": "resolved", "labels": {"a": "b"}, "at": "now"},
    "mute.result": {"request_id": "1-1", "matchers": [{"name": "a", "value": "b"}], "silences": [], "ends_at": "x"},
}
TARGET = {
    "name": "noise",
    "engine": "postgresql",
    "host": "127.0.0.1",
    "port": 1,
    "user": "u",
    "labels": {"team": "a"},
    "password": {"env": "WATCHWORD_SECRET_X"},
    "tls": {"mode": "prefer"},
    "pool": "nowhere",
    "parameters": {"c": {"threshold": 5}},
}
CHECK = {
    "name": "noise",
    "engine": "mysql",
    "summary": "s",
    "description": "d",
    "interval": "standard",
    "queries": [{"type": "MYSQL_SELECT", "text": "1", "parameters": [["all_dbs", "true"]]}],
    "script": "def check_context(docs, context):\n  return []\n",
    "parameters": {"threshold": {"default": 5, "description": "d"}},
    "requires": {"versions": ">=8", "flavours": ["mysql"]},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "disabled": {"disabled": True, "author": "ann", "reason": "why", "at": "2026-11-29T00:00:00Z"},
    "interval": {"schedule": "30 3 * * 1 Europe/Berlin", "author": "ann"},
    "schedule": {"schedule": "12h"},
    "severity": {"severity": "critical"},
    "exception": {"check": "noise", "target": "noise", "labels": {"a": "b"}, "until": "2027-01-01T00:00:00Z"},
    "parameters": {"check": "noise", "labels": {"team": "a"}, "values": {"threshold": 5}},
    "alertmanagers": {"alertmanagers": [{"name": "x", "urls": ["http://127.0.0.1:1"]}]},
    "muting": {"default": "2h"},
    "metrics": {"url": "http://127.0.0.1:1", "credential": {"username": "u"}},
    "dead-mans-switch": {"enabled": True, "error_lasts": "1h", "gone_after": "5m"},
    "installation": {"url": "http://127.0.0.1:1"},
}


def a_request(fuzz: Fuzz, _: int) -> Message:
    return Message("check.requested", fuzz.body(REQUESTS), fuzz.header())


def a_part(fuzz: Fuzz, number: int) -> Message:
    target = fuzz.random.choice(("good", "gone", "nobody", "=ED=A0=80", "=0A", fuzz.token()))
    what = fuzz.random.choice((f"w{number}", f"w{number}", f"{fuzz.token()}{number}"))
    return Message(
        f"check.requested.{fuzz.random.choice(LANES)}.default.{target}.{what}", fuzz.body(RUNS), fuzz.header()
    )


def a_result(fuzz: Fuzz, number: int) -> Message:
    if fuzz.random.random() < 0.05:  # where a verdict stands that must stand again
        kind = fuzz.random.choice(("verdict", "error"))
        return Message(f"check.result.{kind}.postgresql.good.c", b"\xff" + fuzz.body(REQUESTS), fuzz.header())
    kind, engine = (
        fuzz.random.choice(("verdict", "error")),
        fuzz.random.choice(("ci", "postgresql", "mysql", "watchword")),
    )
    target, check = f"t{number}", fuzz.random.choice(("scan", fuzz.token()))
    if fuzz.random.random() < 0.1:
        engine, target = fuzz.token(), fuzz.token() + str(number)
    status = "failed" if kind == "verdict" else "error"
    valid = {"status": status, "engine": engine, "target": target, "check": check, "labels": {"a": "b"}}
    valid |= {"expires_at": "2027-01-01T00:00:00Z", "run": "1-1", "reason": "why", "findings": [FINDING, FINDING]}
    body = fuzz.body([valid])
    if fuzz.random.random() < 0.1:  # right but for one text, which is passed on to alerts and events
        text = {fuzz.random.choice(("summary", "description", "read_more_url")): fuzz.random.choice(TEXTS)}
        body = json.dumps({**valid, "findings": [{**FINDING, "accepted": None, **text}]}).encode()
    return Message(f"check.result.{kind}.{engine}.{target}.{check}", body, fuzz.header())


def a_mute(fuzz: Fuzz, _: int) -> Message:
    return Message("mute.requested", fuzz.body(MUTED), fuzz.header())


def an_unmute(fuzz: Fuzz, _: int) -> Message:
    return Message("unmute.requested", fuzz.body(UNMUTED), fuzz.header())


def an_event(fuzz: Fuzz, number: int) -> Message:
    kind = fuzz.random.choice(list(EVENTS))
    if kind in {"check.accepted", "mute.result"}:
        return Message(f"{kind}.{fuzz.token()}", fuzz.body([EVENTS[kind]]), fuzz.header())
    if kind in {"check.started", "check.finished"} and fuzz.random.random() < 0.5:  # what the next run there reads
        return Message(f"{kind}.postgresql.good.{fuzz.random.choice(('all', f'w{number}', fuzz.token()))}", b"\xff")
    return Message(f"{kind}.postgresql.{fuzz.token()}.{fuzz.token()}", fuzz.body([EVENTS[kind]]), fuzz.header())


def an_entry(fuzz: Fuzz, number: int) -> Message:
    begin = f"$KV.{CONFIGURATION}."
    name = f"n{number}"
    match fuzz.random.choice(("target", "check", "setting", "setting", "setting", "stray")):
        case "target":
            body = fuzz.body([{**TARGET, "name": name}])
            # Nobody looks at it: its host may be any.
            key = f"target.{name}" if b'"nowhere"' in body or b'"host"' not in body else f"target.x{name}"
        case "check":
            key, body = f"check.{name}", fuzz.body([{**CHECK, "name": name}])
        case "setting":
            kind = fuzz.random.choice(list(SETTINGS))
            # With a name behind it, none of them touches the good target.
            names = fuzz.random.choice((f".{name}", f".{name}.{fuzz.token()}", f".{fuzz.token()}"))
            key = f"setting.{fuzz.random.choice(('file', 'person', fuzz.token()))}.{kind}{names}"
            body = fuzz.body([SETTINGS[kind]])
            if fuzz.random.random() < 0.1:
                key, body = f"setting.person.{kind}", b"\xff" + body
        case _:
            key, body = ".".join(fuzz.token() for _ in range(fuzz.random.randint(1, 5))), fuzz.body([TARGET])
    return Message(begin + key, body, fuzz.header())
