"""How do we talk to one Alertmanager? One client for each URL (which may have a path), with basic auth, a bearer token
or a certificate, bounded in time and in what it reads. It guarantees that every failure is one of the exceptions of
``alertmanager_errors.py``, and that no secret is in a URL, an error or a repr. Which member of a cluster is asked, what
is sent again and when, is decided by its callers.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.alertmanager_api import AlertmanagerStatus, PostedAlert, PostedSilence, ShownAlert, Silence
from shared.alertmanager_errors import (
    AlertmanagerBusy,
    AlertmanagerRefused,
    AlertmanagerSilent,
    AlertmanagerUnauthorised,
    AlertmanagerUnreachable,
    BatchRefused,
    CredentialUnavailable,
    NotAnAlertmanager,
    PartlyRefused,
    SilenceRefused,
    TooManyRequests,
)
from shared.cloudevents import explain
from shared.configuration import Credential
from shared.credentials import CredentialUnusable, authentication, tls_context
from shared.secrets import SecretMissing

TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 3.0
SEND_TIMEOUT_SECONDS = 5.0
"""What is not sent by then is given up, and can't be done late: Alertmanager has not read it whole."""
LARGEST_ANSWER_BYTES = 128 * 1024 * 1024
"""Some 100,000 alerts. What is larger is not read to its end."""
LONGEST_REASON = 2000

Answer = TypeVar("Answer")
_ALERTS = TypeAdapter(list[ShownAlert])
_SILENCES = TypeAdapter(list[Silence])
_STATUS = TypeAdapter(AlertmanagerStatus)
_ANYTHING = TypeAdapter[Any](Any)
_TEXTS = TypeAdapter(dict[str, str])
_POSTED_ALERTS = TypeAdapter(list[PostedAlert])


class AlertmanagerClient:
    """One Alertmanager. Secrets are read anew for each request, so that one that was exchanged is used at once."""

    def __init__(
        self,
        url: str,
        credential: Credential | None = None,
        *,
        secrets_folder: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.url, self._login = _without_login(url)
        """Without a login, so that it may be shown."""
        self._credential = credential or Credential()
        self._secrets_folder = secrets_folder
        self._environment = environment
        self._timeout_seconds = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the next request would open new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def get_status(self) -> AlertmanagerStatus:
        """Return its version, its start and its cluster."""
        return self._read(_STATUS, await self._ask("GET", "status"))

    async def post_alerts(self, alerts: Sequence[PostedAlert]) -> None:
        """Send alerts. Raises ``BatchRefused`` when nothing was stored, ``PartlyRefused`` when the valid ones were."""
        body = _POSTED_ALERTS.dump_json(list(alerts), exclude_none=True)
        status, content = await self._exchange("POST", "alerts", content=body)
        if status in {400, 413, 415, 422}:
            reason = _reason_in(content)
            # A plain JSON string is what its own validation says, alert by alert; anything else came before that.
            if status == 400 and content.lstrip().startswith(b'"'):
                message = f"{self.url} dropped some of {len(alerts)} alerts and stored the others: {reason}"
                raise PartlyRefused(message, reason)
            message = f"{self.url} refused {len(alerts)} alerts together ({status}): {reason}"
            raise BatchRefused(message, reason)
        self._require_success(status, content)

    async def get_alerts(
        self,
        filters: Iterable[str] = (),
        *,
        active: bool = True,
        silenced: bool = True,
        inhibited: bool = True,
        unprocessed: bool = True,
    ) -> list[ShownAlert]:
        """Return the alerts that fire there. Each filter is a matcher, like ``severity="critical"``; all must hold."""
        shown = {"active": active, "silenced": silenced, "inhibited": inhibited, "unprocessed": unprocessed}
        parameters = [(name, str(is_asked).lower()) for name, is_asked in shown.items()]
        parameters += [("filter", matcher) for matcher in filters]
        return self._read(_ALERTS, await self._ask("GET", "alerts", parameters=parameters))

    async def get_silences(self, filters: Iterable[str] = ()) -> list[Silence]:
        """Return its silences, expired ones among them. A filter asks for silences with exactly that matcher."""
        parameters = [("filter", matcher) for matcher in filters]
        return self._read(_SILENCES, await self._ask("GET", "silences", parameters=parameters))

    async def post_silence(self, silence: PostedSilence) -> str:
        """Make or change a silence and return its id. After an error that ``may_have_happened``, list before trying
        again: two posts make two silences. Raises ``SilenceRefused`` also when there is none with the id to change.
        """
        body = silence.model_dump_json(exclude_none=True).encode()
        status, content = await self._exchange("POST", "silences", content=body)
        if status in {400, 404, 413, 422} and not (status == 404 and silence.id is None):
            reason = _reason_in(content)
            message = f"{self.url} refused a silence ({status}): {reason}"
            raise SilenceRefused(message, reason)
        self._require_success(status, content)
        answer = self._read(_TEXTS, content)
        if "silenceID" not in answer:
            message = f"{self.url} made a silence without telling its id; is it an Alertmanager?"
            raise NotAnAlertmanager(message)
        return answer["silenceID"]

    async def delete_silence(self, silence_id: str) -> None:
        """End a silence at once. One that is not there has ended already."""
        status, content = await self._exchange("DELETE", f"silence/{quote(silence_id, safe='')}")
        # 0.25 says 500 about a silence that it does not know, later ones 404.
        if status in {404, 500} and "not found" in _reason_in(content).lower():
            return
        if status == 404 and not content.strip():
            return
        self._require_success(status, content)

    async def _ask(self, method: str, path: str, *, parameters: Sequence[tuple[str, str]] = ()) -> bytes:
        status, content = await self._exchange(method, path, parameters=parameters)
        self._require_success(status, content)
        return content

    async def _exchange(
        self, method: str, path: str, *, content: bytes | None = None, parameters: Sequence[tuple[str, str]] = ()
    ) -> tuple[int, bytes]:
        """Send one request and read its answer. Raises ``AlertmanagerUnavailable`` when there is none."""
        client = self._connected()
        authenticated = self._authentication()
        headers = {"content-type": "application/json"} if content is not None else {}
        address = f"{self.url}/api/v2/{path}"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                request = client.build_request(
                    method, address, params=list(parameters), content=content, headers=headers
                )
                response = await client.send(request, stream=True, auth=authenticated)
                async with contextlib.aclosing(response):
                    return response.status_code, await self._bounded(response)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
        ) as failed:
            message = f"{self.url} can't be reached: {_short(failed)}"
            raise AlertmanagerUnreachable(message) from None
        except (httpx.HTTPError, OSError) as failed:
            # OSError: what a server says about our certificate in TLS 1.3 passes httpx as a bare ssl.SSLError.
            is_late = isinstance(failed, (TimeoutError, httpx.TimeoutException))
            seconds = SEND_TIMEOUT_SECONDS if isinstance(failed, httpx.WriteTimeout) else self._timeout_seconds
            why = f"not within {seconds:g} s" if is_late else _short(failed)
            message = f"{self.url} gave no whole answer to {method} {path}: {why}"
            raise AlertmanagerSilent(message) from None

    async def _bounded(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > LARGEST_ANSWER_BYTES:
                message = f"{self.url} answers with more than {LARGEST_ANSWER_BYTES} bytes; is it an Alertmanager?"
                raise NotAnAlertmanager(message)
        return bytes(content)

    def _require_success(self, status: int, content: bytes) -> None:
        if 200 <= status < 300:
            return
        reason = _reason_in(content)
        if status in {401, 403}:
            message = (
                f"{self.url} does not accept our credential ({status}); give it one in `alertmanagers`, or correct it"
            )
            raise AlertmanagerUnauthorised(message)
        if status == 429:
            message = f"{self.url} asks to slow down (429): {reason}"
            raise TooManyRequests(message)
        if status >= 500:
            message = f"{self.url} can't do this now ({status}): {reason}"
            raise AlertmanagerBusy(message)
        if status in {400, 422}:
            message = f"{self.url} refused a request ({status}): {reason}"
            raise AlertmanagerRefused(message, reason)
        message = (
            f"{self.url} does not speak Alertmanager's API v2 ({status}): is a path missing, such as /alertmanager, or "
            "does it lead elsewhere?"
        )
        raise NotAnAlertmanager(message)

    def _read(self, kind: TypeAdapter[Answer], content: bytes) -> Answer:
        try:
            return kind.validate_json(content)
        except ValidationError as strange:
            message = f"{self.url} answers with something that Alertmanager does not: {explain(strange)}"
            raise NotAnAlertmanager(message) from None

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            try:
                context = tls_context(self.url, self._credential, self._secrets_folder)
            except (SecretMissing, CredentialUnusable) as unusable:
                raise CredentialUnavailable(str(unusable)) from None
            timeout = httpx.Timeout(
                self._timeout_seconds,
                connect=min(CONNECT_TIMEOUT_SECONDS, self._timeout_seconds),
                write=min(SEND_TIMEOUT_SECONDS, self._timeout_seconds),
            )
            self._client = httpx.AsyncClient(
                verify=context,
                timeout=timeout,
                # A proxy or a .netrc of the environment must not see what is sent here, nor a redirect lead it astray.
                trust_env=False,
                follow_redirects=False,
                headers={"user-agent": "watchword", "accept": "application/json", "accept-encoding": "identity"},
            )
        return self._client

    def _authentication(self) -> httpx.Auth | None:
        try:
            shown = authentication(self.url, self._credential, self._secrets_folder, self._environment)
        except (SecretMissing, CredentialUnusable) as unusable:
            raise CredentialUnavailable(str(unusable)) from None
        return shown or (httpx.BasicAuth(*self._login) if self._login else None)


def _without_login(url: str) -> tuple[str, tuple[str, str] | None]:
    """Take a login out of a URL, and the slash off its end."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read here, for it is only looked at when it is asked for
    except ValueError:  # it may have a login all the same, so nothing of it is shown
        return "(not a URL)", None
    login = None
    if parts.username is not None:
        login = unquote(parts.username), unquote(parts.password or "")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), login


def _reason_in(content: bytes) -> str:
    """Return what an error's body says: a JSON string, an object with a message, or any text; on one line, capped."""
    text = content[: LONGEST_REASON * 4].decode(errors="replace")
    with contextlib.suppress(ValueError):
        said: Any = _ANYTHING.validate_json(content)
        text = str(said.get("message", said)) if isinstance(said, dict) else str(said)
    return " ".join(text.split())[:LONGEST_REASON] or "no reason given"


def _short(failed: BaseException) -> str:
    return str(failed) or type(failed).__name__
