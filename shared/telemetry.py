"""Logs and metrics. Logs are structured: one line for each decision with its reason, as JSON for machines or as text
for people. Metrics that every stage has are defined here; a stage's own stand beside its core. Nothing here holds a
secret, and no label of a metric holds a name that others choose without bound.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import stamina.instrumentation
import structlog
from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("watchword_messages_total", "Messages handled", ["stage", "kind", "outcome"])
HANDLING_SECONDS = Histogram(
    "watchword_message_handling_seconds",
    "Time from receiving a message to its acknowledgement",
    ["stage", "kind"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)
DEAD_LETTERS = Counter("watchword_dead_letters_total", "Messages that could not be handled", ["stage"])
READ_AGAIN = Counter(
    "watchword_streams_read_again_total",
    "Readers made anew: messages were dropped on their way, or none came",
    ["stream"],
)
READY = Gauge("watchword_ready", "1 when the stage consumes and its view is current", ["stage"])
CONFIGURATION_REVISION = Gauge(
    "watchword_configuration_revision", "Newest revision of the configuration applied", ["stage"]
)


def configure_logging(
    log_format: Literal["auto", "json", "text"] = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Send structlog and the standard library's logging to one stream in one form."""
    out = stream or sys.stderr
    is_text = log_format == "text" or (log_format == "auto" and out.isatty())
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty())
        if is_text
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_steps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_noise, renderer],
        )
    )
    # ``publishing.py`` says what is tried again; stamina would say no more than that something is.
    stamina.instrumentation.set_on_retry_hooks(())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # httpx logs every request with its URL at info; FastStream each message; uvicorn each request for our health.
    for chatty in ("httpx", "httpcore", "faststream", "uvicorn", "uvicorn.access", "uvicorn.error", "nats", "pymongo"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _without_noise(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("logger", None)
    return event
