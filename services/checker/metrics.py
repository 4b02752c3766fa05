"""Asking a Prometheus-compatible server what PMM's checks ask it: METRICS_INSTANT and METRICS_RANGE, with their
templates and durations. It guarantees PMM's shape of the answer, an end within the time and the size allowed, and that
no secret is in an error. Which server it is says the configuration; where there is none, nothing is asked.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from services.checker.engines.budget import Budget
from services.checker.engines.protocol import Limits, Row, Rows
from services.checker.errors import QueryFailed, QueryTimeout, ResultTooLarge, SecretUnavailable
from shared.check_files.durations import parse_go_duration
from shared.checks import Query, QueryType
from shared.configuration import Credential, MetricsSource
from shared.credentials import CredentialUnusable, authentication, tls_context
from shared.secrets import SecretMissing
from shared.targets import Target

NODE_LABEL = "node_name"
"""The label of a target that says on which node it runs, when that is not its host."""

CONNECT_SECONDS = 5.0
LONGEST_REASON = 600

_ACTION = re.compile(r"(?P<left>\s*\{\{-\s|\{\{)(?P<action>.*?)(?P<right>\s-\}\}\s*|\}\})", re.DOTALL)
_FIELD = re.compile(r"\s*\.(?P<name>[A-Za-z_]\w*)\s*")
_COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
_SHAPES = {"vector": "value", "matrix": "values"}


class Metrics:
    """The way to metrics; it keeps its connections open from run to run."""

    def __init__(self, secrets_folder: Path | None, environment: Mapping[str, str]) -> None:
        self._secrets_folder = secrets_folder
        self._environment = environment
        self._clients: dict[tuple[str, Credential], httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def ask(
        self, source: MetricsSource, query: Query, target: Target, timeout_seconds: float, limits: Limits
    ) -> Rows:
        """Return the answer to one query for one target. Raises one of ``QueryFailed``, or ``SecretUnavailable``."""
        path, form = request_of(query, target, time.time())
        form["timeout"] = f"{timeout_seconds:.3f}"
        try:
            async with asyncio.timeout(timeout_seconds):
                status, content = await self._post(source, path, form, limits)
        except (TimeoutError, httpx.TimeoutException):
            raise QueryTimeout(f"{source.url} did not answer within {timeout_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failed:
            raise QueryFailed(f"{source.url} can't be asked: {str(failed) or type(failed).__name__}") from None
        return rows_of(source.url, status, content, limits)

    async def _post(
        self, source: MetricsSource, path: str, form: Mapping[str, str], limits: Limits
    ) -> tuple[int, bytes]:
        client, shown = self._client(source)
        request = client.build_request("POST", f"{source.url.rstrip('/')}/api/v1/{path}", data=dict(form))
        response = await client.send(request, stream=True, auth=shown)
        async with contextlib.aclosing(response):
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > Budget(limits).wire_bytes:
                    raise ResultTooLarge(f"{source.url} answers with more than {Budget(limits).wire_bytes} bytes")
            return response.status_code, bytes(content)

    def _client(self, source: MetricsSource) -> tuple[httpx.AsyncClient, httpx.Auth | None]:
        key = source.url, source.credential
        try:
            if key not in self._clients:
                context = tls_context(source.url, source.credential, self._secrets_folder)
                # A proxy or a .netrc of the environment must not see what is sent, nor a redirect lead it astray.
                self._clients[key] = httpx.AsyncClient(
                    verify=context,
                    timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
                    trust_env=False,
                    follow_redirects=False,
                    headers={"user-agent": "watchword", "accept": "application/json", "accept-encoding": "identity"},
                )
            shown = authentication(source.url, source.credential, self._secrets_folder, self._environment)
        except (SecretMissing, CredentialUnusable) as unusable:
            raise SecretUnavailable(str(unusable)) from None
        return self._clients[key], shown


def request_of(query: Query, target: Target, now: float) -> tuple[str, dict[str, str]]:
    """Return which path is asked, and with what. Raises ``QueryFailed`` for a template or duration that can't be read.

    As in PMM an instant query is asked as of ``lookback`` ago, and a range ends then.
    """
    form = {"query": rendered(query.text, target)}
    end = now - _seconds(query, "lookback", 0.0)
    if query.type is QueryType.METRICS_INSTANT:
        return "query", {**form, "time": f"{end:.3f}"}
    start = end - _seconds(query, "range")
    step = _seconds(query, "step")
    return "query_range", {**form, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}


def _seconds(query: Query, name: str, absent: float | None = None) -> float:
    written = query.parameter(name)
    seconds = absent if written is None else parse_go_duration(written)
    if seconds is None:
        raise QueryFailed(f"{query.type.value}: its parameter {name} is {written!r}, which is no duration")
    return seconds


def rendered(text: str, target: Target) -> str:
    """Return a query with its template filled in: {{.ServiceName}}, {{.NodeName}}, and {{.ServiceID}}, which is empty.

    Raises ``QueryFailed`` for everything else that Go's templates can do.
    """
    values = {
        "ServiceName": target.name,
        "NodeName": target.labels.get(NODE_LABEL) or target.host,
        "ServiceID": "",
    }

    def replaced(match: re.Match[str]) -> str:
        if _COMMENT.fullmatch(match["action"]):
            return ""
        field = _FIELD.fullmatch(match["action"])
        if field is None or field["name"] not in values:
            known = ", ".join(f"{{{{.{name}}}}}" for name in values)
            raise QueryFailed(f"the query's template has {match[0].strip()}; known: {known}")
        return _escaped(values[field["name"]])

    made = _ACTION.sub(replaced, text)
    if "{{" in made:
        raise QueryFailed("the query's template has {{ without }}")
    return made


def _escaped(value: str) -> str:
    """Return a name as it stands between quotes in PromQL, so that no name can become part of the query."""
    return json.dumps(value, ensure_ascii=False)[1:-1].replace("'", "\\'").replace("`", "")


def rows_of(url: str, status: int, content: bytes, limits: Limits) -> Rows:
    """Return the rows of an answer in PMM's shape. Raises ``QueryFailed`` for an error and for what is no list."""
    if status in {401, 403}:
        message = f"{url} does not accept our credential ({status}); give it one in `metrics`, or correct it"
        raise QueryFailed(message)
    try:
        body: Any = json.loads(content)
        if body["status"] != "success":
            raise QueryFailed(_said(url, status, str(body.get("error", "no reason given"))))
        kind, result = body["data"]["resultType"], body["data"]["result"]
        if kind not in _SHAPES:
            raise QueryFailed(f"unexpected value type {kind!r}: a query must give a vector, for example vector(…)")
        budget = Budget(limits)
        rows = [_row(series, _SHAPES[kind]) for series in result]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise QueryFailed(_said(url, status, "an answer that Prometheus does not give; is a path missing?")) from None
    for row in rows:
        budget.take(row)
    return rows


def _row(series: dict[str, Any], samples: str) -> Row:
    """Return one series. The times are floats also when they are whole."""
    row: dict[str, Any] = {"metric": dict(series["metric"])}
    if samples in series:
        pairs = [series[samples]] if samples == "value" else series[samples]
        floats = [[float(moment), str(value)] for moment, value in pairs]
        row[samples] = floats[0] if samples == "value" else floats
    return row | {name: value for name, value in series.items() if name not in {"metric", samples}}


def _said(url: str, status: int, reason: str) -> str:
    text = " ".join("".join(character if character.isprintable() else " " for character in reason).split())
    return f"{url} says ({status}): {text[:LONGEST_REASON]}"
