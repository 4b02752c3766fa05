"""What the TLS modes of a target mean for a client, the same for every engine: libpq's meaning. The contexts verify as
soon as there is something to verify with. Files that can't serve are found here, before a driver sees them, since the
drivers' own words for that help nobody.
"""

import ssl
from pathlib import Path

from services.checker.engines.protocol import Login
from services.checker.errors import SecretUnavailable

SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep the certificates they trust, for drivers that bring an OpenSSL of their own."""


def is_wanted(login: Login) -> bool:
    """Return whether the connection may use TLS at all."""
    return login.target.tls.mode != "disable"


def is_required(login: Login) -> bool:
    """Return whether a connection without TLS must not be made."""
    return login.target.tls.mode in {"require", "verify-ca", "verify-full"}


def verifies_certificate(login: Login) -> bool:
    """Return whether the server's certificate is checked: with ``require`` only when there is a CA file, as libpq."""
    mode = login.target.tls.mode
    return mode in {"verify-ca", "verify-full"} or (mode == "require" and login.ca_file is not None)


def verifies_name(login: Login) -> bool:
    """Return whether the certificate must be for the target's host name."""
    return login.target.tls.mode == "verify-full"


def client_context(login: Login) -> ssl.SSLContext:
    """Return the context for the target's mode. Raises ``SecretUnavailable`` for files that can't serve."""
    # Not create_default_context(): MySQL's own certificates do not pass the strict check that it has since Python 3.13.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verifies_name(login)
    context.verify_mode = ssl.CERT_REQUIRED if verifies_certificate(login) else ssl.CERT_NONE
    if verifies_certificate(login):
        _trust(context, login)
    _present(context, login)
    return context


def trusted_file(login: Login) -> Path | None:
    """Return the file of authorities to verify with, for drivers that take a path: the target's, or the system's."""
    if login.ca_file is not None:
        return login.ca_file
    paths = [ssl.get_default_verify_paths().cafile, *SYSTEM_AUTHORITIES]
    return next((Path(path) for path in paths if path and Path(path).is_file()), None)


def _trust(context: ssl.SSLContext, login: Login) -> None:
    file = trusted_file(login)
    if file is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=file)
    except (OSError, ValueError) as error:
        failure = _unfit("ca_file", login.target.tls.ca_file or str(file), error)
    else:
        return
    raise failure


def _present(context: ssl.SSLContext, login: Login) -> None:
    if login.cert_file is None:
        return
    try:
        # Without a password of its own, OpenSSL asks for the one of an encrypted key on the terminal.
        context.load_cert_chain(login.cert_file, login.key_file, password="")
    except (OSError, ValueError) as error:
        which = "cert_file" if login.key_file is None else "cert_file and tls.key_file"
        failure = _unfit(which, login.target.tls.cert_file or "", error)
    else:
        return
    raise failure


def _unfit(which: str, path: str, error: Exception) -> SecretUnavailable:
    why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return SecretUnavailable(
        f"tls.{which} ({path}) can't be used ({why}); it takes PEM files that belong together, and no passphrase"
    )
