"""The ledger of proofs: which built-in check was proven in this very run, on what, and by which steps. Each proof
writes its line when its last step is done; at the end of a run of all proofs a check without a line makes the run fail,
whatever the tests said. A run of some of them only writes what it saw. With pytest-xdist the workers send their lines.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROOFS = "tests/integration/test_library.py"
LEDGER = ".cache/library-proofs.txt"

_LINES = pytest.StashKey[list[str]]()
_COLLECTED = pytest.StashKey[bool]()
_PARTIAL = pytest.StashKey[bool]()
_SENT = "library_proofs"


@dataclass(frozen=True)
class Ledger:
    """Where a proof writes its line."""

    config: pytest.Config

    def write(self, check: str, case: str, on: str, *steps: str) -> None:
        """Write the line of one proof, after its last step."""
        proof = f"{check} ({case})" if case else check
        self.config.stash[_LINES].append(f"{proof}: on {on}: {' -> '.join(steps)}")


def missing(checks: Iterable[str], lines: Iterable[str]) -> list[str]:
    """Return the checks without a line."""
    proven = {line.partition(":")[0].partition(" ")[0] for line in lines}
    return sorted(set(checks) - proven)


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing proven."""
    config.stash[_LINES] = []
    config.stash[_COLLECTED] = False
    config.stash[_PARTIAL] = _selects_some(config)


def _selects_some(config: pytest.Config) -> bool:
    options = config.option
    by_name = options.keyword or options.markexpr or any("::" in each for each in config.args)
    return bool(by_name or getattr(options, "lf", False) or getattr(options, "stepwise", False))


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    """Note that some proofs are left out on purpose."""
    for item in items:
        if item.nodeid.startswith(PROOFS):
            item.config.stash[_PARTIAL] = True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note whether the proofs are to be run at all."""
    session.config.stash[_COLLECTED] = any(item.nodeid.startswith(PROOFS) for item in session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker of pytest-xdist sends at its end."""
    sent = getattr(node, "workeroutput", {}).get(_SENT)
    if sent is not None:
        stash = node.config.stash
        stash[_LINES] += sent["lines"]
        stash[_COLLECTED] |= sent["collected"]
        stash[_PARTIAL] |= sent["partial"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the lines, or judge them where all come together."""
    stash = session.config.stash
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SENT] = {
            "lines": stash[_LINES],
            "collected": stash[_COLLECTED],
            "partial": stash[_PARTIAL],
        }
        return
    if stash[_LINES]:
        ledger = Path(session.config.rootpath / LEDGER)
        ledger.parent.mkdir(exist_ok=True)
        ledger.write_text("".join(f"{line}\n" for line in sorted(stash[_LINES])))
    if list(_problems(session.config)) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was proven, and what was not."""
    lines = config.stash[_LINES]
    if lines:
        terminalreporter.write_line(f"{len(lines)} proofs of built-in checks, see {LEDGER}")
    for problem in _problems(config):
        terminalreporter.write_line(problem, red=True)


def _problems(config: pytest.Config) -> Iterator[str]:
    if config.option.collectonly or not config.stash[_COLLECTED] or config.stash[_PARTIAL]:
        return
    from watchword.check_files.library import built_in_checks

    for check in missing((check.name for check in built_in_checks()), config.stash[_LINES]):
        yield f"{check} was not proven in this run: no proof of it came to its last step"
