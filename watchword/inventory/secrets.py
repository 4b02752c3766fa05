"""How the file names a secret: a reference to a variable or a file of whoever uses it, ``{env: …}`` or ``{file: …}``.
A password in clear is told apart here; whether it may stand where it stands is left to the caller.
"""

import re
from dataclasses import dataclass, field

from shared.targets import SECRET_VARIABLE_PREFIX, SecretReference, Tls
from watchword.inventory.spots import Spot

HOW_TO_REFER = f"write {{env: {SECRET_VARIABLE_PREFIX}…}} or {{file: path below the secrets folder}}"
TLS_FIELDS = ("mode", "ca_file", "cert_file", "key_file")
_A_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class Secret:
    """What the file says of one secret: where it is, or the secret itself."""

    reference: SecretReference | None = None
    in_clear: str | None = field(default=None, repr=False)


def secret(spot: Spot) -> Secret | None:
    """Read a secret; None, after a complaint, when it is neither a reference nor text."""
    if spot.is_text:
        text = spot.text()
        if text is None:
            return None
        if _A_VARIABLE.fullmatch(text):
            spot.complain("variables are not filled in here", HOW_TO_REFER)
            return None
        return Secret(in_clear=text)
    if not spot.is_map:
        # An empty password is none at all.
        if spot.shape != "a single value":
            spot.complain(f"must be a reference, not {spot.shape}", HOW_TO_REFER)
        return None
    fields = spot.fields(("env", "file"))
    values = {name: text for name, inner in fields.items() if (text := inner.text()) is not None}
    if spot.errors_below():
        return None
    reference = spot.model(SecretReference, values, fields)
    return Secret(reference=reference) if reference else None


def reference(spot: Spot) -> SecretReference | None:
    """Read a secret that must be a reference, for it travels in the configuration bucket."""
    found = secret(spot)
    if found is not None and found.in_clear is not None:
        spot.complain("a secret in clear can't travel to those who use it", HOW_TO_REFER)
        return None
    return found.reference if found else None


def tls(spot: Spot) -> Tls | None:
    """Read how a connection is protected: the fields, or the mode alone."""
    if spot.is_text:
        return spot.model(Tls, {"mode": spot.text()}, {"mode": spot})
    fields = spot.fields(TLS_FIELDS)
    values = {name: text for name, inner in fields.items() if (text := inner.text()) is not None}
    return spot.model(Tls, values, fields)
