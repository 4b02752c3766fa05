"""Does a server read a text as our tokenizer did? What one of them takes for a comment, a space or the end of a string
and the other for code would be executed without being looked at. So whatever the tokenizer skipped must be what every
server skips, and whatever it took for quoted must end where the servers end it; all else is refused.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from sqlglot.tokenizer_core import Token, TokenType

Dialect = Literal["postgres", "mysql"]

_SKIPPED: dict[Dialect, re.Pattern[str]] = {
    "postgres": re.compile(r"(?:[ \t\n\r\f\v]|--[^\n\r]*|/\*(?:(?!\*/).)*\*/)*", re.DOTALL),
    "mysql": re.compile(r"(?:[ \t\n\r\f\v]|--(?=[ \t\n\r\f\v]|\Z)[^\n]*|#[^\n]*|/\*(?:(?!\*/).)*\*/)*", re.DOTALL),
}
"""What every server skips, too: spaces and comments. Nothing else may stand between two tokens."""

_QUOTED: dict[Dialect, re.Pattern[str]] = {
    "postgres": re.compile(
        r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[eE]'(?:[^'\\]|''|\\.)*'
        |\$(?P<tag>(?:[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*)?)\$(?:(?!\$(?P=tag)\$).)*\$(?P=tag)\$""",
        re.DOTALL | re.VERBOSE,
    ),
    "mysql": re.compile(r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`]|``)*`""", re.DOTALL | re.VERBOSE),
}
"""How the servers themselves see where a quoted text begins and ends."""

_OPENS = {"postgres": re.compile(r"""['"]|\$[^0-9]|[eE]'"""), "mysql": re.compile("""['"`]""")}


def misread(dialect: Dialect, tokens: Sequence[Token], sql: str) -> str:
    """Return why a server may read a text otherwise than these tokens say, or ""."""
    if not all(_SKIPPED[dialect].fullmatch(gap) for gap in _gaps(tokens, sql)):
        # MySQL takes "--" for a comment only before a space, and {# for the begin of an expression.
        return "it has a comment, or a space, that a server may take for something else; write it plainly"
    for token in tokens:
        written = sql[token.start : token.end + 1]
        if len(written) > 1 and _OPENS[dialect].match(written) and not _QUOTED[dialect].fullmatch(written):
            return "it has a quoted text that a server may take to end elsewhere; write it plainly"
        if dialect == "postgres" and token.token_type is TokenType.HEREDOC_STRING and written[1:2].isdigit():
            return "a dollar quote whose tag begins with a digit is none for a server; write it plainly"
    return ""


def _gaps(tokens: Sequence[Token], sql: str) -> Iterator[str]:
    """Yield the text between the tokens: what the tokenizer took for spaces and comments."""
    at = 0
    for token in tokens:
        yield sql[at : token.start]
        at = max(at, token.end + 1)
    yield sql[at:]
