"""A trial in words: for each check what its queries answered, what its script printed and found, and how long that
took. Values are shown as the script sees them, so that the number 12 and the text "12" can be told apart.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from services.checker.engines.protocol import Document, Rows, Value
from services.checker.examine import Answer
from services.checker.findings import readable
from shared.accepted import in_words
from shared.checks import Query
from watchword.check_files.trial import Trial, Tried
from watchword.cli.output import clean, note, say, severity
from watchword.words import counted

LONGEST_CELL = 60
LONGEST_LINE = 1000
MOST_LINES = 200
"""Of a document that is no table, such as an answer of MongoDB."""

_STYLES = {"passed": "green", "failed": "red", "skipped": "cyan", "error": "yellow"}
_WORDS = {"passed": "passed", "failed": "failed", "skipped": "skipped", "error": "could not look"}


def show(trial: Trial, most_rows: int) -> None:
    """Print a trial for people."""
    if trial.server is not None:
        tls = "over TLS" if trial.server.is_encrypted else "without TLS"
        note(f"{trial.target.address}: {trial.server.flavour} {trial.server.version}, {tls}")
    for tried in trial.tried:
        _show(tried, most_rows)


def _show(tried: Tried, most_rows: int) -> None:
    outcome = tried.outcome
    word = Text(_WORDS[outcome.status], style=_STYLES[outcome.status])
    took = f"  (queries {outcome.duration_ms - outcome.script_ms:.1f} ms, script {outcome.script_ms:.1f} ms)"
    say(Text.assemble((outcome.check.name, "bold"), ": ", word, took if outcome.duration_ms else ""))
    if outcome.reason:
        say(f"  {clean(readable(outcome.reason))}")
    for number, (query, answer) in enumerate(tried.answers, 1):
        for line in _answer_lines(number, query, answer, most_rows):
            say(line)
    for line in outcome.printed:
        say(Text.assemble("  ", ("printed on line ", "dim"), clean(readable(line))))
    for finding in tried.findings:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(finding.labels.items()))
        say(
            Text.assemble(
                "  found ",
                severity(finding.severity),
                f"  {clean(finding.summary)}",
                f" ({clean(labels)})" if labels else "",
            )
        )
        if finding.accepted is not None:
            say(Text(f"      {clean(in_words(finding.accepted))}", style="cyan"))
        for name in ("description", "read_more_url", "remediation"):
            for line in getattr(finding, name).splitlines():
                say(Text(f"      {clean(line, keep_lines=True)}", style="" if name == "remediation" else "dim"))


def _answer_lines(number: int, query: Query, answer: Answer | None, most_rows: int) -> Iterator[str]:
    text = clean(query.text)
    asked = f"{query.type.value} {text}".strip()
    if answer is None:
        yield f"  query {number}: {asked}: not asked"
        return
    came = f"{answer.error}" if answer.document is None else _size(answer.document)
    yield f"  query {number}: {asked}"
    yield f"    {clean(readable(came))}  ({answer.duration_ms:.1f} ms)"
    if isinstance(answer.document, Mapping):
        for database, rows in answer.document.items():
            yield f"    database {clean(database)}: {_size(rows)}"
            yield from _row_lines(rows, most_rows, "      ")
    elif answer.document is not None:
        yield from _row_lines(answer.document, most_rows, "    ")


def _size(document: Document) -> str:
    return counted(len(document), "database" if isinstance(document, Mapping) else "row")


def _row_lines(rows: Rows, most_rows: int, indent: str) -> Iterator[str]:
    shown = rows[:most_rows]
    if any(isinstance(value, Mapping | list | tuple) for row in shown for value in row.values()):
        yield from _documents(shown, indent)
    elif shown:
        yield from _table(shown, indent)
    if len(rows) > len(shown):
        yield f"{indent}… and {len(rows) - len(shown)} more"


def _documents(rows: Rows, indent: str) -> Iterator[str]:
    lines = [line for row in rows for line in json.dumps(row, indent=2, ensure_ascii=False, default=str).splitlines()]
    for line in lines[:MOST_LINES]:
        yield indent + clean(readable(line, LONGEST_LINE), keep_lines=True)
    if len(lines) > MOST_LINES:
        yield f"{indent}… and {len(lines) - MOST_LINES} more lines; all of it with -o json"


def _table(rows: Rows, indent: str) -> Iterator[str]:
    names = list(rows[0])
    cells = [[clean(name) for name in names], *([literal(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        yield indent + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def literal(value: Value) -> str:
    """Return a single value as it would be written in a script, shortened."""
    text = json.dumps(readable(value), ensure_ascii=False) if isinstance(value, str) else str(value)
    text = clean(text)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def as_json(trial: Trial, most_rows: int) -> dict[str, object]:
    """Return a trial for programs."""
    server = trial.server
    return {
        "target": trial.target.name,
        "address": trial.target.address,
        "server": server
        and {"flavour": server.flavour, "version": server.version, "is_encrypted": server.is_encrypted},
        "checks": [_tried_as_json(tried, most_rows) for tried in trial.tried],
    }


def _tried_as_json(tried: Tried, most_rows: int) -> dict[str, object]:
    outcome = tried.outcome
    return {
        "check": outcome.check.name,
        "status": outcome.status,
        "reason": outcome.reason and readable(outcome.reason),
        "duration_ms": round(outcome.duration_ms, 3),
        "script_ms": round(outcome.script_ms, 3),
        "queries": [_answer_as_json(query, answer, most_rows) for query, answer in tried.answers],
        "printed": [readable(line) for line in outcome.printed],
        "findings": [finding.model_dump(mode="json", exclude_none=True) for finding in tried.findings],
    }


def _answer_as_json(query: Query, answer: Answer | None, most_rows: int) -> dict[str, object]:
    asked: dict[str, object] = {"type": query.type.value, "query": query.text, "parameters": dict(query.parameters)}
    if answer is None:
        return asked
    told = {**asked, "duration_ms": round(answer.duration_ms, 3)}
    if answer.error is not None:
        told["error"] = readable(str(answer.error))
    document = answer.document
    if isinstance(document, Mapping):
        told["rows_of_databases"] = {name: len(rows) for name, rows in document.items()}
        told["databases"] = {name: _plain(rows[:most_rows]) for name, rows in document.items()}
    elif document is not None:
        told |= {"row_count": len(document), "rows": _plain(document[:most_rows])}
    return told


def _plain(value: "Value | Rows") -> object:
    """Return a value for JSON; bytes that are no text are shown as such."""
    if isinstance(value, str):
        return readable(value, len(value) * 4 + 1)
    if isinstance(value, Mapping):
        return {readable(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_plain(inner) for inner in value]
    return value
