"""What the checker and its sandbox processes say to each other: a length, then JSON. No pickle: to read it would be to
execute what a script's process sends. The checker checks the form of all that it reads, for a process in which a
hostile script ran may send anything. Pure.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any

from services.checker.script import BranchRun, Printed, ScriptCall, ScriptFinding, ScriptOutcome
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


def call_to_bytes(call: ScriptCall) -> bytes:
    """Return a call as a frame: the script and the rest as JSON, then the documents, which the engine reads itself."""
    head = json.dumps([call.script, call.parameters, call.with_branches], separators=(",", ":")).encode("ascii")
    return framed(b"".join((HEADER.pack(len(head)), head, call.documents.encode("ascii"))))


def call_from_bytes(body: bytes | bytearray) -> ScriptCall:
    """Return the call that the checker sent."""
    (length,) = HEADER.unpack_from(body)
    head, documents = body[HEADER.size : HEADER.size + length], body[HEADER.size + length :]
    script, parameters, with_branches = json.loads(head)
    return ScriptCall(script, documents.decode("ascii"), parameters, with_branches)


def outcome_to_bytes(outcome: ScriptOutcome, *, is_last: bool = False) -> bytes:
    """Return an outcome as a frame; one that is too long becomes an error. After the last one its process ends."""
    # Counted first, for to write too much down would take more time and memory than the script itself.
    size = sum(map(_characters, outcome.findings))
    body = _outcome_json(outcome, is_last=is_last) if size <= MOST_REPLY_BYTES else b""
    size = max(size, len(body))
    if size <= MOST_REPLY_BYTES:
        return framed(body)
    error = f"the script returned {size / 1024**2:.0f} MiB; at most {MOST_REPLY_BYTES / 1024**2:.0f} MiB are taken"
    return framed(_outcome_json(ScriptOutcome(error=error, printed=outcome.printed), is_last=is_last))


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


def _outcome_json(outcome: ScriptOutcome, *, is_last: bool) -> bytes:
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
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _characters(finding: ScriptFinding) -> int:
    texts = (finding.summary, finding.description, finding.read_more_url, *finding.labels, *finding.labels.values())
    return sum(map(len, texts))


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
