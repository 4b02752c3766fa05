"""What has a person to know about one check, who sees its finding or decides whether to run it? The page of a check."""

from collections.abc import Iterator

from shared.checks import Check
from tests.integration.library_proofs.pages.markdown import anchor, block, code, linked, plain, table
from tests.integration.library_proofs.pages.proven import ENGINES, FLAVOURS, Proof, Proven, in_words, product_of
from tests.integration.library_proofs.proof import Live
from watchword.monitoring_account import account

GENERATED = "<!-- Written by `make docs` from the file of the check and its proofs; change it there. -->"

_INTERVALS = {"standard": "every 24 hours", "frequent": "every 4 hours", "rare": "every 78 hours"}
_SHELLS = {"postgresql": "sql", "mysql": "sql", "mongodb": "javascript"}
_ALL_FLAVOURS = {"postgresql": ("postgresql",), "mysql": ("mysql", "percona", "mariadb"), "mongodb": ("mongodb",)}
_LIVE = (
    "Live: on that server the weakness is made, the check finds it with the labels it should have, the fix above is "
    "carried out, and the check passes."
)
_DOCUMENTED = (
    "Documented: no server of the tests can be made so. The script of the check gets the reply that the source "
    "documents, finds the weakness in it, and passes on a twin of the reply in which that is changed. No such server "
    "has answered the queries of the check."
)
_STAND_INS = {
    "mysql": "MariaDB stands for {others} here, on which no test has run.",
    "mongodb": "SecantusDB speaks MongoDB's wire protocol and stands for MongoDB here: no test has run on a mongod.",
}


def page(proven: Proven) -> str:
    """Return the page of a check."""
    return "\n".join(_lines(proven)) + "\n"


def _lines(proven: Proven) -> Iterator[str]:
    check = proven.check
    yield from (GENERATED, "", f"# {check.name}", "", f"{plain(check.summary)}.", "")
    yield from table(("", ""), list(_facts(proven)))
    yield from ("", "## Why", "", plain(check.description), "", "## How to fix it", "")
    yield from block(check.remediation, _SHELLS[check.engine])
    if "{{" in check.remediation:
        yield from ("", "`{{…}}` stands for a label of the finding; a finding shows the text with its own values.")
    yield from _parameters(check)
    yield from _privileges(check)
    yield from ("", "## How it is proven", "")
    yield from _proofs(proven)
    yield from ("", "## References", "")
    yield from (f"- {_reference(reference)}" for reference in check.references)
    file = f"checks/{check.engine}/{check.name}.yml"
    yield from ("", f"Its queries and its script: [{file}](../../../{file}). [All checks](../README.md)")


def _facts(proven: Proven) -> Iterator[tuple[str, str]]:
    check = proven.check
    yield "engine", ENGINES[check.engine]
    yield "category", plain(check.subcategory)
    yield "severity", in_words(map(code, proven.severities), "or")
    yield "interval", f"{check.interval}, {_INTERVALS[check.interval]}"
    yield "applies to", _applies_to(check)
    yield "since", code(check.since)


def _applies_to(check: Check) -> str:
    text = in_words(FLAVOURS[flavour] for flavour in _flavours(check))
    versions = check.requires.versions
    if versions:
        simple = versions.startswith(">=") and "," not in versions
        text += f", {plain(versions[2:])} or newer" if simple else f", versions {code(versions)}"
    return f"{text}; elsewhere it is `skipped`" if versions or check.requires.flavours else text


def _flavours(check: Check) -> tuple[str, ...]:
    return check.requires.flavours or _ALL_FLAVOURS[check.engine]


def _parameters(check: Check) -> Iterator[str]:
    if not check.parameters:
        return
    yield from ("", "## Parameters", "")
    rows = [
        (code(name), _default(parameter.default), plain(parameter.description))
        for name, parameter in check.parameters.items()
    ]
    yield from table(("name", "default", "meaning"), rows)


def _default(value: bool | float | str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(code, value)) or "none"
    return code(str(value).lower() if isinstance(value, bool) else str(value))


def _privileges(check: Check) -> Iterator[str]:
    yield from ("", "## Privileges", "")
    flavour = check.requires.flavours[0] if check.requires.flavours else check.engine
    _, *needed = account([check], flavour).statements
    if not needed:
        yield "None: an account that can log in can run it."
        return
    yield from block("\n".join(f"{statement};" for statement in needed), _SHELLS[check.engine])
    yield from ("", f"`watchword account {flavour}` prints what all checks need together.")


def _proofs(proven: Proven) -> Iterator[str]:
    yield from table(
        ("proof", "on", "case", "finding"), [_proof(proof, proven.check) for proof in proven.proofs] or [("none",) * 4]
    )
    if proven.live:
        yield from ("", _LIVE)
        others = [FLAVOURS[flavour] for flavour in _flavours(proven.check) if flavour != "mariadb"]
        if proven.check.engine in _STAND_INS and others:
            yield from ("", _STAND_INS[proven.check.engine].format(others=in_words(others)))
    if proven.documented:
        yield from ("", _DOCUMENTED)


def _proof(proof: Proof, check: Check) -> tuple[str, ...]:
    case, severity = plain(proof.case.replace("_", " ")), code(proof.severity)
    if isinstance(proof, Live):
        return "live", product_of(proof, check), case, severity
    return "documented", linked(proof.source), case, severity


def _reference(reference: str) -> str:
    if reference.startswith("CIS "):
        return f"[{plain(reference)}](../README.md#{anchor(reference)})"
    return linked(reference)
