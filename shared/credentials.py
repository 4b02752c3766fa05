"""How do we show an HTTP server who we are, and know who it is? A credential of the configuration becomes what httpx
takes: an authentication and a TLS context. Nothing that was resolved is ever in an error or a repr. When it is
resolved, and which server it is for, is for the callers to say.
"""

import ssl
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import httpx

from shared.configuration import Credential
from shared.errors import WatchwordError
from shared.secrets import secret_file, secret_value


class CredentialUnusable(WatchwordError):
    """A certificate, key or TLS mode can't be used as it is."""


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["authorization"] = self._header
        yield request


def authentication(
    url: str, credential: Credential, secrets_folder: Path | None, environment: Mapping[str, str]
) -> httpx.Auth | None:
    """Return how to log in at a URL, a bearer token before a password.

    Raises ``SecretMissing`` and ``CredentialUnusable``.
    """
    if credential.bearer_token is not None:
        what = f"the bearer token of {url}"
        token = secret_value(what, credential.bearer_token, secrets_folder, environment)
        if not token.isascii():  # httpx's own complaint would show it
            message = f"{what} has characters that can't stand in a header"
            raise CredentialUnusable(message)
        return _Bearer(token)
    if credential.username is None:
        return None
    password = ""
    if credential.password is not None:
        password = secret_value(f"the password of {url}", credential.password, secrets_folder, environment)
    return httpx.BasicAuth(credential.username, password)


def tls_context(url: str, credential: Credential, secrets_folder: Path | None) -> ssl.SSLContext | bool:
    """Return how to protect the connection to a URL; its scheme decides whether there is TLS at all.

    With a certificate authority of its own only that one counts, otherwise those of the system and of certifi.
    Raises ``CredentialUnusable`` and ``SecretMissing``.
    """
    tls = credential.tls
    if not url.startswith("https:"):
        return True
    if tls is None:
        return _trusting_the_public()
    if tls.mode == "disable":
        message = f"{url} begins with https, but its tls.mode is disable; change one of them"
        raise CredentialUnusable(message)
    ca_file = secret_file(f"tls.ca_file of {url}", tls.ca_file, secrets_folder) if tls.ca_file else None
    cert_file = secret_file(f"tls.cert_file of {url}", tls.cert_file, secrets_folder) if tls.cert_file else None
    key_file = secret_file(f"tls.key_file of {url}", tls.key_file, secrets_folder) if tls.key_file else None
    try:
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else _trusting_the_public()
        if cert_file:
            # An empty password: a protected key must be an error here, not a question on the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
    except (OSError, ValueError) as broken:  # ssl.SSLError is an OSError
        message = f"a certificate or key for {url} can't be used: {broken}"
        raise CredentialUnusable(message) from None
    context.check_hostname = tls.mode == "verify-full"
    if tls.mode in {"prefer", "require"}:
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting_the_public() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
