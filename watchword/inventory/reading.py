"""From the path of an inventory file to everything it says: its targets, its own checks beside the built-in ones, its
settings. All mistakes of the file are raised together; mistakes in check files keep only those checks from loading and
are handed on, for one broken check must not keep the others from running.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.check_files.problems import Problem as CheckProblem
from shared.check_files.reading import Reading, read_checks
from shared.check_files.yaml_nodes import BrokenDocument, MapNode, Node, ScalarNode, documents
from shared.checks import Check
from shared.configuration import Setting
from shared.errors import WatchwordError
from shared.targets import Target
from watchword.inventory.collected import Names
from watchword.inventory.problems import InventoryRefused, Problem
from watchword.inventory.settings import read_settings
from watchword.inventory.spots import Complaints, Spot
from watchword.inventory.targets import check_parameters, read_targets

DEFAULT_FILE = Path("watchword.yaml")
LARGEST_FILE_BYTES = 64 * 1024 * 1024
MOST_VALUES = 5_000_000
"""For some 200,000 targets; what makes a hostile file dangerous (depth, aliases) is bounded as in check files."""
SECTIONS = ("targets", "checks", "settings", "alertmanagers", "mute", "metrics", "dead_mans_switch", "installation")


class InventoryMissing(WatchwordError):
    """There is no inventory file at the given place, or it can't be read."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an inventory file says."""

    file: Path
    targets: Mapping[str, Target]
    checks: Mapping[str, Check]
    """The built-in checks and the file's own."""
    settings: Mapping[Names, Setting]
    passwords: Mapping[str, str] = field(repr=False)
    """Passwords in clear by target. They never leave the process that read them."""
    warnings: Sequence[Problem] = ()
    check_problems: Sequence[CheckProblem] = ()
    """What is wrong with the file's own checks."""
    broken_checks: frozenset[str] = frozenset()
    """Names of checks that could not be read."""
    broken_sources: frozenset[str] = frozenset()
    """Check files that could not be read as a whole; they may hold any check."""


def read_inventory(file: Path, built_in: Sequence[Check]) -> Inventory:
    """Read an inventory file. Raises ``InventoryMissing``, or ``InventoryRefused`` with all its mistakes."""
    complaints = Complaints(file)
    root = _root(_text(file), complaints)
    sections = root.fields(SECTIONS) if root is not None else {}
    own = read_checks(_check_paths(sections.get("checks"), file.parent), built_in)
    checks = {check.name: check for check in built_in}
    checks |= {check.name: _sourced(check, own, file.parent) for check in own.checks}
    errors = [problem for problem in own.problems if problem.severity == "error"]
    known = {*checks, *(problem.check_name for problem in errors if problem.check_name)}
    written = read_targets(sections.get("targets"))
    for one in written:
        check_parameters(one, checks, known)
    targets = {one.target.name: one.target for one in written}
    settings = read_settings(sections, checks, known, set(targets))
    if complaints.has_errors:
        raise InventoryRefused(list(dict.fromkeys(complaints.problems)))
    return Inventory(
        file=file,
        targets=targets,
        checks=checks,
        settings=settings,
        passwords={one.target.name: one.password for one in written if one.password is not None},
        warnings=tuple(sorted(complaints.problems)),
        check_problems=tuple(own.problems),
        broken_checks=frozenset(problem.check_name for problem in errors if problem.check_name) - set(checks),
        broken_sources=frozenset(_relative(problem.file, file.parent) for problem in errors if not problem.check_name),
    )


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        message = f"there is no file {file}; name yours: watchword apply FILE"
        raise InventoryMissing(message) from None
    except OSError as unreadable:
        message = f"{file} can't be read: {unreadable.strerror}"
        raise InventoryMissing(message) from None
    if len(content) > LARGEST_FILE_BYTES:
        message = f"{file} has more than {LARGEST_FILE_BYTES:,} bytes; is it really an inventory?"
        raise InventoryMissing(message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        before = content[: broken.start].decode(errors="replace").split("\n")
        problem = Problem(file, len(before), len(before[-1]) + 1, "", "not UTF-8 text", "save the file as UTF-8")
        raise InventoryRefused([problem]) from None


def _root(text: str, complaints: Complaints) -> Spot | None:
    found: list[Node] = []
    for document in documents(text, MOST_VALUES):
        if isinstance(document, BrokenDocument):
            place = document.place
            complaints.problems.append(
                Problem(complaints.file, place.line, place.column, "", document.message, document.hint)
            )
        elif not (isinstance(document, ScalarNode) and document.is_null):
            found.append(document)
    if len(found) > 1:
        second = Spot(found[1], "", complaints)
        second.complain("a second document begins here", "keep the whole inventory in one, without '---' between")
    if not found:
        return None
    root = Spot(found[0], "", complaints)
    if not isinstance(root.node, MapNode):
        root.complain(f"an inventory begins with fields, not with {root.shape}", "allowed: " + ", ".join(SECTIONS))
        return None
    return root


def _check_paths(section: Spot | None, beside: Path) -> list[Path]:
    if section is None:
        return []
    paths = []
    for spot in [section] if section.is_text else section.items():
        text = spot.text()
        if text is None:
            continue
        path = beside / Path(text).expanduser()
        if path.exists():
            paths.append(path)
        else:
            spot.complain(f"there is no file or folder {path}", "paths are relative to this file")
    return paths


def _sourced(check: Check, reading: Reading, beside: Path) -> Check:
    """Say where a check came from in a way that does not depend on where ``apply`` was started."""
    return check.model_copy(update={"source": _relative(reading.origins[check.name].file, beside)})


def _relative(path: Path, beside: Path) -> str:
    return str(path.relative_to(beside)) if path.is_relative_to(beside) else str(path)
