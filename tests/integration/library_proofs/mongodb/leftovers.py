"""Proofs of the checks that ask what is left over: databases, users and logins that nobody should need any more."""

import json
from collections.abc import Callable

from tests.integration.library_proofs.lab import Lab
from tests.integration.library_proofs.proof import Documented, Live, statements


def _database(name: str) -> Callable[[Lab], None]:
    insert = '{"insert": "things", "documents": [{"a": 1}]}'
    return statements(f"db.getSiblingDB({json.dumps(name)}).runCommand({insert})")


PROOFS: tuple[Live | Documented, ...] = (
    Live(
        "mongodb_ransom_notes",
        _database("READ__ME_TO_RECOVER_YOUR_DATA"),
        severity="critical",
        labels={"database": "READ__ME_TO_RECOVER_YOUR_DATA"},
        accepted="READ__ME_TO_RECOVER_YOUR_DATA",
    ),
    Live(
        "mongodb_ransom_notes",
        _database("Warning"),
        severity="critical",
        labels={"database": "Warning"},
        accepted="Warning",
        case="one_word",
    ),
    Live(
        "mongodb_ransom_notes",
        _database("shop-meow"),
        severity="critical",
        labels={"database": "shop-meow"},
        accepted="shop-meow",
        case="renamed",
    ),
    Live(
        "mongodb_sample_databases",
        _database("sample_mflix"),
        severity="notice",
        labels={"database": "sample_mflix"},
        accepted="sample_mflix",
    ),
    Live(
        "mongodb_sample_databases",
        _database("test"),
        severity="notice",
        labels={"database": "test"},
        accepted="test",
        case="test",
    ),
    Live(
        "mongodb_users_without_roles",
        statements('db.getSiblingDB("admin").runCommand({"createUser": "gone", "pwd": "a-password", "roles": []})'),
        severity="notice",
        labels={"user": "gone", "database": "admin"},
        accepted="gone@admin",
    ),
    Live(
        "mongodb_second_logins",
        statements(
            'db.getSiblingDB("shop").runCommand({"insert": "orders", "documents": [{"total": 1}]})',
            'db.getSiblingDB("shop").runCommand({"createUser": "admin", "pwd": "a-password", "roles": ["read"]})',
        ),
        severity="notice",
        labels={"user": "admin", "database": "shop"},
        accepted="admin@shop",
    ),
)
