"""Each BSON type as a real server stores it and sends it back, and what a script sees of it. No command that a check
may ask returns them all, so they are read from a collection; from the bytes on it is the way of every answer.
"""

import datetime as dt
import math
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from examples.servers.database import DatabaseServer
from services.checker.engines.mongodb_values import row, unpacked
from services.checker.errors import QueryFailed
from services.checker.script import ScriptJob, run_script

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)

VALUES: dict[str, tuple[Any, Any, str]] = {
    "null": (None, None, "NoneType"),
    "true": (True, True, "bool"),
    "int32": (-(2**31), -(2**31), "int"),
    "int64": (Int64(2**62), 2**62, "int"),
    "small int64": (Int64(7), 7, "int"),
    "double": (0.1, 0.1, "float"),
    "whole double": (1.0, 1.0, "float"),
    "infinity": (math.inf, math.inf, "float"),
    "string": ("é ☃ 𝄞", "é ☃ 𝄞", "string"),
    "document": ({"a": {"b": [1, None]}}, {"a": {"b": [1, None]}}, "dict"),
    "array": ([1, "a", {"b": True}], [1, "a", {"b": True}], "list"),
    "date": (NOON, 1_795_435_200_000_000_000, "int"),
    "timestamp": (Timestamp(1_795_435_200, 7), 1_795_435_200_000_000_007, "int"),
    "object id": (ObjectId("0123456789abcdef01234567"), 'ObjectID("0123456789abcdef01234567")', "string"),
    "binary": (Binary(b"\xff\x00", 5), '{"subtype":5,"bytes":"/wA="}', "string"),
}


def stored(server: DatabaseServer, value: Any) -> bytes:
    """Return a document as the server sends it."""
    with MongoClient[Any](server.host, server.port, directConnection=True, document_class=RawBSONDocument) as client:
        collection = client["watchword_bson"]["values"]
        identifier = collection.insert_one({"value": value}).inserted_id
        found = collection.find_one({"_id": identifier})
        assert found is not None
        return bytes(found.raw)


@pytest.mark.parametrize(("value", "expected", "kind"), VALUES.values(), ids=VALUES)
def test_a_value_is_the_one_that_scripts_for_pmm_know(
    mongodb: DatabaseServer, value: Any, expected: Any, kind: str
) -> None:
    answer = row(unpacked(stored(mongodb, value)))
    assert (answer["value"], type(answer["value"])) == (expected, type(expected))
    script = (
        'def check_context(docs, context):\n  return [{"summary": type(docs[0][0]["value"]), "severity": "info"}]\n'
    )
    (finding,) = run_script(ScriptJob("c", script, 2, ([answer],))).findings
    assert finding.summary == kind


@pytest.mark.parametrize(
    "value", [Decimal128("1.5"), Regex("a"), MinKey(), MaxKey(), Code("x")], ids=lambda value: type(value).__name__
)
def test_what_pmm_does_not_know_fails_the_query_by_name(mongodb: DatabaseServer, value: Any) -> None:
    with pytest.raises(QueryFailed, match=f"value is a {type(value).__name__}, which scripts can't be given"):
        row(unpacked(stored(mongodb, value)))
