"""``watchword events``: everything that happens, as it happens."""

import dataclasses
import datetime as dt
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer
from rich.text import Text

from shared import subjects
from shared.dead_letters import REASON, REPLAYED_BY
from shared.errors import NameRefused
from shared.following import Stored
from shared.streams import ALERT_EVENTS, CHECK_EVENTS, CHECK_REQUESTS, CHECK_RESULTS, DEAD_LETTERS, MUTES
from watchword.cli.live import following, overhearing
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, clean, note, print_json_line, say
from watchword.cli.session import asynchronous, session
from watchword.words import counted

FOLLOWED = (CHECK_EVENTS, CHECK_RESULTS, ALERT_EVENTS, MUTES, DEAD_LETTERS)
_STYLES = {
    "failed": "red",
    "firing": "red",
    "error": "yellow",
    "dead": "yellow",
    "passed": "green",
    "resolved": "green",
}


@asynchronous
async def events(
    kind: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KIND]…", help="Only these, as globs: check.finished, 'alert.*', 'mute*'."),
    ] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", metavar="NAME", help="Of one target only.")] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many events.")] = None,
    output: Output = OutputFormat.TABLE,
    nats_url: NatsUrl = None,
) -> None:
    """Follow the events live until Ctrl-C; with `-o json` each is one line of JSON.

    Example: `watchword events 'alert.*' --target orders-db`
    """
    shown = 0
    async with (
        session(nats_url) as here,
        following(here.jetstream, FOLLOWED) as queue,
        overhearing(here.client, subjects.CHECK_REQUESTED, CHECK_REQUESTS, queue),
    ):
        note("following; Ctrl-C ends")
        while count is None or shown < count:
            stream, stored = await queue.get()
            event = described(stream, stored)
            if not is_chosen(event, kind or [], target):
                continue
            shown += 1
            if output is OutputFormat.JSON:
                print_json_line(dataclasses.asdict(event))
            else:
                say(in_words(event))


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One message of a stream: what it is, what it speaks of, and its body."""

    stream: str
    sequence: int
    time: dt.datetime
    subject: str
    kind: str
    """The subject without the names in it."""
    names: list[str]
    event: object
    headers: dict[str, str]

    @property
    def fields(self) -> dict[str, Any]:
        """Return the body, or nothing when it is no object."""
        return self.event if isinstance(self.event, dict) else {}


def described(stream: str, stored: Stored) -> SeenEvent:
    """Return what one message is and speaks of."""
    kind, names = kind_of(stored.subject)
    return SeenEvent(
        stream, stored.sequence, stored.stored_at, stored.subject, kind, names, _body(stored), dict(stored.headers)
    )


def kind_of(subject: str) -> tuple[str, list[str]]:
    """Return the kind of an event, and the names in its subject, decoded."""
    parts = subject.split(".")
    words = 3 if parts[:2] == ["check", "result"] else 1 if parts[0] == "dead" else 2
    names = []
    for part in parts[words:]:
        try:
            names.append(subjects.name_of(part))
        except NameRefused:
            names.append(part)
    return ".".join(parts[:words]), names


def _body(stored: Stored) -> object:
    try:
        return json.loads(stored.data) if stored.data.strip() else {}
    except ValueError:
        return stored.data.decode(errors="replace")


def is_chosen(event: SeenEvent, kinds: list[str], target: str | None) -> bool:
    """Say whether an event is of one of these kinds, and of this target."""
    spoken = (event.kind, event.subject)
    if kinds and not any(fnmatchcase(text, pattern) for text in spoken for pattern in kinds):
        return False
    if target is None or target in event.names[1:2] or event.fields.get("target") == target:
        return True
    return target in _list(event.fields.get("targets"))


def in_words(event: SeenEvent) -> Text:
    """Return one event as a line for people."""
    about = "/".join(clean(name) for name in event.names)
    words = _words(event.kind, event.fields) if isinstance(event.event, dict) else clean(str(event.event))[:120]
    if event.kind == "dead":
        by = event.headers.get(REPLAYED_BY)
        words = clean(f"{f'replayed by {by}: ' if by else ''}{event.headers.get(REASON, '')}")
    last = event.kind.rpartition(".")[2]
    style = _STYLES.get(str(event.fields.get("status", ""))) or _STYLES.get(last, "")
    at = f"{event.time.astimezone():%H:%M:%S.%f}"[:12]
    return Text.assemble((at, "dim"), "  ", (f"{event.kind:22}", style), f"  {about}  {words}".rstrip())


def _words(kind: str, body: dict[str, Any]) -> str:
    match kind:
        case "check.requested":
            asked = {name: body[name] for name in ("targets", "checks", "engine", "selector") if body.get(name)}
            words = ", ".join(f"{name}={_listed(value)}" for name, value in asked.items()) or "everything"
            return f"{words}{_by(body, 'requested_by')}"
        case "check.accepted":
            unknown = f", matched nothing: {_listed(body['unknown'])}" if body.get("unknown") else ""
            return f"{counted(len(_list(body.get('targets'))), 'target')}{unknown}"
        case "check.started":
            return f"{counted(len(_list(body.get('checks'))), 'check')}, attempt {body.get('attempt')}"
        case "check.finished":
            counts = [f"{body[name]} {name}" for name in ("passed", "failed", "skipped", "error") if body.get(name)]
            return f"{', '.join(counts) or 'nothing to do'} in {body.get('duration_ms')} ms"
        case "check.result.verdict" | "check.result.error":
            summaries = [str(one.get("summary", "")) for one in _list(body.get("findings")) if isinstance(one, dict)]
            return clean(
                " · ".join([str(body.get("status", "")), *summaries[:3], str(body.get("reason") or "")]).strip(" ·")
            )
        case "alert.firing" | "alert.resolved":
            return clean(f"{body.get('severity', '')}: {body.get('summary', '')}")
        case "mute.requested" | "unmute.requested":
            what = body.get("fingerprint") or body.get("id") or f"{body.get('target')}/{body.get('check')}"
            return clean(f"{what}: {body.get('comment') or body.get('reason') or ''}{_by(body, 'created_by')}")
        case "mute.result":
            states = [str(one.get("state")) for one in _list(body.get("silences")) if isinstance(one, dict)]
            return clean(str(body.get("refused") or body.get("ended_by") or ", ".join(states) or "matchers are fixed"))
        case _:
            return clean(json.dumps(body, ensure_ascii=False))[:160]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return clean(",".join(f"{name}:{inner}" for name, inner in value.items()))
    return clean(",".join(str(one) for one in value) if isinstance(value, list) else str(value))


def _by(body: dict[str, Any], field: str) -> str:
    return f" (by {clean(str(body[field]))})" if body.get(field) else ""
