"""How a driver's or server's words become part of an error's text: on one line, of bounded length, without control
characters, and without the target's password in any spelling. Which error it is, is for the engines.
"""

import json
import re
from urllib.parse import quote, quote_plus

from services.checker.engines.protocol import Login
from services.checker.errors import NotHere
from shared.checks import Query

LONGEST_TEXT = 600

SHORTEST_REPLACED_ANYWHERE = 4
"""A password of three letters is part of many words; it is replaced where it stands by itself."""


def not_here(query: Query, engine: str) -> NotHere:
    """Return why a query can't be asked of a database of this engine."""
    return NotHere(f"{query.type} can't be asked here: the target is {engine}")


def said(words: object, login: Login) -> str:
    """Return what a server or a driver said, fit to be read by anybody who reads alerts."""
    text = "".join(character if character.isprintable() else " " for character in str(words)[: 8 * LONGEST_TEXT])
    text = " ".join(without_password(text, login.password).split())
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def without_password(text: str, password: str | None) -> str:
    """Return the text with every spelling of the password replaced."""
    if not password:
        return text
    spellings = {
        password,
        quote(password),
        quote(password, safe=""),
        quote_plus(password),
        repr(password)[1:-1],
        repr(password.encode("utf-8", "surrogateescape"))[2:-1],
        json.dumps(password)[1:-1],
        password.replace("'", "''"),
        password.replace("'", "\\'"),
    }
    spellings |= {quote(password, safe="").replace("%", "%%"), quote(password, safe="").lower()}
    for spelling in sorted(spellings, key=len, reverse=True):
        if len(spelling) >= SHORTEST_REPLACED_ANYWHERE:
            text = text.replace(spelling, "***")
        else:
            text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", "***", text)
    return text
