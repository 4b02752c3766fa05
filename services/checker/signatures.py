"""Which checks may run here? Without a public key every check. With one (or several, while keys change) only those
whose definition is what a file says that was signed with minisign. The file's bytes and its signature travel with the
check, and everything is verified here, for whoever can write the configuration must not be able to change what runs.
The keys come from the checker's own environment.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

import minisign  # type: ignore[import-untyped] # it is annotated, and lacks the file that says so

from shared.check_files.reading import read_content
from shared.checks import Check

KEY_VARIABLE = "WATCHWORD_CHECK_PUBLIC_KEY"

_NOT_SIGNED = frozenset({"source", "signed", "signature", "category"})
"""What of a definition is not compared: where it came from, and the category, which another file of advisors may give.
None of it decides what runs.
"""


def public_keys(text: str) -> tuple[minisign.PublicKey, ...]:
    """Return the keys in a text, separated by commas or spaces. Raises ``ValueError`` for what is none."""
    keys = []
    for word in text.replace(",", " ").split():
        try:
            keys.append(minisign.PublicKey.from_base64(word))
        except minisign.Error as broken:
            message = f"{word[:8]}… is no public key of minisign ({broken}); it is the second line of minisign.pub"
            raise ValueError(message) from None
    return tuple(keys)


class Signatures:
    """The checks that may run, by the keys of this checker. What was verified once is not verified again."""

    def __init__(self, keys: Sequence[minisign.PublicKey] = ()) -> None:
        self._keys = tuple(keys)
        self._known: dict[str, tuple[Check, str | None]] = {}

    def refusal(self, check: Check) -> str | None:
        """Return why a check must not run here, or None when it may."""
        if not self._keys:
            return None
        known = self._known.get(check.name)
        # The configuration makes a new object of each definition that is written.
        if known is None or known[0] is not check:
            known = self._known[check.name] = (check, self._refusal(check))
        return known[1]

    def _refusal(self, check: Check) -> str | None:
        if not check.signed or not check.signature:
            how = "sign its file" if check.source == "built-in" else f"minisign -Sm {check.source}"
            return (
                f"not run: {check.source} is not signed, and this checker runs signed checks only; {how}, and apply it"
            )
        try:
            content = base64.b64decode(check.signed, validate=True)
            signature = minisign.Signature.from_bytes(check.signature.encode())
        except (binascii.Error, minisign.Error, ValueError) as broken:
            return f"not run: the signature of {check.source} can't be read ({broken}); sign it again, and apply it"
        if not any(_is_good(key, content, signature) for key in self._keys):
            return (
                f"not run: the signature of {check.source} is none of its content by a key of this checker "
                f"({KEY_VARIABLE}); was the file changed after it was signed?"
            )
        signed = {each.name: each for each in read_content(content, Path(check.source)).checks}.get(check.name)
        if signed is None:
            return f"not run: {check.source} is signed, and has no check {check.name}"
        if _what_runs(signed) != _what_runs(check):
            return (
                f"not run: the definition of {check.name} is not what {check.source} says, which was signed; apply it "
                "again, with the version of Watchword that this checker has"
            )
        return None


def _is_good(key: minisign.PublicKey, content: bytes, signature: minisign.Signature) -> bool:
    try:
        key.verify(content, signature)
    except (minisign.Error, UnicodeError):
        return False
    return True


def _what_runs(check: Check) -> dict[str, object]:
    return check.model_dump(mode="json", exclude=set(_NOT_SIGNED))
