"""Reading and writing CloudEvents on NATS. Our own events go out in binary content mode: the attributes are headers,
the body is the event itself. What comes in may be that, or a structured CloudEvent (the event stands in its ``data``),
or plain JSON without any header, or nothing at all: the empty message is the empty event.
"""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from shared.errors import MessageRefused
from shared.events import Event

SPECIFICATION_VERSION = "1.0"
_JSON = "application/json"
EventModel = TypeVar("EventModel", bound=Event)


def headers_of(kind: str, *, source: str, identifier: str, at: dt.datetime) -> dict[str, str]:
    """Return the headers of one of our events: ``kind`` is its subject without names, like ``check.finished``.

    Header values are percent-encoded as the CloudEvents HTTP binding asks (the NATS binding has none of its own).
    """
    return {
        "ce-specversion": SPECIFICATION_VERSION,
        "ce-type": f"watchword.{kind}",
        "ce-source": quote(source, safe="/:@._-~"),
        "ce-id": quote(identifier, safe="/:@._-~="),
        "ce-time": at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "content-type": _JSON,
    }


def read(model: type[EventModel], data: bytes, headers: Mapping[str, str] | None = None) -> EventModel:
    """Read one event in whichever of the four forms it came.

    Raises ``MessageRefused`` with a reason for people: not UTF-8, not JSON, not an object, half of a surrogate pair, or
    the first wrong field.
    """
    if headers is not None and headers.get("content-type") == _JSON and not _may_be_structured(data):
        # As our own programs write: in one step, which takes a third of the time.
        try:
            return model.model_validate_json(data)
        except ValidationError:
            return _read_thoroughly(model, data, headers)
    return _read_thoroughly(model, data, headers)


def _may_be_structured(data: bytes) -> bool:
    return b"specversion" in data or (b"\\" in data and b"\\u" in data)  # a name may be written in escapes


def _read_thoroughly(model: type[EventModel], data: bytes, headers: Mapping[str, str] | None) -> EventModel:
    body = _json_object(data)
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    is_structured = lowered.get("content-type", "").startswith("application/cloudevents+json") or (
        "specversion" in body and "type" in body and "source" in body
    )
    if is_structured:
        body = _data_of(body)
    try:
        return model.model_validate(body)
    except ValidationError as refused:
        raise MessageRefused(explain(refused)) from None


def explain(refused: ValidationError, *, shows_value: bool = True) -> str:
    """Say in one line which field is wrong and how, without repeating long values; none where it may be a secret."""
    errors = refused.errors(include_url=False, include_context=False)
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "the message"
    value = f", got {json.dumps(first['input'], default=str)[:80]}" if shows_value else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {first['msg']}{value}{more}"


def _json_object(data: bytes) -> dict[str, object]:
    if not data.strip():
        return {}
    try:
        # Decoded here: json would take UTF-16 and UTF-32 too, by guessing.
        body = json.loads(data.decode())
        if b"\\u" in data:
            # JSON can write half of a surrogate pair, UTF-8 can't: whatever is made of such a text fails later on.
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        message = "not UTF-8"
        raise MessageRefused(message) from None
    except UnicodeEncodeError as half:
        message = f"a text has half of a surrogate pair ({half.object[half.start]!r}), so it is no Unicode text"
        raise MessageRefused(message) from None
    except (json.JSONDecodeError, RecursionError, ValueError) as broken:
        message = f"not JSON: {broken}"
        raise MessageRefused(message) from None
    if not isinstance(body, dict):
        message = f"not a JSON object but {type(body).__name__}"
        raise MessageRefused(message)
    return body


def _data_of(envelope: dict[str, object]) -> dict[str, object]:
    encoded = envelope.get("data_base64")
    if isinstance(encoded, str):
        try:
            return _json_object(base64.b64decode(encoded, validate=True))
        except binascii.Error:
            message = "data_base64 of the CloudEvent is not base64"
            raise MessageRefused(message) from None
    data = envelope.get("data", {})
    if isinstance(data, str):
        return _json_object(data.encode())
    if data is None:
        return {}
    if not isinstance(data, dict):
        message = f"data of the CloudEvent is not an object but {type(data).__name__}"
        raise MessageRefused(message)
    return data
