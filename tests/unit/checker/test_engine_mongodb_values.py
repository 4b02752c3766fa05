"""BSON types as scripts for PMM know them, and what is taken out of users before anybody sees them."""

import datetime as dt
from typing import Any

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from services.checker.engines.mongodb_commands import without_keys
from services.checker.engines.mongodb_values import row, unpacked
from services.checker.errors import QueryFailed

TYPES: dict[str, tuple[Any, Any]] = {
    "null": (None, None),
    "true": (True, True),
    "int32": (-5, -5),
    "int64": (Int64(2**62), 2**62),
    "double": (0.5, 0.5),
    "string": ("é ☃", "é ☃"),
    "document": ({"a": {"b": Int64(1)}}, {"a": {"b": 1}}),
    "list": ([1, [Int64(2)], {"a": None}], [1, [2], {"a": None}]),
    "date": (dt.datetime(2026, 11, 23, 12, 0, 0, 1000, tzinfo=dt.UTC), 1_795_435_200_001_000_000),
    "date before 1970": (dt.datetime(1969, 12, 31, tzinfo=dt.UTC), -86_400_000_000_000),
    "date after the year 9999": (DatetimeMS(10**15), 10**21),
    "timestamp": (Timestamp(1_700_000_000, 7), 1_700_000_000_000_000_007),
    "object id": (ObjectId("0123456789abcdef01234567"), 'ObjectID("0123456789abcdef01234567")'),
    "binary": (b"\x00\xff", '{"subtype":0,"bytes":"AP8="}'),
    "uuid": (Binary(bytes(16), 4), '{"subtype":4,"bytes":"AAAAAAAAAAAAAAAAAAAAAA=="}'),
    "user-defined binary": (Binary(b"abc", 128), '{"subtype":128,"bytes":"YWJj"}'),
    "reference": (DBRef("things", 1), {"$ref": "things", "$id": 1}),
}

UNKNOWN_TO_PMM: dict[str, Any] = {
    "Decimal128": Decimal128("1.5"),
    "Regex": Regex("^a"),
    "MinKey": MinKey(),
    "MaxKey": MaxKey(),
    "Code": Code("f()", {"a": 1}),
}


def seen(value: Any) -> Any:
    return row(unpacked(bson.encode({"value": value})))["value"]


@pytest.mark.parametrize(("value", "expected"), TYPES.values(), ids=TYPES)
def test_type_is_what_scripts_for_pmm_know(value: Any, expected: Any) -> None:
    found = seen(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", UNKNOWN_TO_PMM.values(), ids=UNKNOWN_TO_PMM)
def test_type_that_pmm_does_not_know_fails_the_query_by_name(value: Any) -> None:
    with pytest.raises(QueryFailed, match=r"^value\.a\[0\] is a "):
        seen({"a": [value]})


def test_text_that_is_not_utf_8_is_kept() -> None:
    raw = bson.encode({"value": "x"}).replace(b"x\x00\x00", b"\xff\x00\x00")
    assert row(unpacked(raw)) == {"value": "\udcff"}


def test_what_is_not_bson_fails_the_query() -> None:
    with pytest.raises(QueryFailed, match="not BSON"):
        unpacked(b"\xff" * 64)


def test_nesting_has_a_limit() -> None:
    value: Any = 1
    for _ in range(250):
        value = [value]
    with pytest.raises(QueryFailed, match="nested deeper than 200 levels"):
        row({"value": value})


def test_keys_and_salts_are_taken_out_of_a_user_and_the_rest_stays() -> None:
    user = {
        "_id": "admin.a",
        "user": "a",
        "db": "admin",
        "pwd": "secret",
        "credentials": {
            "SCRAM-SHA-256": {"iterationCount": 15000, "salt": "secret", "storedKey": "secret", "serverKey": "secret"},
            "MONGODB-CR": "secret",
            "external": True,
            "NEW-MECHANISM": {"iterationCount": 1, "somethingNew": "secret"},
        },
        "mechanisms": ["SCRAM-SHA-256"],
    }
    assert without_keys(user) == {
        "_id": "admin.a",
        "user": "a",
        "db": "admin",
        "credentials": {
            "SCRAM-SHA-256": {"iterationCount": 15000},
            "MONGODB-CR": {},
            "external": True,
            "NEW-MECHANISM": {"iterationCount": 1},
        },
        "mechanisms": ["SCRAM-SHA-256"],
    }


@pytest.mark.parametrize("value", UNKNOWN_TO_PMM.values(), ids=UNKNOWN_TO_PMM)
def test_what_people_keep_with_a_user_does_not_hide_the_user(value: Any) -> None:
    user = unpacked(bson.encode({"user": "a", "customData": {"limits": [value, 1], "since": DatetimeMS(0)}}))
    seen_user = row(without_keys(user))
    assert seen_user == {"user": "a", "customData": {"limits": [str(value), 1], "since": 0}}
