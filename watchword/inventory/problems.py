"""What is wrong with an inventory file, and where. All of it is collected and shown at once: one run of ``watchword
apply`` tells everything that has to be mended. A warning keeps nothing from being applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.errors import WatchwordError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in the inventory file."""

    file: Path
    line: int
    column: int
    path: str
    """Which value is meant: ``targets[0].tls.mode``; empty for the file as a whole."""
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Return the line that editors and CI jobs understand: ``file:line:column: path: what is wrong; hint``."""
        warning = "warning: " if self.severity == "warning" else ""
        path = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {warning}{path}{self.message}{hint}"


class InventoryRefused(WatchwordError):
    """An inventory file has mistakes, so nothing of it is applied; ``problems`` has all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
