"""A request for many becomes one part for each target. Names may be globs, labels select; what matched nothing is
listed, so that a typing error is seen and not silence. Pure: the inventory comes in, the parts go out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

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
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Part:
    """One target's part of a request."""

    target: str
    subject: str
    body: RunRequested


@dataclass(frozen=True, slots=True)
class Split:
    """What a request became."""

    what: str
    parts: tuple[Part, ...]
    unknown: tuple[str, ...]


def split(request: CheckRequested, configuration: Configuration, request_id: str) -> Split:
    """Split a request. Raises ``MessageRefused`` when it matches no target or no check there."""
    targets, unknown = _chosen_targets(request, configuration)
    candidates = configuration.all_checks()
    listed: list[str] | None = None
    if request.checks is not None:
        available = {check.name: check for check in candidates if _runs_on_any(configuration, check, targets)}
        listed, unmatched = _matching(request.checks, available.__contains__, lambda: available)
        # With no target there is nothing to say about checks.
        unknown += unmatched if targets else []
        candidates = [available[name] for name in listed]
    what = EVERYTHING if listed is None else subjects.what_of_checks(listed)
    asked = [target for target in targets if any(is_enabled(configuration, check, target) for check in candidates)]
    if not asked:
        raise MessageRefused(_nothing_matches(request, configuration, targets, unknown))
    lane: Lane = "now" if len(asked) <= MOST_TARGETS_NOW else "bulk"
    body = RunRequested(checks=listed, request_id=request_id, requested_by=request.requested_by, reason=request.reason)
    parts = tuple(
        Part(target.name, subjects.run_requested(lane, target.pool, target.name, what), body) for target in asked
    )
    return Split(what, parts, tuple(unknown))


def accepted(result: Split, request: CheckRequested, request_id: str, sequence: int, first: int) -> list[CheckAccepted]:
    """Return what to publish of a split: as many messages as its names need."""
    names = [part.target for part in result.parts]
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


def _chosen_targets(request: CheckRequested, configuration: Configuration) -> tuple[list[Target], list[str]]:
    unknown: list[str] = []
    if request.targets is None:
        chosen = configuration.all_targets()
    else:
        # A person mostly asks for one by its name, which must not take longer for there being 10,000 others.
        names, unknown = _matching(
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
        chosen = [
            target
            for target in chosen
            if all(
                label in target.labels and fnmatchcase(target.labels[label], pattern)
                for label, pattern in selector.items()
            )
        ]
    return chosen, unknown


def _matching(
    patterns: Iterable[str], is_known: Callable[[str], bool], names: Callable[[], Iterable[str]]
) -> tuple[list[str], list[str]]:
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
    if len(globs) > MOST_GLOBS:  # each is compared with every name, and meanwhile nothing else is done here
        message = f"more than {MOST_GLOBS} globs in one list; write names, or several requests"
        raise MessageRefused(message)
    all_names = list(names()) if globs else []
    for glob in globs:
        found = [name for name in all_names if fnmatchcase(name, glob)]
        matched.update(found)
        if not found:
            unknown.append(glob)
    return sorted(matched), unknown


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
