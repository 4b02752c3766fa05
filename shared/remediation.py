"""From a check's remediation and the labels of one finding to the statement that fixes it, ready to be read and pasted.
``{{label}}`` becomes the label's value, quoted so that no value of a hostile server, such as a role named ``x; DROP``,
can become a statement of its own. In PostgreSQL a label is an identifier unless ``{{label|literal}}`` says otherwise,
in MySQL it is a literal unless ``{{label|identifier}}`` does (accounts are literals there), in MongoDB it is JSON. On a
comment line it is plain text without control characters.
"""

import json
import re
from collections.abc import Mapping

from shared.checks import Engine

PLACEHOLDER = re.compile(r"\{\{\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?:\|\s*(?P<form>identifier|literal)\s*)?\}\}")

_COMMENT_STARTS: dict[Engine, tuple[str, ...]] = {
    "postgresql": ("--",),
    "mysql": ("-- ", "#"),
    "mongodb": ("//",),
}
_DEFAULT_FORM: dict[Engine, str] = {"postgresql": "identifier", "mysql": "literal", "mongodb": "literal"}


def render_remediation(template: str, labels: Mapping[str, str], engine: Engine) -> str:
    """Return the remediation for one finding. A label that the finding does not have stays as ``<label>``."""
    return "\n".join(_line(line, labels, engine) for line in template.splitlines())


def labels_in(template: str) -> tuple[str, ...]:
    """Return the labels that a remediation needs, in the order of their first use."""
    return tuple(dict.fromkeys(match["label"] for match in PLACEHOLDER.finditer(template)))


def _line(line: str, labels: Mapping[str, str], engine: Engine) -> str:
    is_comment = line.lstrip().startswith(_COMMENT_STARTS[engine])

    def replaced(match: re.Match[str]) -> str:
        value = labels.get(match["label"])
        if value is None:
            return f"<{match['label']}>"
        if is_comment:
            return "".join(character if character.isprintable() else " " for character in value)
        return quoted(value, engine, match["form"] or _DEFAULT_FORM[engine])

    return PLACEHOLDER.sub(replaced, line)


def quoted(value: str, engine: Engine, form: str) -> str:
    """Return a value as an identifier or a literal of an engine."""
    if engine == "postgresql":
        return _postgresql(value, '"' if form == "identifier" else "'")
    if engine == "mysql":
        return _mysql_identifier(value) if form == "identifier" else _mysql_literal(value)
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _postgresql(value: str, quote: str) -> str:
    """Quote for PostgreSQL. A ``$`` is escaped, too: it could end the body of a ``DO $$ … $$``."""
    if all(character.isprintable() and character not in "\\$" for character in value):
        return quote + value.replace(quote, quote * 2) + quote
    escaped = (
        character * 2
        if character in (quote, "\\")
        else character
        if character.isprintable() and character != "$"
        else f"\\+{ord(character):06X}"
        for character in value
    )
    return f"U&{quote}{''.join(escaped)}{quote}"


def _mysql_identifier(value: str) -> str:
    return f"`{value.replace('`', '``')}`"


def _mysql_literal(value: str) -> str:
    """Quote for MySQL. A doubled backslash closes no string in any ``sql_mode``; without escapes it names another."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\x00", "\\0") + "'"
