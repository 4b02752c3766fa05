"""The AsyncAPI document, generated from the code: the subjects of ``shared.subjects`` and the models of the events, as
FastStream describes them. It says what other programs may publish and what they can follow; nothing of it connects.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import yaml
from faststream import FastStream
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from shared import subjects
from shared.events import (
    AlertChanged,
    CheckAccepted,
    CheckFinished,
    CheckRequested,
    CheckResult,
    CheckStarted,
    Event,
    RunRequested,
)
from shared.mutes import MuteRequested, MuteResult, UnmuteRequested

TAKEN: tuple[tuple[str, type[Event], str], ...] = (
    (
        subjects.CHECK_REQUESTED,
        CheckRequested,
        (
            "Run checks now. Everything is optional: the empty message runs every enabled check on every target. "
            "Answered by check.accepted. What can't be handled becomes a dead letter."
        ),
    ),
    (
        subjects.MUTE_REQUESTED,
        MuteRequested,
        "Mute one alert or whatever matches, for 24 h when silent. Answered by mute.result.",
    ),
    (subjects.UNMUTE_REQUESTED, UnmuteRequested, "End mutes, by their id or by the alert they mute."),
    (
        "check.result.verdict.{engine}.{target}.{check}",
        CheckResult,
        (
            "The current state of a check on a target. Other programs publish under engine names of their own; a "
            "verdict that fails becomes alerts, and expires after 7 days unless it says otherwise."
        ),
    ),
)
"""What other programs may publish: the subject, its event and what it is for."""

GIVEN: tuple[tuple[str, type[Event], str], ...] = (
    ("check.accepted.{request}", CheckAccepted, "What a request became: its targets, and what matched nothing."),
    ("check.started.{engine}.{target}.{what}", CheckStarted, "A run began."),
    (
        "check.result.error.{engine}.{target}.{check}",
        CheckResult,
        "A check could not look; the verdict before it stands.",
    ),
    (
        "check.finished.{engine}.{target}.{what}",
        CheckFinished,
        "A run ended. It answers every request for its target and checks stored in CHECK_RUNS up to `covers`.",
    ),
    ("mute.result.{mute}", MuteResult, "What became of a mute: its matchers, its end, its silences."),
    ("alert.firing.{engine}.{target}.{check}", AlertChanged, "A finding appeared. Once for each transition."),
    ("alert.resolved.{engine}.{target}.{check}", AlertChanged, "A finding is gone. Once for each transition."),
    (
        "check.requested.{lane}.{pool}.{target}.{what}",
        RunRequested,
        (
            "One target's part of a request, or a slot of the schedule. Between the stages; of each subject only "
            "the newest message waits."
        ),
    ),
)
"""What other programs can follow."""


def document() -> dict[str, Any]:
    """Return the document, its parts in a stable order, so that two runs write the same."""
    broker = NatsBroker("nats://localhost:4222", logger=None)
    for subject, model, description in TAKEN:
        receive = broker.subscriber(subject, title=subject, description=description)
        receive(_handler_of(model))
    for subject, model, description in GIVEN:
        broker.publisher(subject, title=subject, description=description, schema=model)
    specification = AsyncAPI(
        title="Watchword",
        version="1.0.0",
        description="Security checks for databases as events on NATS JetStream. A name in a subject is one token: "
        "letters, digits, `_` and `-` stand for themselves, any other byte of the UTF-8 is written `=HH`.",
        license={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    )
    specification.add_broker(broker)
    FastStream(broker, specification=specification, logger=None)
    made: dict[str, Any] = json.loads(specification.to_specification().to_json())
    for part in ("channels", "operations"):
        made[part] = dict(sorted(made[part].items()))
    made["components"] = {kind: dict(sorted(parts.items())) for kind, parts in sorted(made["components"].items())}
    return made


def as_yaml() -> str:
    """Return the document as YAML."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


def _handler_of(model: type[Event]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def receive(event: Any) -> None:
        """Take one event."""

    receive.__annotations__["event"] = model
    receive.__name__ = f"receive_{model.__name__}"
    return receive
