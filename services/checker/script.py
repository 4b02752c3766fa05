"""What a check's script is: PMM's contract. A script is compiled, and its ``check_context`` is called with the
documents that the queries returned and a context of functions; what it returns becomes findings. It guarantees that a
script sees PMM's values and nothing else, frozen, and that whatever it does ends as findings or as one error with its
line. Pure, but no match for a script that takes all time and memory: ``sandbox.py`` runs it where that does no harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import starlark

from services.checker.errors import ScriptFailed
from services.checker.script_dialect import ENTRY, ScriptRefused
from services.checker.script_engine import Printed, Record, Stop, evaluate, failure, never, prelude, shortened
from services.checker.script_output import ScriptFinding, findings_in
from services.checker.script_rewriting import Source, Way, rewritten
from services.checker.script_values import disguised_json, may_be_disguised, to_json, undisguised

if TYPE_CHECKING:
    from services.checker.engines.protocol import Document

__all__ = ["BranchRun", "CompiledScript", "Printed", "ScriptFinding", "ScriptJob", "ScriptOutcome", "run_script"]

MOST_FINDINGS = 10_000
"""As many as a query has rows; what a result holds in the end is for ``findings.py``."""

_INPUTS = """\
load("watchword", "watchword_context", "watchword_restored")
documents = {documents}
context = watchword_context({parameters})
None
"""
_CALL = f"""\
load("watchword", "watchword_run")
load("script", "{ENTRY}")
load("inputs", "documents", "context")
watchword_run({ENTRY}, documents, context, {MOST_FINDINGS})
"""


@dataclass(frozen=True, slots=True)
class ScriptJob:
    """One call of one check's script."""

    check_name: str
    script: str
    format: Literal[1, 2]
    """The version of the file's format: with 1 the script gets the rows of the single query, with 2 a list with one
    item for each query."""
    documents: "Sequence[Document]"
    """The answers, one for each query of the check, in the order of the file."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """The check's parameters with their values here. When there are any, they are ``context["parameters"]``."""
    with_branches: bool = False
    """Whether to count which ways the script goes. It costs time; meant for tests of checks."""


@dataclass(frozen=True, slots=True)
class BranchRun:
    """One way through a script and how often it was taken. Lines and columns count from 1."""

    line: int
    column: int
    way: Way
    times: int


@dataclass(frozen=True, slots=True)
class ScriptOutcome:
    """What became of one call: findings (none: the check passed), or an error and then no findings."""

    findings: tuple[ScriptFinding, ...] = ()
    error: str | None = None
    printed: tuple[Printed, ...] = ()
    branches: tuple[BranchRun, ...] = ()
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A job on its way to the engine, which reads the answers as JSON five times faster than as values of Python."""

    script: str
    documents: str
    parameters: str
    with_branches: bool = False


def call_of(job: ScriptJob) -> ScriptCall:
    """Return the call for a job. Raises ``ScriptFailed`` for answers that no script can see."""
    if job.format == 1 and len(job.documents) != 1:
        raise ScriptFailed(f"a check of format 1 has one query, not {len(job.documents)}")
    documents = job.documents[0] if job.format == 1 else job.documents
    return ScriptCall(job.script, to_json(documents), to_json(job.parameters), job.with_branches)


def run_script(job: ScriptJob, stop: Stop = never) -> ScriptOutcome:
    """Compile a script, call it once and say what became of it. ``stop`` can end it, see ``Stop``."""
    try:
        call = call_of(job)
        compiled = CompiledScript(call.script, stop, with_branches=call.with_branches)
    except ScriptFailed as failed:
        return ScriptOutcome(error=str(failed))
    return compiled.run(call, stop)


class CompiledScript:
    """A script whose module body was executed, to be called again and again, one call at a time."""

    def __init__(self, script: str, stop: Stop = never, *, with_branches: bool = False) -> None:
        """Compile a script. Raises ``ScriptFailed`` when it may not run or its module body breaks."""
        try:
            self._source: Source = rewritten(script, with_branches=with_branches)
        except ScriptRefused as refused:
            raise ScriptFailed(shortened(str(refused))) from None
        self._record = Record(self._source)
        self._prelude = prelude(self._record)
        module = starlark.Module()
        try:
            # The value of a last expression would have to leave the engine, and may not be able to.
            evaluate(module, "script", f"{self._source.text}None\n", {"watchword": self._prelude}, stop)
            self._module = module.freeze()
        except starlark.StarlarkError as error:
            raise failure(error, self._source, stop) from None
        self._printed, self._marked = tuple(self._record.printed), self._record.marked.copy()

    def run(self, call: ScriptCall, stop: Stop = never) -> ScriptOutcome:
        """Call ``check_context``; what the module body printed comes first, as if it had been executed again."""
        self._record.begin(self._printed, self._marked)
        try:
            outcome = ScriptOutcome(findings=self._findings(call, stop))
        except ScriptFailed as failed:
            outcome = ScriptOutcome(error=shortened(undisguised(str(failed))))
        printed = tuple(replace(each, text=undisguised(each.text)) for each in self._record.printed)
        branches = tuple(
            BranchRun(branch.line, branch.column, branch.way, self._record.marked[number, way])
            for number, ways in enumerate(self._source.branches)
            for way, branch in enumerate(ways)
        )
        return replace(outcome, printed=printed, branches=branches)

    def _findings(self, call: ScriptCall, stop: Stop) -> tuple[ScriptFinding, ...]:
        modules = {"watchword": self._prelude, "script": self._module}
        try:
            modules["inputs"] = self._inputs(call)
            result = evaluate(starlark.Module(), "call", _CALL, modules, stop)
            return tuple(map(_undisguised_finding, findings_in(result)))
        except starlark.StarlarkError as error:
            raise failure(error, self._source, stop) from None
        except RecursionError:
            raise ScriptFailed("the values are nested too deeply") from None

    def _inputs(self, call: ScriptCall) -> starlark.FrozenModule:
        """Return the answers and the context in a module of their own, frozen."""
        if not may_be_disguised(call.documents):
            try:
                return self._inputs_module(call.documents, call.parameters, "json.decode({})")
            except starlark.StarlarkError:
                # Rarely there is something in it that the engine can't read; to look for it would cost every time.
                pass
        documents, parameters = disguised_json(call.documents), disguised_json(call.parameters)
        return self._inputs_module(documents, parameters, "watchword_restored(json.decode({}))")

    def _inputs_module(self, documents: str, parameters: str, decode: str) -> starlark.FrozenModule:
        module = starlark.Module()
        module["documents_json"], module["parameters_json"] = documents, parameters
        text = _INPUTS.format(documents=decode.format("documents_json"), parameters=decode.format("parameters_json"))
        evaluate(module, "inputs", text, {"watchword": self._prelude}, never, with_json=True)
        return module.freeze()


def _undisguised_finding(finding: ScriptFinding) -> ScriptFinding:
    return ScriptFinding(
        summary=undisguised(finding.summary),
        description=undisguised(finding.description),
        severity=finding.severity,
        labels={undisguised(name): undisguised(value) for name, value in finding.labels.items()},
        read_more_url=undisguised(finding.read_more_url),
    )
