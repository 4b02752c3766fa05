"""A request for many becomes one part for each target. Names may be globs, labels select; what matched nothing is
listed, so that a typing error is seen and not silence. Pure: the inventory comes in, the parts go out. Among 10,000
targets this takes its time, so the work stops after each piece: between two of them its caller may let others go first.
"""

import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeAlias, TypeVar

from shared import subjects
from shared.checks import ENGINES, Check
from shared.configuration import Configuration
from shared.errors import MessageRefused
from shared.events import LONGEST_LIST_OF_NAMES, CheckAccepted, CheckRequested, RunRequested
from shared.schedules import is_enabled
from shared.subjects import EVERYTHING, Lane
from shared.targets import Target

MOST_TARGETS_NOW = 8
"""A request for more targets waits in the lane ``bulk``, so that a person who waits for one is never behind it."""
MOST_GLOBS = 200
LOOKED_AT_IN_A_PIECE = 100
"""So many targets or names are looked at in one piece, mostly in less than a millisecond."""
_GLOB = frozenset("*?[")

Item = TypeVar("Item")
Result = TypeVar("Result")
Pieces: TypeAlias = Generator[None, None, Result]
"""Work that stops after each piece but the last, and returns its result."""


@dataclass(frozen=True, slots=True)
class Split:
    """What a request became: a part for each of the targets, all with the same body."""

    what: str
    lane: Lane
    targets: tuple[Target, ...]
    body: RunRequested
    unknown: tuple[str, ...]

    def subject(self, target: Target) -> str:
        """Return the subject of a target's part."""
        return subjects.run_requested(self.lane, target.pool, target.name, self.what)


def split(request: CheckRequested, configuration: Configuration, request_id: str) -> Pieces[Split]:
    """Split a request. Raises ``MessageRefused`` when it matches no target or no check there."""
    targets, unknown = yield from _chosen_targets(request, configuration)
    candidates = configuration.all_checks()
    listed: list[str] | None = None
    if request.checks is not None:
        runs = yield from _wanted(
            candidates, lambda check: _runs_on_any(configuration, check, targets), costs=len(targets)
        )
        available = {check.name: check for check in runs}
        listed, unmatched = yield from _matching(request.checks, available.__contains__, lambda: list(available))
        # With no target there is nothing to say about checks.
        unknown += unmatched if targets else []
        candidates = [available[name] for name in listed]
    what = EVERYTHING if listed is None else subjects.what_of_checks(listed)
    asked = yield from _wanted(
        targets, lambda target: any(is_enabled(configuration, check, target) for check in candidates)
    )
    if not asked:
        raise MessageRefused(_nothing_matches(request, configuration, targets, unknown))
    lane: Lane = "now" if len(asked) <= MOST_TARGETS_NOW else "bulk"
    body = RunRequested(checks=listed, request_id=request_id, requested_by=request.requested_by, reason=request.reason)
    return Split(what, lane, tuple(asked), body, tuple(unknown))


def accepted(result: Split, request: CheckRequested, request_id: str, sequence: int, first: int) -> list[CheckAccepted]:
    """Return what to publish of a split: as many messages as its names need."""
    names = [target.name for target in result.targets]
    pieces = [names[at : at + LONGEST_LIST_OF_NAMES] for at in range(0, len(names), LONGEST_LIST_OF_NAMES)] or [[]]
    return [
        CheckAccepted(
            request_id=request_id,
            id=request.id,
            sequence=sequence,
            what=result.what,
            first=first,
            targets=piece,
            unknown=list(result.unknown[:LONGEST_LIST_OF_NAMES]) if number == 1 else [],
            part=number,
            parts=len(pieces),
        )
        for number, piece in enumerate(pieces, start=1)
    ]


def _runs_on_any(configuration: Configuration, check: Check, targets: Sequence[Target]) -> bool:
    return any(is_enabled(configuration, check, target) for target in targets)


def _wanted(items: Sequence[Item], is_wanted: Callable[[Item], bool], *, costs: int = 1) -> Pieces[list[Item]]:
    """Return the items that are wanted, in their order. Looking at one ``costs`` as much as looking at so many."""
    wanted: list[Item] = []
    at_a_time = max(1, LOOKED_AT_IN_A_PIECE // max(1, costs))
    for at in range(0, len(items), at_a_time):
        if at:
            yield
        wanted += filter(is_wanted, items[at : at + at_a_time])
    return wanted


def _chosen_targets(request: CheckRequested, configuration: Configuration) -> Pieces[tuple[list[Target], list[str]]]:
    unknown: list[str] = []
    if request.targets is None:
        chosen = configuration.all_targets()
    else:
        # A person mostly asks for one by its name, which must not take longer for there being 10,000 others.
        names, unknown = yield from _matching(
            request.targets,
            lambda name: configuration.target(name) is not None,
            lambda: [target.name for target in configuration.all_targets()],
        )
        chosen = [target for name in names if (target := configuration.target(name)) is not None]
    if request.engine is not None:
        if request.engine not in ENGINES:
            unknown.append(f"engine {request.engine}")
        chosen = [target for target in chosen if target.engine == request.engine]
    if request.selector:
        selector = request.selector
        chosen = yield from _wanted(
            chosen,
            lambda target: all(
                label in target.labels and fnmatchcase(target.labels[label], pattern)
                for label, pattern in selector.items()
            ),
        )
    return chosen, unknown


def _matching(
    patterns: Iterable[str], is_known: Callable[[str], bool], names: Callable[[], Sequence[str]]
) -> Pieces[tuple[list[str], list[str]]]:
    """Return the names that a pattern matches, and the patterns that match none. A name stands for itself first."""
    matched: set[str] = set()
    unknown: list[str] = []
    globs: list[str] = []
    for pattern in dict.fromkeys(patterns):
        if is_known(pattern):
            matched.add(pattern)
        elif _GLOB.isdisjoint(pattern):
            unknown.append(pattern)
        else:
            globs.append(pattern)
    if len(globs) > MOST_GLOBS:  # each is compared with every name
        message = f"more than {MOST_GLOBS} globs in one list; write names, or several requests"
        raise MessageRefused(message)
    all_names = names() if globs else []
    for glob in globs:
        found = yield from _wanted(all_names, functools.partial(_fits, glob))
        matched.update(found)
        if not found:
            unknown.append(glob)
    return sorted(matched), unknown


def _fits(glob: str, name: str) -> bool:
    return fnmatchcase(name, glob)


def _nothing_matches(
    request: CheckRequested, configuration: Configuration, targets: Sequence[Target], unknown: Sequence[str]
) -> str:
    if not configuration.all_targets():
        return "nothing matches: the inventory is empty; write targets with: watchword apply"
    if unknown:
        return f"nothing matches: unknown {', '.join(unknown[:20])}"
    if not targets:
        asked = [f"engine {request.engine}"] if request.engine else []
        asked += [f"{label}={pattern}" for label, pattern in (request.selector or {}).items()]
        return f"nothing matches: no target has {' and '.join(asked) or 'such a name'}"
    return "nothing matches: no check is enabled on the chosen targets"
