"""Running the tests of checks: each script in the sandbox of a checker, with the answers that the test gives instead of
a server's. It says what differs from what is expected, and which ways the scripts never went in all tests together.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.checker.applicability import why_not
from services.checker.findings import findings_of, readable
from services.checker.sandbox import Sandbox
from services.checker.script import ScriptJob
from services.checker.script_rewriting import Way
from shared.check_files.problems import Place
from shared.check_files.problems import Problem as CheckProblem
from shared.check_files.reading import Reading, read_checks
from shared.check_files.yaml_nodes import ScalarNode
from watchword.check_files.expectations import Actual, Status, differences
from watchword.check_files.fixtures import Case, check_file_of, fixtures_of, is_fixture, read_fixture
from watchword.inventory.problems import Problem

TARGET = "test"
"""What the target of a test is called."""


@dataclass(frozen=True, slots=True)
class BranchSeen:
    """One way through a script, where it stands in the check file, and how often all tests together took it."""

    place: Place
    way: Way
    times: int


@dataclass(frozen=True, slots=True)
class Tested:
    """One test that was run."""

    case: Case
    fixture: Path
    differences: Sequence[str]
    duration_ms: float


@dataclass(slots=True)
class Suite:
    """The tests of one check."""

    check: str
    file: Path
    tests: list[Tested] = field(default_factory=list)
    branches: list[BranchSeen] = field(default_factory=list)

    @property
    def ran(self) -> int:
        """Return how many ways of the script ran at least once."""
        return sum(branch.times > 0 for branch in self.branches)


@dataclass(slots=True)
class Report:
    """What came of all tests."""

    suites: list[Suite] = field(default_factory=list)
    problems: list[Problem | CheckProblem] = field(default_factory=list)
    """What is wrong with the files themselves."""
    untested: list[tuple[str, Path]] = field(default_factory=list)
    """Checks without any test, and their files."""

    @property
    def tests(self) -> list[Tested]:
        """Return all tests that were run."""
        return [test for suite in self.suites for test in suite.tests]

    @property
    def errors(self) -> list[Problem | CheckProblem]:
        """Return the problems that kept something from being tested."""
        return [problem for problem in self.problems if problem.severity == "error"]


def files_below(paths: Iterable[Path]) -> list[Path]:
    """Return the check files that are meant, each once: files named, those whose tests are named, those in folders."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            reading = read_checks([path])
            fixtures = [
                fixture
                for fixture in sorted(path.rglob("*.test.y*ml"))
                if is_fixture(fixture) and not any(part.startswith(".") for part in fixture.relative_to(path).parts)
            ]
            for file in (*(origin.file for origin in reading.origins.values()), *map(_owner, fixtures)):
                found[file] = None
        else:
            found[_owner(path) if is_fixture(path) else path] = None
    return list(found)


def _owner(fixture: Path) -> Path:
    """Return the check file of a file with tests; itself when there is none, to be complained about."""
    return check_file_of(fixture) or fixture


async def run_tests(paths: Iterable[Path]) -> Report:
    """Run the tests of check files. Raises ``SandboxUnavailable`` when no script can be run."""
    report = Report()
    async with Sandbox(workers=1) as scripts:
        for file in files_below(paths):
            await _run_file(file, report, scripts)
    return report


async def _run_file(file: Path, report: Report, scripts: Sandbox) -> None:
    if is_fixture(file):
        report.problems.append(
            Problem(file, 1, 1, "", "there is no check file beside it", "NAME.test.yml is for NAME.yml")
        )
        return
    reading = read_checks([file])
    report.problems += reading.problems
    suites = {check.name: Suite(check.name, file) for check in reading.checks}
    taken: dict[str, Counter[tuple[int, int, Way]]] = {name: Counter() for name in suites}
    for fixture in fixtures_of(file):
        cases, problems = read_fixture(fixture, reading.checks)
        report.problems += problems
        for case in cases:
            suites[case.check.name].tests.append(await _run(case, fixture, scripts, taken[case.check.name]))
    for name, suite in suites.items():
        if suite.tests:
            suite.branches = _branches(reading, name, taken[name])
            report.suites.append(suite)
        else:
            report.untested.append((name, file))


async def _run(case: Case, fixture: Path, scripts: Sandbox, taken: Counter[tuple[int, int, Way]]) -> Tested:
    check = case.check
    reason = why_not(check, case.server) if case.server is not None else None
    if reason is not None:
        return Tested(case, fixture, differences(case.expected, Actual("skipped", reason=reason)), 0.0)
    defaults = {name: parameter.default for name, parameter in check.parameters.items()}
    outcome = await scripts.run(
        ScriptJob(
            check.name, check.script, check.format, case.answers, {**defaults, **case.parameters}, with_branches=True
        )
    )
    for branch in outcome.branches:
        taken[branch.line, branch.column, branch.way] += branch.times
    findings = findings_of(check, TARGET, outcome.findings, [], dt.datetime.now(dt.UTC))
    status: Status = "error" if outcome.error is not None else "failed" if findings else "passed"
    printed = [readable(line.text) for line in outcome.printed]
    actual = Actual(status, findings, readable(outcome.error or ""), printed)
    return Tested(case, fixture, differences(case.expected, actual), outcome.duration_ms)


def _branches(reading: Reading, name: str, taken: Mapping[tuple[int, int, Way], int]) -> list[BranchSeen]:
    script: ScalarNode | None = reading.origins[name].normalised.script
    return [
        BranchSeen(script.place_of(line, column) if script else Place(line, column), way, times)
        for (line, column, way), times in sorted(taken.items())
    ]
