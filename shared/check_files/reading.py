"""From files and folders to checks: which files there are, what each document holds, and which names are taken twice.
One broken check, document or file is a problem with its line and column and never keeps the others from loading.
Whether a signature is good is left to the checker that runs the check, whether problems matter to whoever asked.
"""

import base64
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared.check_files.fields import fields_of
from shared.check_files.generations import Advisor, Normalised, normalise, read_advisor
from shared.check_files.problems import Fault, Place, Problem, problem
from shared.check_files.yaml_nodes import BrokenDocument, ListNode, MapNode, Node, ScalarNode, documents
from shared.checks import Check

MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_SIGNATURE_BYTES = 8 * 1024
MAX_SIGNED_BYTES = 384 * 1024
"""In base64 and beside the check itself it fits into one message."""
MAX_TRAVELLING_BYTES = 4 * 1024 * 1024
"""Each check of a signed file brings the whole file along."""
SUFFIXES = (".yml", ".yaml")
SIGNATURE_SUFFIX = ".minisig"
TEST_SUFFIXES = tuple(f".test{suffix}" for suffix in SUFFIXES)
"""How the names of files end that hold the tests of a check file; they hold no checks, so they are passed over."""

_DOCUMENT_FIELDS = ("checks", "advisors")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a check was read."""

    file: Path
    normalised: Normalised


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the checks that can run, in the order of the files, and everything that is wrong."""

    checks: list[Check] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    advisors: dict[str, Advisor] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    """Where each check of ``checks`` was read, by its name."""

    @property
    def errors(self) -> list[Problem]:
        """Return the problems that kept something from loading."""
        return [problem for problem in self.problems if problem.severity == "error"]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    checks: tuple[Node, ...]
    advisors: tuple[Node, ...]
    signed: str = ""
    signature: str = ""


def read_checks(paths: Sequence[Path], beside: Sequence[Check] = ()) -> Reading:
    """Read files, and folders with everything below them; what is hidden and the tests of checks excepted.

    ``beside`` are checks whose names are taken already, for example the built-in ones. Of two checks with one name
    the first stays, the other is an error that names both places.
    """
    reading = Reading()
    files = [file for path in _files(paths, reading.problems) if (file := _read_file(path, reading.problems))]
    _normalise(reading, files, beside)
    return reading


def read_content(content: bytes, path: Path) -> Reading:
    """Read the bytes of one file, which lie or lay elsewhere; the path is for the problems."""
    reading = Reading()
    file = _parsed(path, content, reading.problems)
    _normalise(reading, [file] if file else [])
    return reading


def _normalise(reading: Reading, files: Sequence[_File], beside: Sequence[Check] = ()) -> None:
    for file in files:
        for node in file.advisors:
            advisor, faults = read_advisor(node)
            reading.problems.extend(problem(file.path, "", fault) for fault in faults)
            if advisor is not None:
                reading.advisors.setdefault(advisor.name, advisor)
    taken = {check.name: check.source for check in beside}
    for file in files:
        for node in file.checks:
            _add(reading, file, normalise(node, reading.advisors, str(file.path)), taken)
    reading.problems.sort(key=lambda found: (str(found.file), found.line, found.column))


def _add(reading: Reading, file: _File, normalised: Normalised, taken: dict[str, str]) -> None:
    faults = list(normalised.faults)
    if normalised.name in taken:
        message = f"two checks are named {normalised.name!r}: this one and {taken[normalised.name]}"
        faults.append(Fault(normalised.place, "duplicate-name", message, "rename one of them, or remove it"))
    elif normalised.name:
        taken[normalised.name] = f"{file.path}:{normalised.place.line}"
        if normalised.check is not None:
            signed = {"signed": file.signed, "signature": file.signature}
            reading.checks.append(normalised.check.model_copy(update=signed))
            reading.origins[normalised.name] = Origin(file.path, normalised)
    reading.problems.extend(problem(file.path, normalised.name, fault) for fault in faults)


def _files(paths: Sequence[Path], problems: list[Problem]) -> Iterator[Path]:
    """Yield each file once, whatever ways lead to it."""
    seen: set[str] = set()
    for path in paths:
        if path.is_dir():
            found = sorted(_below(path, set()))
            if not found:
                hint = f"check files end in {' or '.join(SUFFIXES)}"
                problems.append(_file_problem(path, "the folder holds no check files", hint, is_error=False))
        else:
            found = [] if path.name.endswith(TEST_SUFFIXES) else [path]
        for file in found:
            real_path = os.path.realpath(file)  # unlike Path.resolve(), it does not raise for a link to itself
            if real_path not in seen:
                seen.add(real_path)
                yield file


def _below(folder: Path, entered: set[str]) -> Iterator[Path]:
    """Yield the check files of a folder. What is hidden is left out, such as the ``..data`` of a mounted ConfigMap."""
    real_path = os.path.realpath(folder)
    if real_path in entered:  # links to folders may lead around in a circle
        return
    entered.add(real_path)
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry, entered)
        elif entry.suffix in SUFFIXES and not entry.name.endswith(TEST_SUFFIXES):
            yield entry


def _read_file(path: Path, problems: list[Problem]) -> _File | None:
    content = _content(path, MAX_FILE_BYTES, problems)
    if content is None:
        return None
    signature = _signature(path, problems)
    file = _parsed(path, content, problems)
    if file is None or not signature:
        return file
    if len(content) > MAX_SIGNED_BYTES or len(content) * len(file.checks) > MAX_TRAVELLING_BYTES:
        message = "the file is too large to travel with each of its checks, so they travel unsigned"
        hint = "split it, best into one check a file, and sign each"
        problems.append(_file_problem(path, message, hint, is_error=False))
        return file
    return replace(file, signed=base64.b64encode(content).decode(), signature=signature)


def _parsed(path: Path, content: bytes, problems: list[Problem]) -> _File | None:
    text = _decoded(path, content, problems)
    if text is None:
        return None
    checks: list[Node] = []
    advisors: list[Node] = []
    before = len(problems)
    for document in documents(text):
        faults: list[Fault] = []
        if isinstance(document, BrokenDocument):
            faults.append(Fault(document.place, "yaml", document.message, document.hint))
        else:
            _take(document, checks, advisors, faults)
        problems.extend(problem(path, "", fault) for fault in faults)
    if not checks and not advisors and len(problems) == before:
        problems.append(_file_problem(path, "the file holds no checks", "begin it with `checks:`", is_error=False))
    return _File(path, tuple(checks), tuple(advisors))


def _take(document: Node, checks: list[Node], advisors: list[Node], faults: list[Fault]) -> None:
    """Take the entries of ``checks:`` and ``advisors:`` out of one document."""
    if isinstance(document, ScalarNode) and document.is_null:
        return
    if not isinstance(document, MapNode):
        faults.append(Fault(document.place, "document", "not a check file", "begin each document with `checks:`"))
        return
    names = {key.text for key, _ in document.fields}
    if "script" in names and "checks" not in names:
        message = "this looks like a check that does not stand in a list"
        faults.append(Fault(document.place, "document", message, "put it below `checks:` and begin it with `- `"))
        return
    fields = fields_of(document, _DOCUMENT_FIELDS, "document", faults)
    for name, entries in (("checks", checks), ("advisors", advisors)):
        node = fields.get(name)
        if isinstance(node, ListNode):
            entries.extend(node.items)
        elif node is not None:
            hint = "begin each entry with `- `"
            faults.append(Fault(node.place, "document", f"{name!r} must be a list", hint))


def _content(path: Path, limit: int, problems: list[Problem]) -> bytes | None:
    """Return a file's bytes; never more than the limit is read, and never from a pipe or device."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            problems.append(_file_problem(path, "not a file"))
            return None
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        problems.append(_file_problem(path, f"can't be read: {error.strerror}"))
        return None
    if len(content) > limit:
        message = f"{max(status.st_size, len(content)):,} bytes are more than a check file may have ({limit:,})"
        problems.append(_file_problem(path, message, "is this really a check file? Split it if it is"))
        return None
    return content


def _decoded(path: Path, content: bytes, problems: list[Problem]) -> str | None:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(errors="replace").split("\n")
        fault = Fault(Place(len(before), len(before[-1]) + 1), "yaml", "not UTF-8 text", "save the file as UTF-8")
        problems.append(problem(path, "", fault))
        return None


def _signature(path: Path, problems: list[Problem]) -> str:
    beside = path.with_name(path.name + SIGNATURE_SUFFIX)
    if not beside.exists():
        return ""
    content = _content(beside, MAX_SIGNATURE_BYTES, problems)
    try:
        return content.decode() if content else ""
    except UnicodeDecodeError:
        problems.append(_file_problem(beside, "not a signature of minisign", "sign the file again"))
        return ""


def _file_problem(path: Path, message: str, hint: str = "", *, is_error: bool = True) -> Problem:
    return problem(path, "", Fault(Place(), "file", message, hint, "error" if is_error else "warning"))
