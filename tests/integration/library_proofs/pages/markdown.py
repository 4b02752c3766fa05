"""How is a text written so that Markdown shows just that text? For the Markdown of GitHub."""

import re
from collections.abc import Iterator, Sequence

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
_AT_START = re.compile(r"[#+=-]|(?P<number>\d+)[.)](?=\s|$)")
_PAGE = re.compile(r"https://\S+?(?=[,.;:]?(?:\s|$))")


def plain(text: str) -> str:
    """Return a text on one line that means nothing to Markdown, for a paragraph, a heading or a cell."""
    escaped = _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))
    found = _AT_START.match(escaped)
    if not found:
        return escaped
    # A digit can't be escaped: "1. Install" becomes "1\. Install".
    place = len(found["number"] or "")
    return f"{escaped[:place]}\\{escaped[place:]}"


def linked(text: str) -> str:
    """Return such a text in which the addresses of pages are links."""
    parts, end = [], 0
    for found in _PAGE.finditer(text):
        parts += [_spaced(text[end : found.start()]), f"<{found[0]}>"]
        end = found.end()
    return "".join([*parts, _spaced(text[end:])]).strip()


def _spaced(text: str) -> str:
    """Return a part of a text as plain text that keeps its place beside a link."""
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"\s+", " ", text))


def code(text: str) -> str:
    """Return a text as code within a line or a cell."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def block(text: str, language: str) -> Iterator[str]:
    """Yield the lines of a block of code."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from text.rstrip("\n").splitlines()
    yield fence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; cells are Markdown already."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def anchor(heading: str) -> str:
    """Return the name under which GitHub lets a link find a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
