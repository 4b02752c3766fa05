"""What a script may return: a list of findings, each a dict with the fields that PMM knows. One that breaks a rule
spoils them all, as in PMM, so that half an answer never looks like a whole one. Pure.
"""

import re
from dataclasses import dataclass, field

from services.checker.errors import ScriptFailed
from shared.severity import Severity

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WRONG_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"(?:[A-Za-z0-9\-._:~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})*")
_NAME = r"(?:[^ #%:\[\\\]^`{|}]|%[89A-Fa-f][0-9A-Fa-f])"
_HOST = re.compile(
    r"\[[^\]%]*(?:%25[^\]%]*)?\](?::[0-9]*)?"  # an address in brackets, perhaps with a zone
    rf"|(?:{_NAME}|:)*:[0-9]*|{_NAME}*"  # a name; escapes are for what is not ASCII
)
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ScriptFinding:
    """One finding as the script gave it. Texts may hold lone surrogates, as the values that the script saw."""

    summary: str
    description: str
    severity: Severity
    labels: dict[str, str] = field(default_factory=dict)
    read_more_url: str = ""


def findings_in(result: object) -> tuple[ScriptFinding, ...]:
    """Return the findings in what a script returned. Raises ``ScriptFailed`` when it is anything else."""
    if isinstance(result, str):
        raise ScriptFailed(f"script returned error: {result}")
    _check_value(result)
    if not isinstance(result, list):
        raise ScriptFailed(f"the script returned {_named(result)}; it has to return a list of findings")
    return tuple(_finding(item, number) for number, item in enumerate(result, start=1))


def _finding(item: object, number: int) -> ScriptFinding:
    where = f"finding {number}"
    if not isinstance(item, dict):
        raise ScriptFailed(f"{where} is {_named(item)}; it has to be a dict with summary and severity")
    name = _text(item, "severity", where, is_required=True)
    try:
        severity = Severity(name.strip().lower())
    except ValueError:
        raise ScriptFailed(f"{where} has the unknown severity {_shown(name)}; known: {', '.join(Severity)}") from None
    url = _text(item, "read_more_url", where)
    if url and not is_request_url(url):
        raise ScriptFailed(f"{where} has a read_more_url that is neither a URL nor an absolute path: {_shown(url)}")
    return ScriptFinding(
        summary=_text(item, "summary", where, is_required=True),
        description=_text(item, "description", where),
        severity=severity,
        labels=_labels(item, where),
        read_more_url=url,
    )


def _text(item: dict[object, object], name: str, where: str, *, is_required: bool = False) -> str:
    value = item.get(name, "")
    if not isinstance(value, str):
        raise ScriptFailed(f"{where}: {name} has to be a string, not {_named(value)}")
    if is_required and not value:
        raise ScriptFailed(f"{where} has no {name}")
    return value


def _labels(item: dict[object, object], where: str) -> dict[str, str]:
    labels = item.get("labels", {})
    if not isinstance(labels, dict):
        raise ScriptFailed(f"{where}: labels has to be a dict of strings, not {_named(labels)}")
    for name, value in labels.items():
        if not isinstance(value, str):
            raise ScriptFailed(f"{where}: the label {_shown(str(name))} has to be a string, not {_named(value)}")
    return {str(name): value for name, value in labels.items()}


def _check_value(value: object) -> None:
    """Refuse what PMM could not read at all, wherever it stands: keys that are no strings, integers beyond 64 bits."""
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise ScriptFailed(f"the script returned a dict with the key {_shown(str(name))}, which is no string")
            _check_value(item)
    elif isinstance(value, list):
        for item in value:
            _check_value(item)
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ScriptFailed("the script returned an integer of more than 64 bits")


def is_request_url(text: str) -> bool:
    """Tell whether Go's ``url.ParseRequestURI`` takes a text: an absolute URL or an absolute path."""
    if _CONTROL.search(text):
        return False
    rest, _, _ = text.partition("?")
    scheme = _SCHEME.match(rest)
    if scheme is None:
        return text == "*" or (rest.startswith("/") and not _WRONG_ESCAPE.search(rest))
    rest = rest[scheme.end() :]
    if not rest.startswith("/"):
        # As in "mailto:…", where anything goes.
        return True
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        user, _, host = authority.rpartition("@")
        return bool(_USER.fullmatch(user) and _HOST.fullmatch(host)) and not _WRONG_ESCAPE.search(slash + path)
    return not _WRONG_ESCAPE.search(rest)


_KINDS = {
    "NoneType": "None",
    "bool": "a bool",
    "int": "an int",
    "float": "a float",
    "str": "a string",
    "dict": "a dict",
}


def _named(value: object) -> str:
    kind = type(value).__name__
    return _KINDS.get(kind, f"a {kind}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
