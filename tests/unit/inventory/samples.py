"""Inventories and buckets without files and servers."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Setting
from shared.following import Stored
from shared.streams import CONFIGURATION
from shared.targets import Target
from watchword.inventory.bucket import Snapshot
from watchword.inventory.planning import Plan
from watchword.inventory.reading import Inventory

FILE = Path("watchword.yaml")


def a_check(name: str, **fields: object) -> Check:
    query = Query(type=QueryType.POSTGRESQL_SHOW)
    required = {"engine": "postgresql", "summary": name, "description": name, "queries": (query,), "script": "x"}
    return Check.model_validate({"name": name, **required, **fields})


def a_target(name: str, **fields: object) -> Target:
    return Target.model_validate({"name": name, "engine": "postgresql", "host": "db1", **fields})


def an_inventory(
    *things: Target | Check,
    settings: Mapping[tuple[str, ...], Setting] | None = None,
    passwords: Mapping[str, str] | None = None,
    broken_checks: frozenset[str] = frozenset(),
    broken_sources: frozenset[str] = frozenset(),
) -> Inventory:
    return Inventory(
        file=FILE,
        targets={one.name: one for one in things if isinstance(one, Target)},
        checks={one.name: one for one in things if isinstance(one, Check)},
        settings=settings or {},
        passwords=passwords or {},
        broken_checks=broken_checks,
        broken_sources=broken_sources,
    )


class Bucket:
    """A bucket in memory, with the sequences of a real one."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self.sequence = 0

    def put(self, key: str, value: BaseModel | bytes | None) -> None:
        self.sequence += 1
        data = value if isinstance(value, bytes) else b"" if value is None else value.model_dump_json().encode()
        headers = {"KV-Operation": "DEL"} if value is None else {}
        subject = subjects.bucket_subject(CONFIGURATION, key)
        self.snapshot.take(Stored(subject, self.sequence, data, headers, dt.datetime.now(dt.UTC)))

    def write(self, plan: Plan) -> None:
        for step in plan.steps:
            assert self.snapshot.revisions.get(step.key, 0) == step.expected
            self.put(step.key, step.value)


def bucket_with(*things: Target | Check) -> Bucket:
    bucket = Bucket()
    for one in things:
        bucket.put(subjects.target_key(one.name) if isinstance(one, Target) else subjects.check_key(one.name), one)
    return bucket
