"""What the checker and its sandbox processes say to each other: a length, then JSON. No pickle: to read it would be to
execute what a script's process sends. The checker checks the form of all that it reads, for a process in which a
hostile script ran may send anything. Pure.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.checker.errors import ScriptFailed
from services.checker.script import BranchRun, Printed, ScriptFinding, ScriptJob, ScriptOutcome
from shared.severity import Severity

HEADER = struct.Struct(">I")
MOST_REPLY_BYTES = 8 * 1024**2
"""More than any result holds; the checker never reads more from a sandbox process."""


class FrameRefused(Exception):
    """A sandbox process sent something that no honest one sends."""


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """What one call of a script may take."""

    seconds: float = 5.0
    memory_bytes: int = 1024**3

    @property
    def time_text(self) -> str:
        """Return the error of a script that took too long."""
        return f"the script ran longer than {self.seconds:g} s, which is the limit"

    @property
    def memory_text(self) -> str:
        """Return the error of a script that took too much memory."""
        return f"the script took more than {self.memory_bytes / 1024**3:g} GiB of memory, which is the limit"


def framed(body: bytes) -> bytes:
    """Return a body with its length before it."""
    return HEADER.pack(len(body)) + body


def job_to_bytes(job: ScriptJob) -> bytes:
    """Return a job as a frame. Raises ``ScriptFailed`` for a value that no script can see."""
    fields = {
        "check_name": job.check_name,
        "script": job.script,
        "format": job.format,
        "documents": job.documents,
        "parameters": job.parameters,
        "with_branches": job.with_branches,
    }
    # Escapes instead of UTF-8, so that lone surrogates get through.
    return framed(json.dumps(fields, default=_plain, separators=(",", ":")).encode("ascii"))


def job_from_bytes(body: bytes | bytearray) -> ScriptJob:
    """Return the job that the checker sent."""
    return ScriptJob(**json.loads(body))


def outcome_to_bytes(outcome: ScriptOutcome, *, is_last: bool = False) -> bytes:
    """Return an outcome as a frame; one that is too long becomes an error. After the last one its process ends."""
    fields = {
        "findings": [
            [each.summary, each.description, each.severity, each.labels, each.read_more_url]
            for each in outcome.findings
        ],
        "error": outcome.error,
        "printed": [[each.line, each.function, each.text] for each in outcome.printed],
        "branches": [[each.line, each.column, each.way, each.times] for each in outcome.branches],
        "is_last": is_last,
    }
    body = json.dumps(fields, separators=(",", ":")).encode("ascii")
    if len(body) <= MOST_REPLY_BYTES:
        return framed(body)
    error = f"the script returned {len(body) / 1024**2:.0f} MiB; at most {MOST_REPLY_BYTES / 1024**2:.0f} MiB are taken"
    return outcome_to_bytes(ScriptOutcome(error=error), is_last=is_last)


def outcome_from_bytes(body: bytes | bytearray) -> tuple[ScriptOutcome, bool]:
    """Return what a sandbox process sent: the outcome, and whether it is its last. Raises ``FrameRefused``."""
    try:
        fields = json.loads(body)
        outcome = ScriptOutcome(
            findings=tuple(_finding(*each) for each in fields["findings"]),
            error=None if fields["error"] is None else _of(str, fields["error"]),
            printed=tuple(
                Printed(_of(int, line), _of(str, function), _of(str, text))
                for line, function, text in fields["printed"]
            ),
            branches=tuple(
                BranchRun(_of(int, line), _of(int, column), _of(str, way), _of(int, times))
                for line, column, way, times in fields["branches"]
            ),
        )
        return outcome, bool(fields["is_last"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FrameRefused(f"the process of the script sent no outcome: {error}") from error


def _finding(summary: object, description: object, severity: object, labels: object, url: object) -> ScriptFinding:
    return ScriptFinding(
        summary=_of(str, summary),
        description=_of(str, description),
        severity=Severity(_of(str, severity)),
        labels={name: _of(str, value) for name, value in _of(dict, labels).items()},
        read_more_url=_of(str, url),
    )


def _of(kind: type[Any], value: object) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise ScriptFailed(f"a query returned a value of the type {type(value).__name__}, which no script can see")
